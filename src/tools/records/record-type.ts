/**
 * What type the records of a stream map have: said by the user, by the map's definition, by a tag on the map, or, where all of these
 * are silent, the one type of the object that has the size of what programs send.
 */
import { BpfError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { CollectionSpec, MapSpec } from '../../elf/index.ts';
import { sentSizes } from './sizes.ts';

/** Map types whose contents are records. */
const PERF_EVENT_ARRAY = 4;
const RINGBUF = 27;
/** `btf_decl_tag("record:struct event")` on a map. */
const TAG = 'record:';
/** Names in a hint. */
const MAX_NAMED = 8;

/** A type and how it was found. */
export interface RecordType {
  readonly btf: Btf;
  readonly typeId: number;
  /** `struct event`. */
  readonly name: string;
  /** `size`: guessed, being the only type of the size that is sent. */
  readonly from: 'option' | 'value' | 'tag' | 'size';
}

/** How a map streams records, or undefined when it does not. */
export function streamKind(map: MapSpec): 'ringbuf' | 'perf' | undefined {
  return map.type === RINGBUF ? 'ringbuf' : map.type === PERF_EVENT_ARRAY ? 'perf' : undefined;
}

/**
 * Types by map from `MAP=TYPE` texts; `TYPE` alone is for every stream. Types are spelled as in C: `struct event`, `event_t`.
 * @throws BpfError for maps and types that the objects do not have
 */
export function readRecordTypes(texts: readonly string[], specs: readonly CollectionSpec[]): Map<MapSpec, RecordType> {
  const streams = specs.flatMap((spec) => spec.maps.filter((m) => streamKind(m) !== undefined).map((map) => ({ spec, map })));
  const out = new Map<MapSpec, RecordType>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = at < 0 ? undefined : text.slice(0, at).trim();
    const type = text.slice(at + 1).trim();
    const named = streams.filter((s) => name === undefined || s.map.name === name);
    if (named.length === 0) {
      throw new BpfError(
        name === undefined ? `--event ${text}: the program streams no records` : `--event ${text}: no map '${name}' streams records`,
        {
          hint:
            streams.length === 0
              ? 'it has no ring buffer and no perf event array'
              : `those that do: ${streams.map((s) => s.map.name).join(', ')}`,
        },
      );
    }
    for (const { spec, map } of named) out.set(map, findType(spec.btf, type, `--event ${text}`, 'option'));
  }
  return out;
}

/**
 * The type of a stream's records, or undefined where nothing tells it.
 * @throws BpfError when a tag names a type that the object lacks
 */
export function recordType(spec: CollectionSpec, map: MapSpec): RecordType | undefined {
  const { btf } = spec;
  if (btf === undefined) return undefined;
  // A perf event array's own values are descriptors: `__type(value, __u32)` says nothing of records.
  if (map.valueTypeId !== 0 && !isScalar(btf, map.valueTypeId)) return made(btf, map.valueTypeId, 'value');
  const tagged = tagOf(btf, map.name);
  if (tagged !== undefined) return findType(btf, tagged, `map ${map.name}: its tag '${TAG}${tagged}'`, 'tag');
  return bySize(spec, btf, map);
}

function made(btf: Btf, typeId: number, from: RecordType['from']): RecordType {
  return { btf, typeId, name: btf.typeName(typeId), from };
}

function isScalar(btf: Btf, typeId: number): boolean {
  const { kind } = btf.resolve(typeId);
  return kind !== 'struct' && kind !== 'union' && kind !== 'array';
}

function tagOf(btf: Btf, map: string): string | undefined {
  const id = btf.find(map, 'var');
  if (id === undefined) return undefined;
  for (let tag = btf.first; tag < btf.count; tag++) {
    if (btf.kind(tag) !== 'decl_tag') continue;
    const type = btf.type(tag);
    if (type.kind === 'decl_tag' && type.type === id && type.component === -1 && type.name.startsWith(TAG))
      return type.name.slice(TAG.length);
  }
  return undefined;
}

/** The type of this C spelling; what has no size is none. */
function findType(btf: Btf | undefined, text: string, who: string, from: RecordType['from']): RecordType {
  const [, kind, name = ''] = /^(?:(struct|union|enum)\s+)?([A-Za-z_][A-Za-z0-9_ ]*)$/.exec(text) ?? [];
  const kinds =
    kind === 'struct' || kind === 'union'
      ? ([kind] as const)
      : kind === 'enum'
        ? (['enum', 'enum64'] as const)
        : (['typedef', 'int'] as const);
  const id = btf?.find(name, ...kinds);
  if (btf !== undefined && id !== undefined) {
    btf.sizeOf(id);
    return made(btf, id, from);
  }
  // `--event events=event` is what people type first.
  const meant = kind === undefined ? btf?.find(name, 'struct', 'union') : undefined;
  throw new BpfError(`${who}: the object's types have no '${text}'`, {
    hint:
      btf === undefined
        ? 'the object has no BTF: compile with -g'
        : btf !== undefined && meant !== undefined
          ? `there is '${btf.typeName(meant)}'`
          : `the compiler keeps types that a map or a global names: \`const struct event *unused_event;\`${known(btf)}`,
  });
}

function known(btf: Btf): string {
  const names: string[] = [];
  for (let id = btf.first; id < btf.count && names.length < MAX_NAMED; id++) {
    if (btf.kind(id) === 'struct' && btf.type(id).name !== '') names.push(btf.typeName(id));
  }
  return names.length === 0 ? '' : `; it has ${names.join(', ')}`;
}

/** The one named struct of the size that all programs send, if there is just one. */
function bySize(spec: CollectionSpec, btf: Btf, map: MapSpec): RecordType | undefined {
  const [size, ...others] = sentSizes(spec).get(map.name) ?? [];
  if (size === undefined || others.length > 0) return undefined;
  let found: number | undefined;
  for (let id = btf.first; id < btf.count; id++) {
    if (btf.kind(id) !== 'struct') continue;
    const type = btf.type(id);
    if (type.kind !== 'struct' || type.name === '' || type.size !== size) continue;
    if (found !== undefined) return undefined;
    found = id;
  }
  return found === undefined ? undefined : made(btf, found, 'size');
}
