/** Whether a pointer to one structure may stand for a pointer to another (kernel/bpf/btf.c btf_struct_ids_match, v6.18). */
import type { Btf, TypeRef } from '../../btf/index.ts';

/** Structures nested deeper than a C program has them. */
const MAX_NESTED = 64;

/** `strict`: the very same type. `walk`: or a structure that lies at this offset in it. */
export function structsMatch(have: TypeRef, offset: number, want: TypeRef, how: 'strict' | 'walk'): boolean {
  if (offset === 0 && sameType(have, want)) return true;
  if (how === 'strict') return false;
  let place: { id: number; offset: number } | undefined = { id: have.id, offset };
  for (let depth = 0; depth < MAX_NESTED; depth++) {
    place = structAt(have.btf, place.id, place.offset);
    if (place === undefined) return false;
    if (place.offset === 0 && sameType({ btf: have.btf, id: place.id }, want)) return true;
  }
  return false;
}

/** The member structure that byte `offset` of a structure lies in, and the byte's place in it. */
function structAt(btf: TypeRef['btf'], id: number, offset: number): { id: number; offset: number } | undefined {
  const type = btf.resolve(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  for (const member of type.members) {
    const start = member.bitOffset >>> 3;
    if (offset < start) return undefined;
    const size = member.bitSize === 0 ? btf.sizeOf(member.type) : (member.bitSize + 7) >>> 3;
    if (offset >= start + size) continue;
    let target = btf.resolve(member.type);
    while (target.kind === 'array') target = btf.resolve(target.type);
    if (target.kind !== 'struct' && target.kind !== 'union') return undefined;
    return { id: target.id, offset: target.size === 0 ? 0 : (offset - start) % target.size };
  }
  return undefined;
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
