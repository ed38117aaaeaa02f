/** Programs as one thread has read them from the shared memory, and the memory of their maps. Running them is the executors' business. */
import { type ProgramImage, prepare } from '../interp/index.ts';
import { SLOT_SIZE } from '../isa/index.ts';
import { holdsMaps, innerMaps, MAP, mapKernel, progArrayGet, type Region } from '../maps/index.ts';
import { HEADER, idTableGet, PROG, type ThreadEnv } from '../mem/index.ts';
import type { CompiledEntry } from './compiled/compiled.ts';
import { probeSlots } from './compiled/facts.ts';
import { contextUse, cpuMatters } from './context-use.ts';
import type { PacketView } from './packet.ts';

/** A program as a thread has read it. */
export interface ThreadProgram {
  readonly progId: number;
  /** Offset of its record. */
  readonly record: number;
  /** Offset of its run counters: u64 by CPU. */
  readonly counters: number;
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Bytes of the verifier's facts. */
  readonly facts: Uint8Array;
  readonly ctxWritable: boolean;
  readonly reads: boolean;
  readonly cpuMatters: boolean;
  /** It, or a program that tail calls may lead to, asks for its cookie, its function or its task's object. */
  readonly asksOrigin: boolean;
  /** Descriptors of all its maps, those included whose values alone it names. */
  readonly maps: readonly number[];
  /** As the interpreter takes it. */
  readonly image: ProgramImage;
  /** As this thread has compiled it. */
  compiled: CompiledEntry | undefined;
}

/** Programs of these types may write their context: socket_filter, sched_cls, sched_act, cgroup_skb, syscall. */
const WRITERS: ReadonlySet<number> = new Set([1, 3, 4, 8, 31]);

/** get_current_task, get_func_ip, get_attach_cookie; tail_call. */
const ORIGIN = [35, 173, 174];
const TAIL_CALL = 12;

/** Finds programs and regions by the shared memory alone. */
export class ThreadPrograms {
  /** The packet of the present run. */
  packet: PacketView | undefined;
  /** Where keys of arrays stand while callbacks are called for their elements. */
  keys: Region | undefined;
  readonly #env: ThreadEnv;
  readonly #known = new Map<number, ThreadProgram>();
  /** Programs that are known exist as long as none has gone since. */
  generation = -1;
  #last: ThreadProgram | undefined;
  /** By descriptor; the id tells whether it is still the same map. */
  readonly #regions = new Map<number, { readonly id: number; readonly regions: readonly Region[] }>();

  constructor(env: ThreadEnv) {
    this.#env = env;
  }

  /** The program, or undefined when it is gone. */
  get(progId: number): ThreadProgram | undefined {
    const { mem } = this.#env;
    // A plain load: the atomic operation that took the CPU comes before it.
    const generation = mem.i32[HEADER.PROG_GENERATION >>> 2] ?? 0;
    if (generation !== this.generation) this.#forget(generation);
    if (this.#last?.progId === progId) return this.#last;
    let program = this.#known.get(progId);
    if (program === undefined) {
      const record = this.#record(progId);
      if (record === 0) return undefined;
      program = this.#read(progId, record);
      this.#known.set(progId, program);
    }
    this.#last = program;
    return program;
  }

  #forget(generation: number): void {
    this.generation = generation;
    this.#last = undefined;
    for (const known of this.#known.keys()) if (this.#record(known) === 0) this.#known.delete(known);
  }

  #record(progId: number): number {
    const { mem } = this.#env;
    return idTableGet(mem, mem.dv.getUint32(HEADER.PROG_TABLE, true), progId);
  }

  #read(progId: number, record: number): ThreadProgram {
    const { mem } = this.#env;
    const word = (offset: number): number => mem.dv.getUint32(record + offset, true);
    const size = word(PROG.IMAGE_SIZE);
    const factsSize = word(PROG.FACTS_SIZE);
    const at = word(PROG.IMAGE);
    if (at + size + factsSize > mem.u8.length) mem.refresh();
    const bytes = mem.copyOut(at, size);
    const counters = word(PROG.COUNTERS);
    const maps = Array.from({ length: word(PROG.MAP_COUNT) }, (_, i) => word(PROG.MAPS + i * 4));
    const use = contextUse(bytes);
    const facts = mem.copyOut(at + size, factsSize);
    let image: ProgramImage | undefined;
    return {
      progId,
      record,
      counters,
      type: word(PROG.TYPE),
      bytes,
      facts,
      ctxWritable: WRITERS.has(word(PROG.TYPE)),
      reads: use.reads,
      asksOrigin: [...ORIGIN, TAIL_CALL].some((id) => use.helpers.has(id)),
      cpuMatters: cpuMatters(use) || maps.some((map) => mem.dv.getUint32(map + MAP.CPU_STRIDE, true) !== 0),
      maps,
      get image() {
        image ??= prepare(bytes, { progId, probes: probeSlots(facts, bytes.length / SLOT_SIZE) });
        return image;
      },
      compiled: undefined,
    };
  }

  /** The program in a slot of the prog array whose descriptor is at `map`. */
  inSlot(map: number, index: number): ThreadProgram | undefined {
    const progId = progArrayGet(this.#env.mem, map, index);
    return progId === 0 ? undefined : this.get(progId);
  }

  /** Whether a map's descriptor stands at `offset` that a map of maps of the program may have given it. */
  isMap(offset: number, progId: number): boolean {
    const { mem } = this.#env;
    const maps = this.#known.get(progId)?.maps ?? [];
    if (!maps.some((map) => holdsMaps(mem.dv.getUint32(map + MAP.TYPE, true))) || offset + MAP.SIZE > mem.u8.length) return false;
    return idTableGet(mem, mem.dv.getUint32(HEADER.MAP_TABLE, true), mem.dv.getUint32(offset + MAP.ID, true)) === offset;
  }

  /** The region of a program's maps that holds `offset`. */
  region(offset: number, progId: number): Region | undefined {
    const { mem } = this.#env;
    const maps = this.#known.get(progId)?.maps ?? [];
    if (this.keys !== undefined && find([this.keys], offset) !== undefined) return this.keys;
    for (const map of maps) {
      const known = this.#regions.get(map);
      if (known === undefined || known.id !== mem.dv.getUint32(map + MAP.ID, true)) continue;
      const region = find(known.regions, offset);
      if (region !== undefined) return region;
    }
    // A map may have grown since it was asked.
    for (const map of maps) {
      const regions = [map, ...innerMaps(this.#env, map)].flatMap((each) => mapKernel(mem, each).regions(this.#env, each));
      this.#regions.set(map, { id: mem.dv.getUint32(map + MAP.ID, true), regions });
      const region = find(regions, offset);
      if (region !== undefined) return region;
    }
    return undefined;
  }
}

function find(regions: readonly Region[], offset: number): Region | undefined {
  for (const region of regions) {
    const rel = offset - region.base;
    // Keys and values of a table's elements lie between each other.
    if (rel >= 0 && rel < region.count * region.stride && rel % region.stride < region.size) return region;
  }
  return undefined;
}
