/**
 * The type that stands for a program type's context in BTF, and the kernel's own type behind it: the kernel's BTF lists both in
 * `struct bpf_ctx_convert` (find_canonical_prog_ctx_type, btf_is_prog_ctx_type, btf_validate_prog_ctx_type, v6.18).
 */
import { type Btf, type BtfType, isModifier } from '../../btf/index.ts';
import { PROGRAM_TYPE_BY_ID } from '../../programs/index.ts';
import type { Verification } from '../verification.ts';
import type { KernelType } from './lookup.ts';
import { isComposite, skipModifiers } from './walk.ts';

const TYPE = { KPROBE: 2, TRACEPOINT: 5, PERF_EVENT: 7, RAW_TRACEPOINT: 17, RAW_TRACEPOINT_WRITABLE: 24 } as const;
const BTF_TYPE = { TRACING: 26, STRUCT_OPS: 27, EXT: 28, LSM: 29, SYSCALL: 31 } as const;
const ATTACH = { RAW_TP: 23, FENTRY: 24, FEXIT: 25, MODIFY_RETURN: 26, ITER: 28 } as const;
/** Longest chain of typedefs and qualifiers that is followed. */
const MAX_CHAIN = 32;
const USER_PT_REGS = 'bpf_user_pt_regs_t';
/** Contexts of the kernel that the programs' ones are views of. */
const PROJECTIONS: Readonly<Record<string, string>> = { __sk_buff: 'sk_buff', xdp_md: 'xdp_buff' };

/** Names that the context type of a program type goes by, typedef first; empty where it has none. */
function contextNames(v: Verification, progType: number): readonly string[] {
  const listed = convertMember(v, progType, 'prog');
  if (listed !== undefined) {
    const names: string[] = [];
    let { id } = listed;
    for (let depth = 0; depth < MAX_CHAIN; depth++) {
      const type = listed.btf.type(id);
      names.push(type.name);
      if (!isModifier(type)) break;
      id = type.type;
    }
    return names;
  }
  const spelled = PROGRAM_TYPE_BY_ID.get(progType)?.ctxType ?? '';
  return spelled.startsWith('struct ') ? [spelled.slice('struct '.length)] : [''];
}

function convertMember(v: Verification, progType: number, side: 'prog' | 'kern'): KernelType | undefined {
  const btf = v.environment.kernelBtf;
  const id = btf?.find('bpf_ctx_convert', 'struct');
  if (btf === undefined || id === undefined) return undefined;
  const convert = btf.type(id);
  const name = `BPF_PROG_TYPE_${PROGRAM_TYPE_BY_ID.get(progType)?.name.toUpperCase()}_${side}`;
  const member = isComposite(convert) ? convert.members.find((m) => m.name === name) : undefined;
  return member === undefined ? undefined : { btf, id: member.type };
}

/** The kernel's structure that programs of the type see as their context. */
export function kernelContext(v: Verification, progType: number): KernelType | undefined {
  return convertMember(v, progType, 'kern');
}

/** The typedef that a type is spelled with, below qualifiers. */
function typedefName(btf: Btf, id: number): string | undefined {
  let type = btf.type(id);
  for (let depth = 0; isModifier(type) && type.kind !== 'typedef' && depth < MAX_CHAIN; depth++) type = btf.type(type.type);
  return type.kind === 'typedef' ? type.name : undefined;
}

/** Whether `pointee`, which a parameter points to, is the context of programs of the type. */
export function isProgramContext(v: Verification, btf: Btf, pointee: number, progType: number): boolean {
  if (progType === TYPE.KPROBE && typedefName(btf, pointee) === USER_PT_REGS) return true;
  const { type } = skipModifiers(btf, pointee);
  if (!isComposite(type)) return false;
  for (const name of contextNames(v, progType)) {
    if (name === '') return false;
    if (name === type.name || PROJECTIONS[name] === type.name) return true;
  }
  return false;
}

/** Why a parameter that is tagged as the context cannot be it; undefined where it can. `pointee` is what it points to. */
export function contextComplaint(v: Verification, btf: Btf, pointee: number, arg: number, progType: number): string | undefined {
  if ((progType === TYPE.KPROBE || progType === TYPE.PERF_EVENT) && typedefName(btf, pointee) === USER_PT_REGS) return undefined;
  const { type } = skipModifiers(btf, pointee);
  if (type.kind === 'void') return undefined;
  if (type.name === '') return `arg#${arg} type doesn't have a name`;
  if (isSpecialContext(type, progType, v.program.expectedAttachType ?? 0)) return undefined;
  const wanted = contextNames(v, progType).at(-1) ?? '';
  if (!hasStructContext(v, progType)) return `arg#${arg} should be void pointer`;
  return type.kind === 'struct' && type.name === wanted ? undefined : `arg#${arg} should be \`struct ${wanted} *\``;
}

function hasStructContext(v: Verification, progType: number): boolean {
  const listed = convertMember(v, progType, 'prog');
  if (listed === undefined) return contextNames(v, progType)[0] !== '';
  return skipModifiers(listed.btf, listed.id).type.kind === 'struct';
}

function isSpecialContext(type: BtfType, progType: number, attachType: number): boolean {
  const word = type.kind === 'int' && type.size === 8;
  const struct = type.kind === 'struct';
  switch (progType) {
    case TYPE.KPROBE:
    case TYPE.PERF_EVENT:
      return struct && type.name === 'pt_regs';
    case TYPE.RAW_TRACEPOINT:
    case TYPE.RAW_TRACEPOINT_WRITABLE:
    case BTF_TYPE.LSM:
    case BTF_TYPE.STRUCT_OPS:
      return word;
    case BTF_TYPE.TRACING:
      if (attachType === ATTACH.RAW_TP) return word || (struct && type.name === 'bpf_raw_tracepoint_args');
      if (attachType === ATTACH.ITER) return struct && type.name.startsWith('bpf_iter__');
      return word && (attachType === ATTACH.FENTRY || attachType === ATTACH.FEXIT || attachType === ATTACH.MODIFY_RETURN);
    case TYPE.TRACEPOINT:
    case BTF_TYPE.SYSCALL:
    case BTF_TYPE.EXT:
      return true;
    default:
      return false;
  }
}
