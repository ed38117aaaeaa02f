/**
 * Programs that the kernel accepted, run here and there on the same maps and the same packet: r0, contents of maps and the packet must agree. The run
 * here is watched by the soundness oracle.
 */
import { HELPER_IMPL_BY_ID, HELPERS } from '../../src/helpers/index.ts';
import { type Fault, Interpreter, prepare, STACK_BYTES } from '../../src/interp/index.ts';
import { PSEUDO, type Slot, slotAt } from '../../src/isa/index.ts';
import { createMap, MAP, mapKernel, type Region } from '../../src/maps/index.ts';
import { KERNEL_BASE_HI, layOut, Mem } from '../../src/mem/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';
import type { MapFacts, ProgramFacts, Trail } from '../../src/verifier/index.ts';
import { testCall } from './helper-call.ts';
import { Oracle } from './oracle.ts';
import type { Pair } from './verifier.ts';
import { Watcher } from './watch.ts';

/** Possible CPUs of the memory here. */
const CPUS = 2;
const CTX_SIZE = 1024;
/** Where packet pointers stand in the context here: 64 bits each. */
const POINTERS = 512;
const HEADROOM = 512;
const PACKET_SIZE = 64;
const BUDGET = 300_000;
/** Context offsets of packet pointers by program type. */
const DATA: Readonly<Record<number, readonly number[]>> = { 3: [76, 80], 6: [0, 4] };
/** Types with a packet test run; whose packets begin behind the Ethernet header. */
const TESTED = [1, 3, 6];
const KEYS = [0, 1, 2, 3, 9];
const TYPE = { HASH: 1, ARRAY: 2, PERCPU_HASH: 5, PERCPU_ARRAY: 6 } as const;
/** Words worth meeting. */
const WORDS = [0n, 1n, 2n, 7n, 15n, 40n, 0xffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, 0xffffffffffffffffn, 0x123456789abcdefn];

/** What a run gave. */
export interface RunResult {
  /** Undefined where the program was not run on the kernel. */
  readonly difference: string | undefined;
  /** Why the oracle, or the interpreter itself, objects. */
  readonly violation: string | undefined;
  /** Why nothing was compared. */
  readonly skipped: string | undefined;
  readonly checks: number;
}

interface Made {
  readonly facts: MapFacts;
  readonly offset: number;
}

