/** Maps as lines of text or as rows of data, typed by BTF where the object has it. */
import { type JsonValue, readValue, valueText } from '../btf/index.ts';
import type { BpfMap, Collection } from '../loader/index.ts';
import { mapTypeRow } from '../maps/index.ts';
import { drawHistogram, hasSlots, slotsOf } from './histogram.ts';

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

/** How map dumps look. */
export interface MapLineOptions {
  /** false: histograms are printed as the arrays that they are. */
  readonly histograms: boolean;
}

/** Map types whose elements are the slots of one histogram where their name says so. */
const SLOT_ARRAY = ['array', 'percpu_array'];

/** The map as text: a heading, then one line an element; histograms are drawn, those of all CPUs added up. */
export function* mapLines(map: BpfMap, { histograms }: MapLineOptions): Generator<string> {
  const mapType = mapTypeRow(map.info.type)?.name ?? String(map.info.type);
  if (histograms && isSlotArray(map, mapType)) {
    yield `map ${map.name} (${mapType}, histogram of ${map.info.maxEntries} slots):`;
    yield* drawHistogram(
      [...map.entries()].map(([, value]) => countOf(map, value)),
      map.name,
    );
    return;
  }
  const { btf, spec } = map;
  const draws = histograms && btf !== undefined && spec.valueTypeId !== 0 && hasSlots(btf, spec.valueTypeId);
  let elements = 0;
  let zeros = 0;
  const lines: string[] = [];
  for (const [key, value] of map.entries()) {
    if (isArray(map) && isZero(value)) {
      zeros++;
      continue;
    }
    elements++;
    const drawn = draws ? drawnElement(map, key, value) : undefined;
    if (drawn !== undefined) {
      lines.push(...drawn);
      continue;
    }
    const values = map.cpuValues(value).map((v) => map.formatValue(v));
    lines.push(`  ${map.formatKey(key)}: ${map.perCpu ? values.map((v, cpu) => `cpu${cpu} ${v}`).join(', ') : values[0]}`);
  }
  yield `map ${map.name} (${mapType}, ${elements} element${elements === 1 ? '' : 's'}${zeros > 0 ? `, ${zeros} more are zero` : ''}):`;
  yield* lines;
}

/** An array of at most 64 integers whose name has `hist` in it: what bcc's BPF_HISTOGRAM makes. */
function isSlotArray(map: BpfMap, mapType: string): boolean {
  const { maxEntries, valueSize } = map.info;
  if (!SLOT_ARRAY.includes(mapType) || !/hist/i.test(map.name) || maxEntries < 2 || maxEntries > 64) return false;
  if (valueSize !== 4 && valueSize !== 8) return false;
  return map.btf === undefined || map.spec.valueTypeId === 0 || map.btf.resolve(map.spec.valueTypeId).kind === 'int';
}

/** A slot's count, of all CPUs together. */
function countOf(map: BpfMap, value: Uint8Array): bigint {
  let sum = 0n;
  for (const v of map.cpuValues(value)) {
    const view = new DataView(v.buffer, v.byteOffset, v.byteLength);
    sum += v.byteLength === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
  }
  return sum;
}

/** `key:` with the other members of its value, and the histogram below. Per-CPU values are added up; their other members are left out. */
function drawnElement(map: BpfMap, key: Uint8Array, value: Uint8Array): string[] | undefined {
  const { btf } = map;
  if (btf === undefined) return undefined;
  const parts = map.cpuValues(value).map((v) => slotsOf(readValue(btf, map.spec.valueTypeId, v)));
  const [first] = parts;
  if (first === undefined || parts.some((p) => p === undefined)) return undefined;
  const slots = first.slots.map((_, n) => parts.reduce((sum, p) => sum + (p?.slots[n] ?? 0n), 0n));
  const others = map.perCpu ? [] : first.others.map(([name, v]) => `${name} = ${valueText(v)}`);
  return [`  ${map.formatKey(key)}:${others.length > 0 ? ` ${others.join(', ')}` : ''}`, ...drawHistogram(slots, map.name)];
}
