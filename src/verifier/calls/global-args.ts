/** What the parameters of a function take, by its prototype and the tags on its parameters (btf_prepare_func_args, kernel/bpf/btf.c v6.18). */
import type { ErrnoName } from '../../base/index.ts';
import { type Btf, type BtfFunc, type BtfInt, essentialName } from '../../btf/index.ts';
import { contextComplaint, isProgramContext } from '../kernel-btf/context-types.ts';
import type { KernelType } from '../kernel-btf/lookup.ts';
import { isComposite, kindText, resolveSize, shownName, skipModifiers } from '../kernel-btf/walk.ts';
import { FLAG } from '../state/reg.ts';
import type { Verification } from '../verification.ts';

/** What a parameter takes. */
export type FunctionArg =
  | { readonly kind: 'scalar' | 'ctx' | 'dynptr' | 'arena' }
  /** Any pointer: read only through loads that cannot fault. */
  | { readonly kind: 'untrusted_memory' }
  | { readonly kind: 'memory'; readonly size: number; readonly nonNull: boolean }
  /** A structure of the kernel; `flags` are TRUSTED with MAYBE_NULL or without, or UNTRUSTED. */
  | { readonly kind: 'btf'; readonly type: KernelType; readonly flags: number };

/** Why a function's parameters cannot be checked. An empty message: static functions need not be checked. */
export interface ArgsRefusal {
  readonly errno: ErrnoName;
  readonly message: string;
}

/** A function whose parameters are asked for. */
export interface DescribedFunction {
  readonly btf: Btf;
  readonly func: BtfFunc;
  readonly linkage: 'global' | 'static';
  /** Type of the program whose context it may take. */
  readonly progType: number;
}

const MAX_REG_ARGS = 5;
const PREFIX = 'arg:';
const REGULAR_BYTES: readonly number[] = [1, 2, 4, 8, 16];
const TAGS: readonly string[] = ['ctx', 'trusted', 'untrusted', 'nonnull', 'nullable', 'arena'];

/** The parameters of a function, or why they cannot be checked. */
export function functionArgs(v: Verification, f: DescribedFunction): readonly FunctionArg[] | ArgsRefusal {
  const { btf, func } = f;
  const silent = refusal('EINVAL', '');
  const isGlobal = f.linkage === 'global';
  const proto = btf.type(func.type);
  if (proto.kind !== 'func_proto') return refusal('EFAULT', `Invalid type of function ${func.name}()`);
  if (proto.params.length > MAX_REG_ARGS) {
    const message = `Global function ${func.name}() with ${proto.params.length} > ${MAX_REG_ARGS} args. Buggy compiler.`;
    return isGlobal ? refusal('EINVAL', message) : silent;
  }
  const returned = skipModifiers(btf, proto.returnType).type;
  if (returned.kind !== 'int' && returned.kind !== 'enum' && returned.kind !== 'enum64') {
    return isGlobal ? refusal('EINVAL', `Global function ${func.name}() doesn't return scalar. Only those are supported.`) : silent;
  }
  const args: FunctionArg[] = [];
  for (const [i, param] of proto.params.entries()) {
    const tags = tagsOf(btf, func, i);
    if (tags.length > 0 && !isGlobal) return refusal('EOPNOTSUPP', `arg#${i} type tag is not supported in static functions`);
    if (tags.some((tag) => !TAGS.includes(tag))) return refusal('EOPNOTSUPP', `arg#${i} has unsupported set of tags`);
    const arg = argOf(v, f, i, param.type, new Set(tags));
    if ('errno' in arg) return arg;
    args.push(arg);
  }
  return args;
}

function refusal(errno: ErrnoName, message: string): ArgsRefusal {
  return { errno, message };
}

/** What the `arg:` declaration tags of a parameter say. Looked for only in checks of functions, of which there are few. */
function tagsOf(btf: Btf, func: BtfFunc, param: number): string[] {
  const tags: string[] = [];
  for (let id = btf.first; id < btf.count; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const tag = btf.type(id);
    if (tag.kind === 'decl_tag' && tag.type === func.id && tag.component === param && tag.name.startsWith(PREFIX)) {
      tags.push(tag.name.slice(PREFIX.length));
    }
  }
  return tags;
}

