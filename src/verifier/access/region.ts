/** Bounds of accesses to memory of a known size: map keys and values, sized memory, packets (check_mem_region_access and friends, v6.18). */

import { FIELD_SHAPES, type FieldKind, KPTRS } from '../../btf/index.ts';
import { MAP_FLAG } from '../../maps/index.ts';
import type { MapFacts } from '../environment.ts';
import { bitsText } from '../log/bits-text.ts';
import { typeText } from '../log/type-text.ts';
import { denied, Rejection } from '../rejection.ts';
import { FLAG, isAnyPacket, KIND, kindOf, type Reg } from '../state/reg.ts';
import { SIGN, smaxNumber, sminNumber, tnumIsConst, umaxNumber } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** Largest variable offset of a pointer (BPF_MAX_VAR_OFF). */
export const MAX_VAR_OFF = 1 << 29;

export type Direction = 'read' | 'write';

/** Why [off, off + size) is not in `limit` bytes; undefined if it is. */
function outside(n: number, reg: Reg, off: number, size: number, limit: number, zero: boolean): string | undefined {
  if (off >= 0 && (size > 0 || (size === 0 && zero)) && off + size <= limit) return undefined;
  const at = `off=${off} size=${size}`;
  const kind = kindOf(reg.type);
  if (kind === KIND.MAP_KEY) return `invalid access to map key, key_size=${limit} ${at}`;
  if (kind === KIND.MAP_VALUE) return `invalid access to map value, value_size=${limit} ${at}`;
  if (isAnyPacket(reg.type)) return `invalid access to packet, off=${off} size=${size}, R${n}(id=${reg.id},off=${off},r=${limit})`;
  return `invalid access to memory, mem_size=${limit} ${at}`;
}

function negative(n: number): Rejection {
  return denied(`R${n} min value is negative, either use unsigned index or do a if (index >=0) check.`, n);
}

/** The access lies in `limit` bytes for every value of the variable offset. `off` includes the pointer's fixed offset. */
export function checkRegion(v: Verification, n: number, off: number, size: number, limit: number, zero: boolean): void {
  const reg = v.reg(n);
  const least = sminNumber(reg);
  if (least < 0) {
    const unbounded = reg.sminH === SIGN && reg.sminL === 0;
    if (unbounded || off + least !== (off + least) << 0 || least + off < 0) throw negative(n);
  }
  const low = outside(n, reg, least + off, size, limit, zero);
  if (low !== undefined) throw denied(`${low}\nR${n} min value is outside of the allowed memory range`, n);
  const most = umaxNumber(reg);
  if (most >= MAX_VAR_OFF) throw denied(`R${n} unbounded memory access, make sure to bounds check any such access`, n);
  const high = outside(n, reg, most + off, size, limit, zero);
  if (high !== undefined) throw denied(`${high}\nR${n} max value is outside of the allowed memory range`, n);
}

/** Packet memory: only what was compared with the packet's end is there. */
export function checkPacketRange(v: Verification, n: number, off: number, size: number, zero: boolean): void {
  const reg = v.reg(n);
  if (sminNumber(reg) < 0) throw negative(n);
  const beyond = `R${n} offset is outside of the packet`;
  if (reg.range < 0) throw new Rejection('EINVAL', beyond, [n]);
  const message = outside(n, reg, off, size, reg.range, zero);
  if (message !== undefined) throw denied(`${message}\n${beyond}`, n);
}

/** Whether programs may read or write the map's values. */
export function checkMapDirection(n: number, map: MapFacts, off: number, size: number, direction: Direction): void {
  const forbidden = direction === 'read' ? MAP_FLAG.WRONLY_PROG : MAP_FLAG.RDONLY_PROG;
  if ((map.flags & forbidden) === 0) return;
  const what = direction === 'read' ? 'read from' : 'write into';
  throw denied(`${what} map forbidden, value_size=${map.valueSize} off=${off} size=${size}`, n);
}

/** Fields that hold pointers, which programs may load. */
export const POINTERS: readonly FieldKind[] = [...KPTRS, 'uptr'];

/** An access to a map's value, which may not touch what belongs to the kernel. */
export function checkMapValue(
  v: Verification,
  n: number,
  off: number,
  size: number,
  options: { zero: boolean; by: 'program' | 'helper' },
): void {
  const reg = v.reg(n);
  const { map } = reg;
  if (map === undefined) throw denied(`R${n} invalid mem access '${typeText(reg.type)}'`, n);
  checkRegion(v, n, off, size, map.valueSize, options.zero);
  for (const field of map.special ?? []) {
    if (sminNumber(reg) + off >= field.offset + field.size || field.offset >= umaxNumber(reg) + off + size) continue;
    const { name } = FIELD_SHAPES[field.kind];
    if (!POINTERS.includes(field.kind)) throw denied(`${name} cannot be accessed directly by load/store`, n);
    if (options.by === 'helper') throw denied(`${name} cannot be accessed indirectly by helper`, n);
    if (!tnumIsConst(reg)) throw denied(`${name} access cannot have variable offset`, n);
    const at = off + (reg.vL | 0);
    if (field.offset !== at) throw denied(`${name} access misaligned expected=${field.offset} off=${at}`, n);
    if (size !== 8) throw denied(`${name} access size must be BPF_DW`, n);
  }
}

/** A buffer whose size is only known when the program is attached: constant offsets, from 0. */
export function checkBuffer(v: Verification, n: number, off: number, size: number): void {
  const reg = v.reg(n);
  const name = (reg.type & FLAG.RDONLY) !== 0 ? 'rdonly' : 'rdwr';
  if (off < 0) throw denied(`R${n} invalid ${name} buffer access: off=${off}, size=${size}`, n);
  if (!tnumIsConst(reg) || (reg.vL | reg.vH) !== 0) {
    throw denied(`R${n} invalid variable buffer offset: off=${off}, var_off=${bitsText(reg)}`, n);
  }
}

/** Whether the variable offset is within what stack accesses may have. */
export function stackOffsetBounded(reg: Reg): boolean {
  return smaxNumber(reg) < MAX_VAR_OFF && sminNumber(reg) > -MAX_VAR_OFF;
}
