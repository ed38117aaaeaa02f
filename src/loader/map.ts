/** A map on a host: elements as bytes, and as text or JSON by their BTF types. */
import { BpfError } from '../base/index.ts';
import { type Btf, encodeValue, formatValue, type JsonValue, toJson } from '../btf/index.ts';
import type { MapSpec } from '../elf/index.ts';
import type { Fd, Host, MapInfo } from '../host/index.ts';
import { mapTypeRow } from '../maps/index.ts';

/** Flags of set() (uapi BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
export const UPDATE = { ANY: 0n, NOEXIST: 1n, EXIST: 2n } as const;

/** A created (or reused) map. Keys and values are copies. */
export class BpfMap {
  readonly name: string;
  readonly spec: MapSpec;
  readonly fd: Fd;
  /** As created: sizes in bytes, entries after rounding. */
  readonly info: MapInfo;
  readonly btf: Btf | undefined;
  /** Values have one slot for each possible CPU. */
  readonly perCpu: boolean;
  readonly #host: Host;
  readonly #owned: boolean;
  #open = true;

  /** @param map the open fd; `owned` maps close it */
  constructor(host: Host, spec: MapSpec, map: { readonly fd: Fd; readonly owned: boolean; readonly btf: Btf | undefined }) {
    this.#host = host;
    this.name = spec.name;
    this.spec = spec;
    this.fd = map.fd;
    this.btf = map.btf;
    this.#owned = map.owned;
    this.info = host.mapInfo(map.fd);
    this.perCpu = mapTypeRow(this.info.type)?.perCpu === true;
  }

  /** The value, or undefined when the key is absent. Per-CPU maps: all CPUs' slots, see cpuValues(). `key` undefined for queues and stacks. */
  get(key: Uint8Array | undefined): Uint8Array | undefined {
    return this.#host.mapLookupElem(this.fd, key);
  }

  /** Stores a value. @param flags UPDATE: ANY (default), NOEXIST, EXIST */
  set(key: Uint8Array | undefined, value: Uint8Array, flags: bigint = UPDATE.ANY): void {
    this.#host.mapUpdateElem(this.fd, key, value, flags);
  }

  /** @returns false when the key was absent */
  delete(key: Uint8Array): boolean {
    return this.#host.mapDeleteElem(this.fd, key);
  }

  /** Reads and removes (queues, stacks, hashes); undefined when there is nothing. */
  take(key: Uint8Array | undefined): Uint8Array | undefined {
    return this.#host.mapLookupAndDeleteElem(this.fd, key);
  }

  /**
   * Keys in the map's order. While others delete keys, iteration may start over, as in the kernel: it ends after max_entries keys,
   * and a key may then come twice.
   */
  *keys(): Generator<Uint8Array> {
    let key = this.#host.mapGetNextKey(this.fd, undefined);
    for (let n = 0; key !== undefined && n < this.info.maxEntries; n++) {
      // The next key is asked for first: the caller may delete this one.
      const next = this.#host.mapGetNextKey(this.fd, key);
      yield key;
      key = next;
    }
  }

  /** Elements; those that vanish meanwhile are passed over. */
  *entries(): Generator<[key: Uint8Array, value: Uint8Array]> {
    for (const key of this.keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** One value of a per-CPU map by CPU, each value_size bytes; a single one for other maps. */
  cpuValues(value: Uint8Array): Uint8Array[] {
    const size = this.info.valueSize;
    if (!this.perCpu) return [value];
    const stride = (size + 7) & ~7;
    return Array.from({ length: Math.floor(value.length / stride) }, (_, cpu) => value.subarray(cpu * stride, cpu * stride + size));
  }

  /** Makes the map read-only for user space. */
  freeze(): void {
    this.#host.mapFreeze(this.fd);
  }

  /** A key as text by its BTF type, bytes in hexadecimal without one. */
  formatKey(key: Uint8Array): string {
    return this.#text(this.spec.keyTypeId, key);
  }

  /** A value (of one CPU) as text by its BTF type. */
  formatValue(value: Uint8Array): string {
    return this.#text(this.spec.valueTypeId, value);
  }

  keyToJson(key: Uint8Array): JsonValue {
    return this.#json(this.spec.keyTypeId, key);
  }

  /** A value (of one CPU) as JSON data. */
  valueToJson(value: Uint8Array): JsonValue {
    return this.#json(this.spec.valueTypeId, value);
  }

  /** The key that a text means: `13`, an enum's name, text for char arrays; FormatError when it is none. */
  encodeKey(text: string): Uint8Array {
    return this.#encode(this.spec.keyTypeId, 'key', text);
  }

  encodeValue(text: string): Uint8Array {
    return this.#encode(this.spec.valueTypeId, 'value', text);
  }

  /** Releases the map. Further calls do nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#owned) this.#host.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #text(typeId: number, bytes: Uint8Array): string {
    const number = plainNumber(bytes);
    if (this.btf !== undefined && typeId !== 0) return formatValue(this.btf, typeId, bytes);
    return number === undefined ? hex(bytes) : number.toString();
  }

  #json(typeId: number, bytes: Uint8Array): JsonValue {
    if (this.btf !== undefined && typeId !== 0) return toJson(this.btf, typeId, bytes);
    const number = plainNumber(bytes);
    return number === undefined ? hex(bytes) : bytes.length === 8 ? number.toString() : Number(number);
  }

  #encode(typeId: number, what: string, text: string): Uint8Array {
    if (this.btf === undefined || typeId === 0) throw new BpfError(`map ${this.name}: its ${what} has no BTF type`);
    return encodeValue(this.btf, typeId, text);
  }
}

/** Untyped keys and values of an integer's size are most often one. */
function plainNumber(bytes: Uint8Array): bigint | undefined {
  if (![1, 2, 4, 8].includes(bytes.length)) return undefined;
  return bytes.reduceRight((n, b) => (n << 8n) | BigInt(b), 0n);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
