/** The kernel's types by name, as helpers and kfuncs refer to them (BTF_ID lists of the kernel, resolved when it is built). */
import type { Btf, BtfKind } from '../../btf/index.ts';
import type { Verification } from '../verification.ts';

/** A type of the kernel. */
export interface KernelType {
  readonly btf: Btf;
  readonly id: number;
}

/** The kernel's structure of that name; undefined where it has none, or has no BTF. */
export function kernelStruct(v: Verification, name: string): KernelType | undefined {
  return kernelType(v, name, 'struct');
}

/** The kernel's first type of that name and kind. */
export function kernelType(v: Verification, name: string, kind: BtfKind): KernelType | undefined {
  const btf = v.environment.kernelBtf;
  const id = btf?.find(name, kind);
  return btf === undefined || id === undefined ? undefined : { btf, id };
}