/** The memory here, and the kernel's maps. */
export class Sides {
  readonly #bpf: RawBpf;
  readonly #pair: Pair;
  readonly #mem = Mem.create({ initial: 1 << 21, maximum: 1 << 26 });
  readonly #env = layOut(this.#mem, CPUS);
  readonly #stack: number;
  readonly #ctx: number;
  readonly #packet: number;
  readonly #at: number;
  readonly #maps = new Map<number, Made | undefined>();
  readonly #contexts = new Map<number, Uint8Array>();
  readonly #interpreter: Interpreter;
  /** What the program that runs may reach. */
  #reach: { readonly maps: ReadonlyMap<number, Made>; readonly start: number; readonly end: number } = {
    maps: new Map(),
    start: 0,
    end: 0,
  };
  #onStep = (): void => undefined;
  #ids = 0;

  constructor(bpf: RawBpf, pair: Pair) {
    this.#bpf = bpf;
    this.#pair = pair;
    this.#stack = this.#env.allocOrThrow(STACK_BYTES);
    this.#ctx = this.#env.allocOrThrow(CTX_SIZE);
    this.#packet = this.#env.allocOrThrow(2 * HEADROOM + PACKET_SIZE) + HEADROOM;
    this.#at = this.#env.allocOrThrow(1024);
    this.#interpreter = new Interpreter({
      mem: this.#mem,
      stack: { base: this.#stack, size: STACK_BYTES },
      budget: BUDGET,
      helpers: HELPERS.flatMap((proto) => {
        const impl = HELPER_IMPL_BY_ID[proto.id];
        return impl === undefined ? [] : [{ proto, impl }];
      }),
      env: {
        region: (offset) => this.#region(this.#reach.maps, offset),
        packet: (offset, size) => readPacket(this.#mem, this.#reach.start, this.#reach.end, offset, size),
      },
      call: (core) =>
        testCall([], { mem: this.#mem, more: { ...core, env: this.#env, cpu: 0, mapKernel: (map) => mapKernel(this.#mem, map) } }),
      onStep: () => this.#onStep(),
    });
  }

  /** Runs an accepted program. @param seed of what is in maps and packet */
  run(
    program: { insns: Uint8Array; type: number; fd: number; globals: ReadonlySet<number> },
    facts: ProgramFacts,
    trail: Trail,
    seed: number,
  ): RunResult {
    const skip = (skipped: string): RunResult => ({ difference: undefined, violation: undefined, skipped, checks: 0 });
    const maps = this.#used(program.insns);
    if (maps === undefined) return skip('maps that are not here');
    const packet = bytesOf(seed, PACKET_SIZE);
    // No protocol that the kernel would look into, and always the same addresses, which tell it the kind of packet.
    packet.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0xb5]);
    const values = this.#fill(maps, seed);
    const ctx = this.#context(program.type, seed);
    const start = program.type === 1 ? this.#packet + 14 : this.#packet;
    const end = this.#packet + PACKET_SIZE;
    this.#mem.copyIn(this.#packet, packet);
    this.#mem.copyIn(this.#ctx, ctx);
    const pointers = [start, end];
    for (const [i, at] of pointers.entries()) {
      this.#mem.dv.setUint32(this.#ctx + POINTERS + i * 8, at, true);
      this.#mem.dv.setInt32(this.#ctx + POINTERS + i * 8 + 4, KERNEL_BASE_HI, true);
    }
    const image = this.#image(program.insns, program.type, facts);
    const interpreter = this.#interpreter;
    const stackTop = this.#stack + STACK_BYTES;
    const made = [...this.#maps.values()];
    const memory = {
      dv: this.#mem.dv,
      stackTop,
      ctx: this.#ctx,
      packet: { start, end },
      elements: (map: MapFacts) => {
        const of = made.find((m) => m?.facts === map);
        if (of === undefined || map.type > TYPE.ARRAY) return undefined;
        return mapKernel(this.#mem, of.offset).regions(this.#env, of.offset);
      },
    };
    const oracle = new Oracle(trail, memory);
    const watcher = new Watcher(interpreter, {
      bytes: image,
      globals: program.globals,
      stackTop,
      packet: { start, end },
      sizes: (map) => ({
        key: this.#mem.dv.getUint32(map + MAP.KEY_SIZE, true),
        value: this.#mem.dv.getUint32(map + MAP.VALUE_SIZE, true),
        ordered: this.#mem.dv.getUint32(map + MAP.TYPE, true) === TYPE.ARRAY,
      }),
    });
    let violation: string | undefined;
    const decided = new DecidedJumps(image, facts);
    this.#reach = { maps, start, end };
    this.#onStep = () => {
      const pc = watcher.step();
      violation ??= oracle.check(pc, watcher.frames) ?? decided.step(pc, interpreter.regs);
    };
    const regions: Region[] = [{ base: start, count: 1, stride: end - start, size: end - start, writable: true }];
    const before = this.#mem.copyOut(0, this.#mem.dv.byteLength);
    const done = interpreter.run(prepare(image), { ctx: this.#ctx, ctxSize: CTX_SIZE, ctxWritable: true, regions });
    const { fault } = interpreter;
    const result = { violation, checks: oracle.checks, difference: undefined, skipped: undefined };
    const skipped = skipReason(done ? undefined : fault, watcher.peculiar, program.type);
    // What does not run on the kernel leaves nothing behind here: the maps stay equal, those too that are not filled anew.
    if (!done || skipped !== undefined) this.#mem.copyIn(0, before);
    if (skipped !== undefined) return { ...result, skipped };
    if (!done) return { ...result, violation: violation ?? `insn ${fault?.insn}: ${fault?.reason}` };
    const { retval, data } = this.#bpf.progTestRun(program.fd, { data: packet });
    if (retval !== interpreter.r0Low) return { ...result, difference: `r0 is ${interpreter.r0Low}, on the kernel ${retval}` };
    const left = this.#mem.copyOut(this.#packet, PACKET_SIZE);
    if (program.type !== 1 && !same(left, data)) return { ...result, difference: `the packet is ${hex(left)}, on the kernel ${hex(data)}` };
    return { ...result, difference: this.#compareMaps(maps, values) };
  }

  /** Maps that the program names; undefined where one cannot be made here. */
  #used(insns: Uint8Array): Map<number, Made> | undefined {
    const used = new Map<number, Made>();
    for (let i = 0; i * 8 < insns.length; i++) {
      const insn = slotAt(insns, i);
      if (insn?.code !== 0x18 || (insn.src !== PSEUDO.MAP_FD && insn.src !== PSEUDO.MAP_VALUE)) continue;
      const made = this.#make(insn.imm);
      if (made === undefined) return undefined;
      used.set(insn.imm, made);
    }
    return used;
  }

  #make(fd: number): Made | undefined {
    if (this.#maps.has(fd)) return this.#maps.get(fd);
    const facts = this.#pair.mapFacts(fd);
    let made: Made | undefined;
    if (facts !== undefined && facts.inner === undefined) {
      const offset = createMap(this.#env, facts, { id: ++this.#ids, cpus: CPUS });
      if (offset > 0) made = { facts, offset };
    }
    this.#maps.set(fd, made);
    return made;
  }

  #region(maps: ReadonlyMap<number, Made>, offset: number): Region | undefined {
    for (const { offset: map } of maps.values()) {
      for (const region of mapKernel(this.#mem, map).regions(this.#env, map)) {
        const by = offset - region.base;
        if (by >= 0 && by < region.count * region.stride) return region;
      }
    }
    return undefined;
  }

  /** The bytecode with pointers of this memory. */
  #image(insns: Uint8Array, type: number, facts: ProgramFacts): Uint8Array {
    const bytes = insns.slice();
    const view = new DataView(bytes.buffer);
    for (let i = 0; i * 8 < bytes.length; i++) {
      const insn = slotAt(bytes, i);
      if (insn === undefined) continue;
      if (insn.code === 0x18 && (insn.src === PSEUDO.MAP_FD || insn.src === PSEUDO.MAP_VALUE)) {
        const { offset = 0 } = this.#maps.get(insn.imm) ?? {};
        const base = insn.src === PSEUDO.MAP_FD ? offset : (mapKernel(this.#mem, offset).regions(this.#env, offset)[0]?.base ?? 0);
        view.setInt32(i * 8 + 4, base + (insn.src === PSEUDO.MAP_FD ? 0 : view.getInt32(i * 8 + 12, true)), true);
        view.setInt32(i * 8 + 12, KERNEL_BASE_HI, true);
      }
      const pointer = (DATA[type] ?? []).indexOf(insn.off);
      if (insn.code !== 0x61 || facts.kinds[i] !== 'ctx' || pointer < 0) continue;
      bytes[i * 8] = 0x79;
      view.setInt16(i * 8 + 2, POINTERS + pointer * 8, true);
    }
    return bytes;
  }

  /** The context that the kernel's test run makes: asked of a program that copies it. */
  #context(type: number, seed: number): Uint8Array {
    if (!TESTED.includes(type)) return bytesOf(seed, POINTERS);
    const known = this.#contexts.get(type);
    if (known !== undefined) return known;
    const fields = type === 6 ? [12, 16] : [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64];
    const ctx = new Uint8Array(POINTERS);
    for (const field of fields) {
      const insns = this.#pair.assemble(`r0 = *(u32 *)(r1 + ${field})\nexit`);
      const { fd } = this.#pair.load({ insns, type });
      if (fd === undefined) continue;
      const packet = new Uint8Array(PACKET_SIZE);
      packet.set([0x88, 0xb5], 12);
      new DataView(ctx.buffer).setUint32(field, this.#bpf.progTestRun(fd, { data: packet }).retval, true);
      this.#bpf.close(fd);
    }
    this.#contexts.set(type, ctx);
    return ctx;
  }

  /** Gives the maps the same contents here and in the kernel. */
  #fill(maps: ReadonlyMap<number, Made>, seed: number): Map<number, Uint8Array> {
    const values = new Map<number, Uint8Array>();
    for (const [fd, { facts, offset }] of maps) {
      if (![TYPE.ARRAY, TYPE.HASH, TYPE.PERCPU_ARRAY, TYPE.PERCPU_HASH].some((type) => type === facts.type)) continue;
      const array = facts.type === TYPE.ARRAY || facts.type === TYPE.PERCPU_ARRAY;
      if (!array) this.#clear(fd, facts, offset);
      const copies = facts.type > TYPE.ARRAY ? CPUS : 1;
      for (const key of array ? Array.from({ length: facts.maxEntries }, (_, i) => i) : KEYS) {
        const value = bytesOf(seed + key, facts.valueSize);
        const all = new Uint8Array(facts.valueSize * copies);
        for (let i = 0; i < copies; i++) all.set(value, i * facts.valueSize);
        if (!array && key > 1) continue;
        this.#bpf.mapUpdate(fd, keyBytes(facts, key), all);
        this.#mem.copyIn(this.#at, keyBytes(facts, key));
        this.#mem.copyIn(this.#at + 64, all);
        mapKernel(this.#mem, offset).sysUpdate(this.#env, offset, this.#at, this.#at + 64, 0n);
        values.set(fd, all);
      }
    }
    return values;
  }

  /** Empties a hash table on both sides: whatever ran on the kernel ran here too, and the other way round. */
  #clear(fd: number, { keySize }: MapFacts, offset: number): void {
    const kernel = mapKernel(this.#mem, offset);
    while (kernel.getNextKey(this.#env, offset, 0, this.#at) === 0) {
      const key = this.#mem.copyOut(this.#at, keySize);
      kernel.sysDelete(this.#env, offset, this.#at);
      try {
        this.#bpf.mapDelete(fd, key);
      } catch {
        // The program did not run there.
      }
    }
  }

  #compareMaps(maps: ReadonlyMap<number, Made>, filled: ReadonlyMap<number, Uint8Array>): string | undefined {
    for (const [fd, { facts, offset }] of maps) {
      const size = filled.get(fd)?.length;
      if (size === undefined) continue;
      const array = facts.type === TYPE.ARRAY || facts.type === TYPE.PERCPU_ARRAY;
      for (const key of array ? Array.from({ length: facts.maxEntries }, (_, i) => i) : KEYS) {
        const theirs = this.#bpf.mapLookup(fd, keyBytes(facts, key), size);
        this.#mem.copyIn(this.#at, keyBytes(facts, key));
        const found = mapKernel(this.#mem, offset).sysLookup(this.#env, offset, this.#at, this.#at + 64, 0n) === 0;
        const ours = found ? this.#mem.copyOut(this.#at + 64, size) : undefined;
        // It is not known on which CPU the kernel ran it.
        const shown = (bytes: Uint8Array | undefined): string =>
          bytes === undefined ? 'absent' : facts.type > TYPE.ARRAY ? halves(bytes).sort().join(' ') : hex(bytes);
        if (shown(ours) !== shown(theirs)) return `element ${key} of map ${fd} is ${shown(ours)}, on the kernel ${shown(theirs)}`;
      }
    }
    return undefined;
  }
}

/** Why a program that ran here is not run on the kernel, if it need not be. */
function skipReason(fault: Fault | undefined, peculiar: string | undefined, type: number): string | undefined {
  if (fault?.kind === 'budget') return 'too long';
  if (fault?.kind === 'helper' && /invalid func/.test(fault.reason)) return 'helpers that are not here';
  if (fault !== undefined) return undefined;
  return peculiar ?? (TESTED.includes(type) ? undefined : 'types without a test run');
}

/** Jumps that are said to be decided go the way they are said to go. */
class DecidedJumps {
  readonly #facts: ProgramFacts;
  readonly #bytes: Uint8Array;
  #jump: Slot | undefined;
  #at = 0;
  #written: Slot | undefined;

  constructor(bytes: Uint8Array, facts: ProgramFacts) {
    this.#bytes = bytes;
    this.#facts = facts;
  }

  step(pc: number, regs: Int32Array): string | undefined {
    const before = this.#at;
    const result = this.#facts.results[before];
    let wrong: string | undefined;
    if (this.#written !== undefined && result !== undefined) {
      const [lo, hi] = [regs[this.#written.dst * 2] ?? 0, regs[this.#written.dst * 2 + 1] ?? 0];
      const isNull = (lo | hi) === 0;
      if (hi !== KERNEL_BASE_HI && !(isNull && result === 'nullable')) wrong = `insn ${before}: the result is no ${result}`;
    }
    if (this.#jump !== undefined) {
      const way = this.#facts.branches[before];
      if (way === 'always' && pc !== before + 1 + this.#jump.off) wrong = `insn ${before}: a jump that is always taken was not`;
      if (way === 'never' && pc !== before + 1) wrong = `insn ${before}: a jump that is never taken was`;
    }
    const insn = slotAt(this.#bytes, pc);
    const cls = (insn?.code ?? 0) & 7;
    this.#at = pc;
    this.#written = insn !== undefined && [0, 1, 4, 7].includes(cls) ? insn : undefined;
    this.#jump = insn !== undefined && (cls === 5 || cls === 6) && this.#facts.branches[pc] !== undefined ? insn : undefined;
    return wrong;
  }
}

function keyBytes({ keySize }: MapFacts, key: number): Uint8Array {
  const bytes = new Uint8Array(keySize);
  bytes[0] = key;
  return bytes;
}

/** Bytes that depend on a number: some words that are worth meeting, some that are not. */
function bytesOf(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(size / 8) * 8);
  const view = new DataView(bytes.buffer);
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  for (let at = 0; at < bytes.length; at += 8) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const word = (state & 3) === 0 ? BigInt(state >>> 0) * 0x100000001b3n : (WORDS[(state >>> 2) % WORDS.length] ?? 0n);
    view.setBigUint64(at, BigInt.asUintN(64, word), true);
  }
  return bytes.slice(0, size);
}

function readPacket(mem: Mem, start: number, end: number, offset: number, size: number): number {
  if (offset < 0 || start + offset + size > end) return -1;
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + mem.dv.getUint8(start + offset + i);
  return value;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

function halves(bytes: Uint8Array): string[] {
  return [hex(bytes.subarray(0, bytes.length / 2)), hex(bytes.subarray(bytes.length / 2))];
}
