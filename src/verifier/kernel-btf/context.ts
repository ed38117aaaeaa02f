/** Contexts whose words are the arguments of a function, typed by its prototype (btf_ctx_access, kernel/bpf/btf.c v6.18). */
import type { Btf, BtfFuncProto } from '../../btf/index.ts';
import type { Direction } from '../access/region.ts';
import { FLAG, KIND, kindOf, type Reg, setBtfPointer, setPointer } from '../state/reg.ts';
import { narrowToS32 } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { isProgramContext, kernelContext } from './context-types.ts';
import { kernelStruct } from './lookup.ts';
import { tracepointArg } from './null-args.ts';
import type { AttachTarget } from './target.ts';
import { isComposite, kindText, shownName, skipModifiers } from './walk.ts';

/** Most arguments of a function (MAX_BPF_FUNC_ARGS), of eight bytes each. */
const CONTEXT_SIZE = 12 * 8;
/** Arguments where the prototype is not known (MAX_BPF_FUNC_REG_ARGS). */
const UNTYPED_ARGS = 5;
const ATTACH = { RAW_TP: 23, FEXIT: 25, MODIFY_RETURN: 26, LSM_MAC: 27, LSM_CGROUP: 43 } as const;
const LSM = 29;

/** What a load from the context gives. */
interface Given {
  readonly type: number;
  readonly btf?: Btf;
  readonly target?: number;
  /** The hook's result: its range is known. */
  readonly result?: boolean;
  readonly refId?: number;
}

const SCALAR: Given = { type: KIND.SCALAR };

/**
 * An access of `size` bytes at `off` of the context of a program that is attached to `target`.
 * @param to loaded register, or -1
 * @returns whether the access is allowed; why not stands in the log, as the kernel has it
 */
export function accessArguments(
  v: Verification,
  target: AttachTarget,
  at: { off: number; size: number; direction: Direction },
  to: number,
): boolean {
  const { off, size, direction } = at;
  // Security hooks are asked about the type of the argument alone.
  if (v.program.type !== LSM && (off < 0 || off >= CONTEXT_SIZE || direction === 'write' || off % size !== 0)) return false;
  let given = argument(v, target, off, size);
  if (given === undefined) return false;
  if (target.structOps === 'tcp_congestion_ops') given = asTcpSock(v, given);
  if (direction === 'read' && to >= 0) give(v, given, target, v.reg(to), to);
  return true;
}

function give(v: Verification, given: Given, target: AttachTarget, reg: Reg, to: number): void {
  if (given.type === KIND.SCALAR) {
    v.markUnknown(to);
    if (given.result === true && target.returns !== undefined) narrowToS32(reg, target.returns[0], target.returns[1]);
    return;
  }
  if (kindOf(given.type) === KIND.BTF_ID && given.btf !== undefined) {
    setBtfPointer(reg, given.type, given.btf, given.target ?? 0);
    reg.refId = given.refId ?? 0;
  } else {
    setPointer(reg, given.type);
  }
  if ((given.type & FLAG.MAYBE_NULL) !== 0) reg.id = v.newId();
}

function say(v: Verification, line: string): undefined {
  v.log.write(`${line}\n`);
  return undefined;
}

/** Number of the argument at an offset; one more than there are for the result, two more beyond (btf_ctx_arg_idx). */
function argumentIndex(btf: Btf, proto: BtfFuncProto | undefined, off: number): number {
  if (proto === undefined) return Math.floor(off / 8);
  let end = 0;
  for (const [i, id] of [...proto.params.map((p) => p.type), proto.returnType].entries()) {
    const { type } = skipModifiers(btf, id);
    end += type.kind === 'ptr' ? 8 : Math.ceil(('size' in type ? type.size : 0) / 8) * 8;
    if (off < end) return i;
  }
  return proto.params.length + 1;
}

function argument(v: Verification, target: AttachTarget, off: number, size: number): Given | undefined {
  const { btf, proto, name } = target;
  if (off % 8 !== 0) return say(v, `func '${name}' offset ${off} is not multiple of 8`);
  const index = argumentIndex(btf, proto, off);
  const params = proto?.params.slice(target.skipped);
  const count = params?.length ?? UNTYPED_ARGS;
  if (index > count) return say(v, `func '${name}' doesn't have ${index + 1}-th argument`);
  let id: number;
  let result = false;
  if (index === count) {
    const returned = resultType(v, target, index);
    if (returned === undefined) return undefined;
    if (returned === 'untyped') return SCALAR;
    id = returned;
    result = v.program.expectedAttachType === ATTACH.LSM_MAC;
  } else {
    if (params === undefined) return SCALAR;
    id = params[index]?.type ?? 0;
  }
  const { type } = skipModifiers(btf, id);
  if (type.kind === 'int' && type.size <= 8) return { type: KIND.SCALAR, result };
  if (type.kind === 'enum' || type.kind === 'enum64' || isComposite(type)) return { type: KIND.SCALAR, result };
  if (type.kind !== 'ptr') {
    return say(v, `func '${name}' arg${index} '${shownName(type.name)}' has type ${kindText(type)}. Only pointer access is allowed`);
  }
  if (size !== 8) return say(v, `func '${name}' size ${size} must be 8`);
  return pointerArgument(v, target, { off, index, pointee: type.type, param: index === count ? undefined : params?.[index]?.name });
}