function argOf(v: Verification, f: DescribedFunction, i: number, typeId: number, tags: ReadonlySet<string>): FunctionArg | ArgsRefusal {
  const { btf, func, progType } = f;
  const { type } = skipModifiers(btf, typeId);
  const invalid = (message: string): ArgsRefusal => refusal('EINVAL', message);
  const combination = invalid(`arg#${i} has invalid combination of tags`);
  const others = (tag: string): boolean => tags.size > (tags.has(tag) ? 1 : 0);
  if (type.kind === 'ptr') {
    if (tags.has('ctx') || isProgramContext(v, btf, type.type, progType)) {
      if (others('ctx')) return combination;
      const complaint = tags.has('ctx') ? contextComplaint(v, btf, type.type, i, progType) : undefined;
      return complaint === undefined ? { kind: 'ctx' } : invalid(complaint);
    }
    if (isDynptr(btf, type.type)) return tags.size > 0 ? combination : { kind: 'dynptr' };
    if (tags.has('trusted')) {
      if (tags.has('nonnull')) return combination;
      const kernel = kernelTypeOf(v, btf, type.type, i);
      if ('errno' in kernel) return kernel;
      return { kind: 'btf', type: kernel, flags: FLAG.TRUSTED | (tags.has('nullable') ? FLAG.MAYBE_NULL : 0) };
    }
    if (tags.has('untrusted')) {
      if (others('untrusted')) return invalid(`arg#${i} untrusted cannot be combined with any other tags`);
      return untrusted(v, btf, type.type, i);
    }
    if (tags.has('arena')) return others('arena') ? invalid(`arg#${i} arena cannot be combined with any other tags`) : { kind: 'arena' };
    if (f.linkage === 'global') return tags.has('nullable') ? combination : memory(btf, type.type, i, tags.has('nonnull'));
  }
  if (tags.size > 0) return invalid(`arg#${i} has pointer tag, but is not a pointer type`);
  if (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') return { kind: 'scalar' };
  return invalid(f.linkage === 'global' ? `Arg#${i} type ${kindText(type)} in ${func.name}() is not supported yet.` : '');
}

function isDynptr(btf: Btf, pointee: number): boolean {
  const { type } = skipModifiers(btf, pointee);
  return type.name === 'bpf_dynptr' && (isComposite(type) || (type.kind === 'fwd' && type.of === 'struct'));
}

function memory(btf: Btf, pointee: number, i: number, nonNull: boolean): FunctionArg | ArgsRefusal {
  const { type, id } = skipModifiers(btf, pointee);
  const size = resolveSize(btf, id)?.size;
  if (size === undefined)
    return refusal('EINVAL', `arg#${i} reference type('${kindText(type)} ${type.name}') size cannot be determined: -22`);
  return { kind: 'memory', size, nonNull };
}

function untrusted(v: Verification, btf: Btf, pointee: number, i: number): FunctionArg | ArgsRefusal {
  const { type } = skipModifiers(btf, pointee);
  const primitive = type.kind === 'int' ? isRegular(type) : type.kind === 'void' || type.kind === 'enum' || type.kind === 'enum64';
  if (primitive) return { kind: 'untrusted_memory' };
  const kernel = kernelTypeOf(v, btf, pointee, i);
  if ('errno' in kernel) return kernel;
  const found = kernel.btf.type(kernel.id);
  if (!isComposite(found)) {
    return refusal('EINVAL', `arg#${i} has type ${kindText(found)} '(anon)', but only struct or primitive types are allowed`);
  }
  return { kind: 'btf', type: kernel, flags: FLAG.UNTRUSTED };
}

/** Not one of the ints that described bit fields. */
function isRegular({ bitOffset, bits }: BtfInt): boolean {
  return bitOffset === 0 && (bits & 7) === 0 && REGULAR_BYTES.includes(bits / 8);
}

/** The kernel's type with the name of the one that a parameter points to; flavours do not count (btf_get_ptr_to_btf_id). */
function kernelTypeOf(v: Verification, btf: Btf, pointee: number, i: number): KernelType | ArgsRefusal {
  const { type } = skipModifiers(btf, pointee);
  const what = `arg#${i} reference type('${kindText(type)} ${shownName(type.name)}')`;
  const kernel = v.environment.kernelBtf;
  if (kernel === undefined || type.name === '') {
    return refusal('EINVAL', `${what} candidate matching error: -22`);
  }
  const name = essentialName(type.name);
  const candidates = kernel.findEssential(name, type.kind).filter((id) => essentialName(kernel.type(id).name) === name);
  const [id] = candidates;
  if (id === undefined) return refusal('ENOENT', `${what} has no matches`);
  if (candidates.length > 1) return refusal('ESRCH', `${what} is ambiguous`);
  return { btf: kernel, id };
}
