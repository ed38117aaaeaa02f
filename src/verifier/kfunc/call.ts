/** Which kernel function a call names, and what is known of it: its prototype from BTF, its flags and who may call it from our table (fetch_kfunc_meta, v6.18). */
import type { Btf, BtfFuncProto } from '../../btf/index.ts';
import { PSEUDO_CALL, type Slot } from '../../isa/index.ts';
import { KFUNC_BY_NAME, type KfuncFlag, type KfuncRow, kfuncAllowed } from '../../kfuncs/index.ts';
import { type Refusal, refuse } from '../refusal.ts';
import type { Verification } from '../verification.ts';

const CALL = 0x85;
/** A symbol of every kernel: without it, nothing is known of symbols. */
const ALWAYS_THERE = '_stext';

/** MAX_KFUNC_DESCS. */
const MAX_KFUNCS = 256;
/** MAX_BPF_FUNC_ARGS. */
const MAX_PARAMS = 12;
const MAX_PARAM_SIZE = 16;

/** A kernel function that the program calls. */
export interface KfuncCall {
  readonly name: string;
  /** Where its id and types are: the kernel's BTF, or a module's. */
  readonly btf: Btf;
  readonly id: number;
  readonly proto: BtfFuncProto;
  /** Its name stands for what the verifier knows by name: those of modules do not. */
  readonly special: string;
  /** Undefined where our table does not have it: then nobody may call it. */
  readonly row: KfuncRow | undefined;
  /** Programs of this type may call it. */
  readonly allowed: boolean;
}

export function isKfuncCall(insn: Slot): boolean {
  return insn.code === CALL && insn.src === PSEUDO_CALL.KFUNC;
}

export function hasFlag(call: KfuncCall, flag: KfuncFlag): boolean {
  return call.row?.flags.includes(flag) === true;
}

/** KF_TRUSTED_ARGS, which KF_RELEASE implies. */
export function wantsTrusted(call: KfuncCall): boolean {
  return hasFlag(call, 'trusted_args') || hasFlag(call, 'release');
}

/** The function of a kfunc call, if the program may call it. */
export function kfuncOf(v: Verification, insn: Slot): KfuncCall | undefined {
  if (!isKfuncCall(insn)) return undefined;
  const call = v.kfuncs.get(keyOf(insn));
  return call?.allowed === true ? call : undefined;
}

/** The function of a kfunc call, allowed or not. */
export function namedKfunc(v: Verification, insn: Slot): KfuncCall | undefined {
  return v.kfuncs.get(keyOf(insn));
}

function keyOf(insn: Slot): string {
  return `${insn.imm >>> 0},${insn.off}`;
}

/** Notes the function of a kfunc call (add_kfunc_call). @returns why it is refused before anything is simulated */
export function addKfunc(v: Verification, insn: Slot): Refusal | undefined {
  const { gplCompatible } = v.program;
  const { kernelBtf } = v.environment;
  const id = insn.imm >>> 0;
  // What libbpf leaves of a function that it did not find may stand where control never comes.
  const absent = id === 0 && insn.off === 0;
  if (kernelBtf === undefined && !absent) {
    return refuse('ENOTSUPP', 'calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF');
  }
  if (!gplCompatible) return refuse('EINVAL', 'cannot call kernel function from non-GPL compatible program');
  if (absent || kernelBtf === undefined) return undefined;
  const btf = insn.off === 0 ? kernelBtf : moduleBtf(v, insn.off);
  if ('errno' in btf) return { ...btf, message: `${btf.message}\nfailed to find BTF for kernel function` };
  if (v.kfuncs.has(keyOf(insn))) return undefined;
  if (v.kfuncs.size >= MAX_KFUNCS) return refuse('E2BIG', 'too many different kernel function calls');
  const func = id < btf.count ? btf.type(id) : undefined;
  if (func?.kind !== 'func') return refuse('EINVAL', `kernel btf_id ${id} is not a function`);
  const proto = btf.type(func.type);
  if (proto.kind !== 'func_proto') return refuse('EINVAL', `kernel function btf_id ${id} does not have a valid func_proto`);
  const row = KFUNC_BY_NAME.get(func.name);
  if (row === undefined && insn.off === 0 && lacksSymbol(v, func.name)) {
    return refuse('EINVAL', `cannot find address for kernel function ${func.name}`);
  }
  if (row?.only === 'device_bound') return refuse('EINVAL', 'metadata kfuncs require device-bound program');
  const unfit = unfitProto(btf, func.name, proto);
  if (unfit !== undefined) return refuse('EINVAL', unfit);
  const { type, expectedAttachType = 0 } = v.program;
  const allowed = row !== undefined && kfuncAllowed(row, { type: v.program.attachProgram?.type ?? type, expectedAttachType });
  v.kfuncs.set(keyOf(insn), { name: func.name, btf, id, proto, special: btf === kernelBtf ? func.name : '', row, allowed });
  return undefined;
}

/** The compiler renamed or dropped the function: a kernel that tells its symbols has none of this name. */
function lacksSymbol({ environment: { symbol } }: Verification, name: string): boolean {
  return symbol?.(ALWAYS_THERE) !== undefined && symbol(name) === undefined;
}

function moduleBtf(v: Verification, off: number): Btf | Refusal {
  if (off < 0) return refuse('EINVAL', 'negative offset disallowed for kernel module function call');
  return v.environment.moduleBtf?.(off) ?? refuse('EPROTO', 'kfunc offset > 0 without fd_array is invalid');
}

/** What cannot be called from a program at all (btf_distill_func_proto). */
function unfitProto(btf: Btf, name: string, proto: BtfFuncProto): string | undefined {
  if (proto.params.length > MAX_PARAMS) return `The function ${name} has ${proto.params.length} arguments. Too many.`;
  const returned = btf.resolve(proto.returnType);
  if (returned.kind === 'struct' || returned.kind === 'union') {
    return `The function ${name} return type ${returned.kind.toUpperCase()} is unsupported.`;
  }
  for (const [i, param] of proto.params.entries()) {
    if (param.type === 0) {
      return i === proto.params.length - 1
        ? `The function ${name} with variable args is unsupported.`
        : `The function ${name} has malformed void argument.`;
    }
    const type = btf.resolve(param.type);
    const size = 'size' in type ? type.size : type.kind === 'ptr' ? 8 : -1;
    if (size < 0 || size > MAX_PARAM_SIZE) return `The function ${name} arg${i} type ${type.kind.toUpperCase()} is unsupported.`;
  }
  return undefined;
}
