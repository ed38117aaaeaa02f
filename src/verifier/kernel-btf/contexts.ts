/** Context types by program type: what programs see and what the kernel has, from the kernel's own list (struct bpf_ctx_convert, v6.18). */
import { type Btf, type BtfType, isModifier } from '../../btf/index.ts';
import type { Verification } from '../verification.ts';
import { isProjection } from './match.ts';

const LIST = 'bpf_ctx_convert';
const KPROBE = 2;
const USER_REGS = 'bpf_user_pt_regs_t';

/** Type ids of the context in the kernel's BTF, as programs see it and as the kernel has it. */
export interface ContextTypes {
  readonly program: number;
  readonly kernel: number;
}

/** Context types of the program's type; undefined where the kernel's BTF does not tell. */
export function contextTypes(v: Verification): ContextTypes | undefined {
  const btf = v.environment.kernelBtf;
  const id = btf?.find(LIST, 'struct');
  if (btf === undefined || id === undefined) return undefined;
  const list = btf.type(id);
  if (list.kind !== 'struct') return undefined;
  const name = `BPF_PROG_TYPE_${v.row.name.toUpperCase()}`;
  const program = list.members.find((m) => m.name === `${name}_prog`);
  const kernel = list.members.find((m) => m.name === `${name}_kern`);
  return program === undefined || kernel === undefined ? undefined : { program: program.type, kernel: kernel.type };
}

/** Whether a parameter of type `pointer` (resolved) is the context of the program's type, by its name (btf_is_prog_ctx_type). */
export function isContextPointer(v: Verification, btf: Btf, pointer: BtfType): boolean {
  const { kernelBtf } = v.environment;
  if (pointer.kind !== 'ptr' || kernelBtf === undefined) return false;
  if (v.program.type === KPROBE && namesUserRegs(btf, pointer.type)) return true;
  const target = btf.resolve(pointer.type);
  if (target.kind !== 'struct' && target.kind !== 'union') return false;
  const types = contextTypes(v);
  if (types === undefined) return false;
  for (let type = kernelBtf.type(types.program); ; type = kernelBtf.type(type.type)) {
    if (type.name === '') return false;
    if (isProjection(type.name, target.name) || type.name === target.name) return true;
    if (!isModifier(type)) return false;
  }
}

function namesUserRegs(btf: Btf, id: number): boolean {
  let type = btf.type(id);
  while (isModifier(type) && type.kind !== 'typedef') type = btf.type(type.type);
  return type.kind === 'typedef' && type.name === USER_REGS;
}
