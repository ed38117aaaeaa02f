/** Maps as lines of text or as rows of data, typed by BTF where the object has it. */
import type { JsonValue } from '../btf/index.ts';
import type { BpfMap, Collection } from '../loader/index.ts';
import { mapTypeRow } from '../maps/index.ts';

/** Map types whose elements are programs, events, other maps or streams: nothing to print. */
const NO_DATA = new Set([
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
  'ringbuf',
  'user_ringbuf',
  'stack_trace',
  'bloom_filter',
]);
/** Keyless maps can only be read by taking elements out. */
const KEYLESS = new Set(['queue', 'stack']);

/** One element as data: `value`, or `values` (one a CPU) for per-CPU maps. */
export interface MapRow {
  readonly type: 'map';
  readonly map: string;
  readonly mapType: string;
  readonly key: JsonValue;
  readonly value?: JsonValue;
  readonly values?: JsonValue[];
}

/** The user's own maps of a collection that have elements to print. */
export function printableMaps(collection: Collection): BpfMap[] {
  return [...collection.maps.values()].filter((m) => {
    const name = mapTypeRow(m.info.type)?.name ?? '';
    return !NO_DATA.has(name) && !KEYLESS.has(name) && m.spec.origin !== 'rodata' && m.spec.origin !== 'kconfig';
  });
}

/** Array elements that nobody wrote are no news. */
function isZero(bytes: Uint8Array): boolean {
  return bytes.every((b) => b === 0);
}

function isArray(map: BpfMap): boolean {
  return mapTypeRow(map.info.type)?.name.includes('array') === true;
}

/** The elements as data, array elements that are all zero left out. */
export function* mapRows(map: BpfMap): Generator<MapRow> {
  const mapType = mapTypeRow(map.info.type)?.name ?? String(map.info.type);
  for (const [key, value] of map.entries()) {
    if (isArray(map) && isZero(value)) continue;
    const values = map.cpuValues(value).map((v) => map.valueToJson(v));
    const typed = map.perCpu ? { values } : { value: values[0] ?? null };
    yield { type: 'map', map: map.name, mapType, key: map.keyToJson(key), ...typed };
  }
}

/** The map as text: a heading, then one line an element. */
export function* mapLines(map: BpfMap): Generator<string> {
  const mapType = mapTypeRow(map.info.type)?.name ?? String(map.info.type);
  let elements = 0;
  let zeros = 0;
  const lines: string[] = [];
  for (const [key, value] of map.entries()) {
    if (isArray(map) && isZero(value)) {
      zeros++;
      continue;
    }
    elements++;
    const values = map.cpuValues(value).map((v) => map.formatValue(v));
    lines.push(`  ${map.formatKey(key)}: ${map.perCpu ? values.map((v, cpu) => `cpu${cpu} ${v}`).join(', ') : values[0]}`);
  }
  yield `map ${map.name} (${mapType}, ${elements} element${elements === 1 ? '' : 's'}${zeros > 0 ? `, ${zeros} more are zero` : ''}):`;
  yield* lines;
}
