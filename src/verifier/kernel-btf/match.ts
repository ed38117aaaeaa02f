/** Whether a pointer to one structure may stand for a pointer to another (kernel/bpf/btf.c btf_struct_ids_match, v6.18). */
import type { Btf, TypeRef } from '../../btf/index.ts';
import type { Verification } from '../verification.ts';
import { findStruct } from './walk.ts';

/** `strict`: the very same type. `walk`: or a structure that begins at this offset in it; what is there instead is logged. */
export function structsMatch(v: Verification, have: TypeRef, offset: number, want: TypeRef, how: 'strict' | 'walk'): boolean {
  if (offset === 0 && sameType(have, want)) return true;
  if (how === 'strict') return false;
  const inside = (id: number): boolean => sameType({ btf: have.btf, id }, want);
  const end = findStruct(have.btf, have.id, offset, inside);
  if (typeof end === 'string') v.log.write(`${end}\n`);
  return end === true;
}

/** The same type: ids of a module below its own are the kernel's. */
export function sameType(a: TypeRef, b: TypeRef): boolean {
  return a.id === b.id && ownerOf(a) === ownerOf(b);
}

function ownerOf({ btf, id }: TypeRef): Btf {
  let owner = btf;
  while (id < owner.first && owner.base !== undefined) owner = owner.base;
  return owner;
}

const NO_CAST = '___init';

/** Two names of one structure that may not stand for each other: `nf_conn` and `nf_conn___init` (btf_type_ids_nocast_alias). */
export function isNoCastAlias(a: string, b: string): boolean {
  return a === `${b}${NO_CAST}` || b === `${a}${NO_CAST}`;
}

/** What programs know of a kernel structure by another name (btf_is_projection_of). */
export function isProjection(projected: string, name: string): boolean {
  return (projected === '__sk_buff' && name === 'sk_buff') || (projected === 'xdp_md' && name === 'xdp_buff');
}
