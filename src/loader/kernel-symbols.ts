/** `__ksym` externs: functions and variables of the kernel by their BTF, other symbols by address (libbpf.c bpf_object__resolve_externs, v6.18). */
import type { SyscallError } from '../base/index.ts';
import { type Btf, essentialName, typesCompatible, Work } from '../btf/index.ts';
import type { CollectionSpec, ExternSpec } from '../elf/index.ts';
import type { Host } from '../host/index.ts';
import { loadRefusal } from './refusal.ts';

/** What an extern stands for. */
export type KernelSymbol =
  /** A type id of the kernel's BTF: a function to call, or a variable. */
  | { readonly kind: 'btf'; readonly id: number }
  | { readonly kind: 'address'; readonly address: bigint }
  /** A weak symbol that the kernel lacks: no function, address 0. */
  | { readonly kind: 'absent' }
  /** A strong one. */
  | { readonly kind: 'missing'; readonly error: SyscallError };

/** The kernel symbols of an object by name. */
export function resolveSymbols(
  host: Pick<Host, 'kernelBtf' | 'kernelSymbol'>,
  spec: Pick<CollectionSpec, 'externs' | 'btf'>,
): Map<string, KernelSymbol> {
  const out = new Map<string, KernelSymbol>();
  const work = new Work();
  for (const extern of spec.externs) {
    if (extern.kind === 'kconfig' || spec.btf === undefined) continue;
    const typed = extern.kind === 'kfunc' || extern.typeId !== 0;
    out.set(extern.name, typed ? byType(host, spec.btf, extern, work) : byAddress(host, extern));
  }
  return out;
}

function byAddress(host: Pick<Host, 'kernelSymbol'>, { name, weak }: ExternSpec): KernelSymbol {
  const address = host.kernelSymbol?.(name);
  if (address !== undefined) return { kind: 'address', address };
  return weak ? { kind: 'absent' } : { kind: 'missing', error: loadRefusal('ESRCH', `extern '${name}' (strong): not resolved`) };
}

function byType(host: Pick<Host, 'kernelBtf'>, local: Btf, extern: ExternSpec, work: Work): KernelSymbol {
  const { name, weak, kind } = extern;
  const kernel = host.kernelBtf?.();
  const what = kind === 'kfunc' ? 'func ksym' : 'var ksym';
  // A flavour (name___other) is no part of a function's name.
  const id = kernel?.find(kind === 'kfunc' ? essentialName(name) : name, kind === 'kfunc' ? 'func' : 'var');
  if (kernel === undefined || id === undefined) {
    const where = kind === 'kfunc' ? 'kernel or module BTFs' : 'kernel BTF';
    return weak
      ? { kind: 'absent' }
      : { kind: 'missing', error: loadRefusal('ESRCH', `extern (${what}) '${name}': not found in ${where}`) };
  }
  const own = local.type(extern.typeId);
  const ownType = own.kind === 'func' ? own.type : local.resolve(extern.typeId).id;
  const theirs = kernel.type(id);
  const theirType = theirs.kind === 'func' ? theirs.type : theirs.kind === 'var' ? kernel.resolve(theirs.type).id : 0;
  if (typesCompatible({ btf: local, id: ownType }, { btf: kernel, id: theirType }, work)) return { kind: 'btf', id };
  if (weak && kind === 'kfunc') return { kind: 'absent' };
  const message =
    kind === 'kfunc'
      ? `extern (${what}) '${name}': func_proto [${ownType}] incompatible with vmlinux [${theirType}]`
      : `extern (${what}) '${name}': incompatible types, expected [${ownType}] ${local.typeName(ownType)}, but kernel has [${theirType}] ${kernel.typeName(theirType)}`;
  return { kind: 'missing', error: loadRefusal('EINVAL', message) };
}