/** The type of the function's result where programs see it; undefined where they do not. */
function resultType(v: Verification, { btf, proto, name }: AttachTarget, index: number): number | 'untyped' | undefined {
  switch (v.program.expectedAttachType) {
    case ATTACH.LSM_MAC:
    case ATTACH.LSM_CGROUP:
    case ATTACH.FEXIT:
      return proto === undefined ? 'untyped' : proto.returnType;
    case ATTACH.MODIFY_RETURN: {
      if (proto === undefined) return undefined;
      const { type } = skipModifiers(btf, proto.returnType);
      if (type.kind === 'int' && type.size <= 8) return proto.returnType;
      return say(v, `ret type ${kindText(type)} not allowed for fmod_ret`);
    }
    default:
      return say(v, `func '${name}' doesn't have ${index + 1}-th argument`);
  }
}

interface PointerArg {
  readonly off: number;
  readonly index: number;
  readonly pointee: number;
  /** Name of the parameter; undefined for the result. */
  readonly param: string | undefined;
}

function pointerArgument(v: Verification, target: AttachTarget, arg: PointerArg): Given | undefined {
  const { btf, name } = target;
  const { off, index } = arg;
  const known = target.args.find((a) => a.offset === off);
  if (known !== undefined && kindOf(known.type) === KIND.BUF && (known.type & FLAG.MAYBE_NULL) !== 0) return { type: known.type };
  const direct = skipModifiers(btf, arg.pointee);
  if (direct.type.kind === 'void' || direct.type.kind === 'int') return SCALAR;
  if (known !== undefined) {
    if (known.btf === undefined || known.target === undefined) return say(v, `invalid btf_id for context argument offset ${off}`);
    return { type: known.type, btf: known.btf, target: known.target, refId: v.argumentRefs.get(off) ?? 0 };
  }
  let flags = target.trusted ? FLAG.TRUSTED : 0;
  if (arg.param?.endsWith('__nullable') === true) flags |= FLAG.MAYBE_NULL;
  let isError = false;
  if (v.program.expectedAttachType === ATTACH.RAW_TP) {
    const facts = tracepointArg(name, index);
    if (facts?.orNull === true || (facts === undefined && btf.base !== undefined)) flags |= FLAG.MAYBE_NULL;
    isError = facts?.orError === true;
  }
  if (v.program.attachProgram !== undefined) return fromProgram(v, target, arg, flags);
  const tag = btf.type(arg.pointee);
  if (tag.kind === 'type_tag') flags |= tag.name === 'user' ? FLAG.USER : tag.name === 'percpu' ? FLAG.PERCPU : 0;
  if (!isComposite(direct.type)) return say(v, `func '${name}' arg${index} type ${kindText(direct.type)} is not a struct`);
  say(v, `func '${name}' arg${index} has btf_id ${direct.id} type ${kindText(direct.type)} '${shownName(direct.type.name)}'`);
  if (isError) {
    v.log.write(`marking pointer arg${index} as scalar as it may encode error`);
    return SCALAR;
  }
  return { type: KIND.BTF_ID | flags, btf, target: direct.id };
}

/** An argument of another program is its context, which is the kernel's structure behind it. */
function fromProgram(v: Verification, target: AttachTarget, arg: PointerArg, flags: number): Given | undefined {
  const type = v.program.attachProgram?.type ?? 0;
  if (!isProgramContext(v, target.btf, arg.pointee, type)) return undefined;
  const kernel = kernelContext(v, type);
  return kernel === undefined ? undefined : { type: KIND.BTF_ID | flags, btf: kernel.btf, target: kernel.id };
}

/** Congestion control sees whole TCP sockets where its prototypes say sock (bpf_tcp_ca_is_valid_access). */
function asTcpSock(v: Verification, given: Given): Given {
  const unsafe = FLAG.MAYBE_NULL | FLAG.UNTRUSTED | FLAG.USER | FLAG.PERCPU | FLAG.RCU | FLAG.RDONLY;
  if (kindOf(given.type) !== KIND.BTF_ID || (given.type & unsafe) !== 0 || given.target !== kernelStruct(v, 'sock')?.id) return given;
  return { ...given, target: kernelStruct(v, 'tcp_sock')?.id ?? 0 };
}
