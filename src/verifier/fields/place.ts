/** Timers, work queues and task work in map values: the pointer is exactly at the field (check_map_field_pointer, v6.18). */
import { FIELD_SHAPES, type FieldKind } from '../../btf/index.ts';
import type { MapFacts } from '../environment.ts';
import { invalid } from '../rejection.ts';
import type { Reg } from '../state/reg.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';

/** @returns the map, which a callback gets */
export function mapOfField(n: number, reg: Reg, kind: FieldKind): MapFacts | undefined {
  const { map } = reg;
  const { name } = FIELD_SHAPES[kind];
  if (!tnumIsConst(reg)) throw invalid(`R${n} doesn't have constant offset. ${name} has to be at the constant offset`, n);
  if (map?.hasBtf !== true) throw invalid(`map '${map?.name}' has to have BTF in order to use ${name}`, n);
  const field = map.special?.find((f) => f.kind === kind);
  if (field === undefined) throw invalid(`map '${map.name}' has no valid ${name}`, n);
  const off = knownNumber(reg) + reg.off;
  if (off !== field.offset) throw invalid(`off ${off} doesn't point to 'struct ${name}' that is at ${field.offset}`, n);
  return map;
}
