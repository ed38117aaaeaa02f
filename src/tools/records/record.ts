/** A record that a program sent, read by its type where it has one; and records that were lost. */
import { FormatError, toHex } from '../../base/index.ts';
import { type Btf, type BtfValue, isChar, type JsonValue, readValue, valueJson, valueText } from '../../btf/index.ts';
import type { RecordType } from './record-type.ts';

/** Perf samples are filled up with zeros to whole 64-bit words. */
const PERF_PADDING = 8;
/** Members that say when a record was made, in nanoseconds of the monotonic clock, as tools name them. */
const TIMES = new Set(['ts', 'ts_ns', 'time', 'time_ns', 'timestamp', 'timestamp_ns', 'ktime', 'ktime_ns']);

/** A record of a ring buffer or a perf event array. */
export class RecordEvent {
  readonly kind = 'record';
  /** Name of the map. */
  readonly map: string;
  /** The CPU whose ring it came by; undefined for ring buffers, which all CPUs share. */
  readonly cpu: number | undefined;
  /** Exact bytes; of perf samples with the zeros that fill them up. */
  readonly data: Uint8Array;
  readonly type: RecordType | undefined;
  /** As the type reads it; undefined where it has none, or where the bytes are too few for it. */
  readonly value: BtfValue | undefined;
  /** Bytes beyond the type. */
  readonly rest: Uint8Array;
  /** Why there is no value. */
  readonly problem: string | undefined;

  constructor(map: string, data: Uint8Array, parts: { readonly cpu?: number; readonly type: RecordType | undefined }) {
    this.map = map;
    this.cpu = parts.cpu;
    this.data = data;
    this.type = parts.type;
    const read = parts.type === undefined ? { problem: 'their type is not known' } : decode(parts.type, data, parts.cpu !== undefined);
    this.value = 'value' in read ? read.value : undefined;
    this.rest = 'value' in read ? read.rest : new Uint8Array(0);
    this.problem = 'problem' in read ? read.problem : undefined;
  }

  /** Nanoseconds of the monotonic clock, where a 64-bit member is called ts, time, timestamp (with _ns or without). */
  get timestamp(): bigint | undefined {
    if (this.value?.kind !== 'struct') return undefined;
    const [, time] = this.value.fields.find(([name]) => TIMES.has(name)) ?? [];
    return time?.kind === 'int' && time.bits === 64 && time.value > 0n ? time.value : undefined;
  }

  /** The value as JSON data; undefined where it could not be read. */
  get json(): JsonValue | undefined {
    return this.value === undefined ? undefined : valueJson(this.value);
  }

  /** `events { .pid = 13, .comm = "make" }`. */
  get line(): string {
    const rest = this.rest.length === 0 ? '' : ` +0x${toHex(this.rest, '')}`;
    return `${this.map} ${this.value === undefined ? `0x${toHex(this.data, '')}` : valueText(this.value)}${rest}`;
  }

  /** The line with its newline. */
  bytes(): Uint8Array {
    return new TextEncoder().encode(`${this.line}\n`);
  }
}

/** Records that found no room. */
export class RecordLoss {
  readonly kind = 'records_lost';
  readonly map: string;
  readonly cpu: number;
  readonly lost: bigint;

  constructor(map: string, cpu: number, lost: bigint) {
    this.map = map;
    this.cpu = cpu;
    this.lost = lost;
  }

  /** `events CPU:0 [LOST 12 RECORDS]`. */
  get line(): string {
    return `${this.map} CPU:${this.cpu} [LOST ${this.lost} RECORDS]`;
  }

  /** The line with its newline. */
  bytes(): Uint8Array {
    return new TextEncoder().encode(`${this.line}\n`);
  }
}

type Decoded = { readonly value: BtfValue; readonly rest: Uint8Array } | { readonly problem: string };

function decode({ btf, typeId, name }: RecordType, data: Uint8Array, padded: boolean): Decoded {
  const size = btf.sizeOf(typeId);
  const tail = lastArray(btf, typeId);
  if (data.length < size && (tail === undefined || data.length < tail.offset)) {
    return { problem: `${data.length} bytes are too few for ${name}, which has ${size}` };
  }
  // Tools send a struct that ends with an array only as far as the array is filled.
  const whole = data.length < size ? new Uint8Array(size) : data;
  if (whole !== data) whole.set(data);
  try {
    const value = readValue(btf, typeId, whole);
    const rest = data.subarray(Math.min(size, data.length));
    if (tail?.flexible === true) return { value: withTail(value, tail.name, rest), rest: new Uint8Array(0) };
    const filled = padded && rest.length < PERF_PADDING && rest.every((b) => b === 0);
    return { value, rest: filled ? new Uint8Array(0) : rest };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { problem: error.message };
  }
}

interface Tail {
  readonly name: string;
  /** Bytes. */
  readonly offset: number;
  /** `char text[]`. */
  readonly flexible: boolean;
}

/** The array that a struct ends with. */
function lastArray(btf: Btf, typeId: number): Tail | undefined {
  const type = btf.resolve(typeId);
  const last = type.kind === 'struct' ? type.members.at(-1) : undefined;
  if (last === undefined || last.bitOffset % 8 !== 0) return undefined;
  const array = btf.resolve(last.type);
  if (array.kind !== 'array') return undefined;
  return { name: last.name, offset: last.bitOffset / 8, flexible: array.count === 0 && isChar(btf, array.type) };
}

function withTail(value: BtfValue, name: string, bytes: Uint8Array): BtfValue {
  if (value.kind !== 'struct') return value;
  const end = bytes.indexOf(0);
  const text: BtfValue = { kind: 'text', bytes: end < 0 ? bytes : bytes.subarray(0, end) };
  return { kind: 'struct', fields: value.fields.map(([n, v]) => [n, n === name ? text : v] as const) };
}
