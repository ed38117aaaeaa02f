/**
 * Which stack slots may still be read: reads and certain writes are gathered while paths are simulated, by chain of calls and instruction, and
 * carried backwards when a path ends (kernel/bpf/liveness.c, v6.18). A slot that nobody reads does not matter when states are compared.
 */
import { POINT } from '../graph/points.ts';
import { postorder } from '../graph/postorder.ts';
import { isPacketLoad, isTailCall, successors } from '../graph/successors.ts';
import { frameInsn, type PathState } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** Sets of slots as two 32-bit words; four words an instruction and kind. */
interface Masks {
  readonly read: Int32Array;
  readonly written: Int32Array;
  /** Written by the instruction or by all that can follow it. */
  readonly writtenAfter: Int32Array;
  readonly live: Int32Array;
}

/** A subprogram entered by one chain of calls. */
interface Instance {
  readonly key: string;
  readonly callsites: readonly number[];
  readonly start: number;
  readonly count: number;
  readonly order: readonly number[];
  readonly frames: (Masks | undefined)[];
  /** Instructions that ran at least once. */
  readonly ran: Uint8Array;
  changed: boolean;
  shrunk: boolean;
}

export class StackLiveness {
  readonly #v: Verification;
  readonly #instances = new Map<string, Instance>();
  readonly #orders = new Map<number, readonly number[]>();
  #current: Instance | undefined;
  /** Slots that the current instruction has surely written, by frame: two words each. */
  readonly #writes = new Int32Array(16);
  #anyWrite = false;
  #at = 0;

  constructor(v: Verification) {
    this.#v = v;
  }

  /** The chain of calls changed. */
  resetChain(): void {
    this.#current = undefined;
  }

  /** An instruction begins. */
  begin(insn: number): void {
    this.#at = insn;
    this.#now();
    if (this.#anyWrite) this.#writes.fill(0);
    this.#anyWrite = false;
  }

  /** The instruction may read the slot. */
  read(frame: number, slot: number, insn: number): void {
    this.#markRead(this.#now(), frame, insn, slot < 32 ? 1 << slot : 0, slot < 32 ? 0 : 1 << (slot - 32));
  }

  /** The instruction overwrites the whole slot. */
  write(frame: number, slot: number): void {
    const i = frame * 2 + (slot < 32 ? 0 : 1);
    this.#writes[i] = (this.#writes[i] ?? 0) | (1 << (slot & 31));
    this.#anyWrite = true;
  }

  /** The instruction is done. */
  commit(): void {
    if (this.#current !== undefined) this.#commitTo(this.#current);
  }

  /** A subprogram or the path ended: what was gathered takes effect. */
  update(): void {
    this.resetChain();
    const { state } = this.#v;
    for (let frame = state.frames.length - 1; frame >= 0; frame--) {
      const instance = this.#lookup(state, frame);
      if (!instance.changed) continue;
      this.#solve(instance);
      instance.changed = false;
      instance.shrunk = false;
    }
  }

  /** Answers for one state whether a slot of a frame may still be read. */
  query(state: PathState): (frame: number, slot: number) => boolean {
    const top = state.frames.length - 1;
    const instances = state.frames.map((_, frame) => this.#lookup(state, frame));
    return (frame, slot) => {
      if (isLive(instances[top], state.insn, frame, slot)) return true;
      for (let i = frame; i < top; i++) {
        const callsite = frameInsn(state, i);
        const at = this.#v.callsBack(callsite) ? callsite : callsite + 1;
        if (isLive(instances[i], at, frame, slot)) return true;
      }
      return false;
    };
  }

  #now(): Instance {
    if (this.#current === undefined) {
      const { state } = this.#v;
      this.#current = this.#lookup(state, state.frames.length - 1);
    }
    return this.#current;
  }

  #lookup(state: PathState, frame: number): Instance {
    const callsites: number[] = [];
    for (let i = 0; i < frame; i++) callsites.push(frameInsn(state, i));
    const subprog = this.#v.subprograms[state.frames[frame]?.subprog ?? 0];
    return this.#instance(callsites, subprog?.start ?? 0, subprog?.end ?? this.#v.insns.length);
  }

  #instance(callsites: readonly number[], start: number, end: number): Instance {
    const key = `${callsites.join()}:${start}`;
    const known = this.#instances.get(key);
    if (known !== undefined) return known;
    let order = this.#orders.get(start);
    if (order === undefined) {
      order = postorder(this.#v.insns, start, new Uint8Array(this.#v.insns.length));
      this.#orders.set(start, order);
    }
    const count = end - start;
    const made: Instance = {
      key,
      callsites,
      start,
      count,
      order,
      frames: [],
      ran: new Uint8Array(count),
      changed: false,
      shrunk: false,
    };
    this.#instances.set(key, made);
    return made;
  }

  #markRead(instance: Instance, frame: number, insn: number, low: number, high: number): void {
    const masks = masksOf(instance, frame);
    const i = (insn - instance.start) * 2;
    const news = join(masks.read, i, low, masks.live);
    if (join(masks.read, i + 1, high, masks.live) || news) instance.changed = true;
  }

  #commitTo(instance: Instance): void {
    const rel = this.#at - instance.start;
    const ran = instance.ran[rel] === 1;
    for (let frame = 0; frame <= instance.callsites.length; frame++) {
      const low = this.#writes[frame * 2] ?? 0;
      const high = this.#writes[frame * 2 + 1] ?? 0;
      if ((low | high) === 0 && (!ran || instance.frames[frame] === undefined)) continue;
      const masks = masksOf(instance, frame);
      narrow(instance, masks.written, rel * 2, low, ran);
      narrow(instance, masks.written, rel * 2 + 1, high, ran);
    }
    instance.ran[rel] = 1;
  }

  /** Backward data flow until nothing changes. */
  #solve(instance: Instance): void {
    const { insns } = this.#v;
    for (const masks of instance.frames) {
      if (masks !== undefined && instance.shrunk) masks.writtenAfter.fill(0);
    }
    let rounds = 0;
    for (let changed = true; changed; rounds++) {
      changed = false;
      for (const [frame, masks] of instance.frames.entries()) {
        if (masks === undefined) continue;
        for (const at of instance.order) {
          const insn = insns[at];
          // Only callers ask what is surely written.
          const leaves = instance.callsites.length > 0 && insn !== undefined && (isTailCall(insn) || isPacketLoad(insn));
          const before = this.#v.log.all ? masksAt(masks, instance.start, at) : undefined;
          if (step(masks, instance.start, at, { next: successors(insns, at), leaves })) changed = true;
          if (before !== undefined) this.#logChange(instance, frame, at, before);
        }
      }
    }
    if (this.#v.log.all) this.#v.log.write(`${chainText(instance)} live stack update done in ${rounds} iterations\n`);
    const callsite = instance.callsites.at(-1);
    if (callsite !== undefined) this.#passUp(instance, callsite);
  }

  /** Tells what the data flow found at instructions that matter. */
  #logChange(instance: Instance, frame: number, at: number, before: InsnMasks): void {
    const masks = instance.frames[frame];
    if (masks === undefined) return;
    const now = masksAt(masks, instance.start, at);
    const uses = now.used[0] !== 0 || now.used[1] !== 0;
    if (!uses && at !== instance.start && !this.#v.isPoint(at, POINT.PRUNE)) return;
    const place = `${chainText(instance)} frame ${frame} insn ${at} `;
    this.#v.log.write(changeText(place, 'live', before.live, now.live) + changeText(place, 'written', before.written, now.written));
  }

  /** What a subprogram does to its callers' frames is done by the call. */
  #passUp(instance: Instance, callsite: number): void {
    const chain = instance.callsites.slice(0, -1);
    const owner = this.#v.subprograms.find((s) => callsite >= s.start && callsite < s.end);
    const outer = this.#instance(chain, owner?.start ?? 0, owner?.end ?? this.#v.insns.length);
    this.#at = callsite;
    this.#writes.fill(0);
    this.#anyWrite = true;
    for (let frame = 0; frame < instance.callsites.length; frame++) {
      const masks = instance.frames[frame];
      if (masks === undefined) continue;
      this.#writes[frame * 2] = masks.writtenAfter[0] ?? 0;
      this.#writes[frame * 2 + 1] = masks.writtenAfter[1] ?? 0;
      this.#markRead(outer, frame, callsite, masks.live[0] ?? 0, masks.live[1] ?? 0);
    }
    this.#commitTo(outer);
  }
}

/** Two words each: what an instruction reads or writes itself, what may be read from it on, what is surely written from it on. */
interface InsnMasks {
  readonly used: readonly [number, number];
  readonly live: readonly [number, number];
  readonly written: readonly [number, number];
}

function masksAt({ read, written, writtenAfter, live }: Masks, start: number, at: number): InsnMasks {
  const i = (at - start) * 2;
  const words = (of: Int32Array): readonly [number, number] => [of[i] ?? 0, of[i + 1] ?? 0];
  const [readLow, readHigh] = words(read);
  const [writtenLow, writtenHigh] = words(written);
  return { used: [readLow | writtenLow, readHigh | writtenHigh], live: words(live), written: words(writtenAfter) };
}

/** The chain of calls, as the log has it: the calls, then the subprogram's start. */
function chainText({ callsites, start }: Instance): string {
  return `(${[...callsites, start].join()})`;
}

/** A line about the slots that were added to a set or taken from it; empty where there are none (log_mask_change). */
function changeText(place: string, what: string, before: readonly [number, number], now: readonly [number, number]): string {
  const added = slotsText([now[0] & ~before[0], now[1] & ~before[1]]);
  const gone = slotsText([before[0] & ~now[0], before[1] & ~now[1]]);
  if (added === '' && gone === '') return '';
  return `${place}${added === '' ? '' : `+${what} ${added} `}${gone === '' ? '' : `-${what} ${gone}`}\n`;
}

function slotsText(words: readonly [number, number]): string {
  const offsets: number[] = [];
  for (const [half, word] of words.entries()) {
    for (let bit = 0; bit < 32; bit++) if ((word & (1 << bit)) !== 0) offsets.push(-8 * (half * 32 + bit + 1));
  }
  return offsets.join();
}

function masksOf(instance: Instance, frame: number): Masks {
  const known = instance.frames[frame];
  if (known !== undefined) return known;
  const words = (): Int32Array => new Int32Array(instance.count * 2);
  const made: Masks = { read: words(), written: words(), writtenAfter: words(), live: words() };
  instance.frames[frame] = made;
  return made;
}

/** Adds bits to a word. @returns whether they are news to `live` */
function join(words: Int32Array, i: number, bits: number, live: Int32Array): boolean {
  const old = words[i] ?? 0;
  const joined = old | bits;
  if (joined === old) return false;
  words[i] = joined;
  return (joined & ~(live[i] ?? 0)) !== 0;
}

/** The first run sets the certain writes, later ones can only take away. */
function narrow(instance: Instance, words: Int32Array, i: number, bits: number, ran: boolean): void {
  const old = words[i] ?? 0;
  const now = ran ? bits & old : bits;
  if (now === old) return;
  words[i] = now;
  instance.changed = true;
  if ((old & ~now) !== 0) instance.shrunk = true;
}

/** @param ways.leaves the subprogram may end here: nothing after it is certain */
function step(masks: Masks, start: number, at: number, ways: { readonly next: readonly number[]; readonly leaves: boolean }): boolean {
  const { next, leaves } = ways;
  if (next.length === 0) return false;
  let changed = false;
  for (let half = 0; half < 2; half++) {
    const i = (at - start) * 2 + half;
    let after = 0;
    let writtenAfter = leaves ? 0 : -1;
    for (const to of next) {
      const j = (to - start) * 2 + half;
      after |= masks.live[j] ?? 0;
      writtenAfter &= masks.writtenAfter[j] ?? 0;
    }
    writtenAfter |= masks.written[i] ?? 0;
    const live = (after & ~(masks.written[i] ?? 0)) | (masks.read[i] ?? 0);
    if (live !== masks.live[i] || writtenAfter !== masks.writtenAfter[i]) changed = true;
    masks.live[i] = live;
    masks.writtenAfter[i] = writtenAfter;
  }
  return changed;
}

function isLive(instance: Instance | undefined, insn: number, frame: number, slot: number): boolean {
  const masks = instance?.frames[frame];
  if (instance === undefined || masks === undefined) return false;
  return ((masks.live[(insn - instance.start) * 2 + (slot < 32 ? 0 : 1)] ?? 0) & (1 << (slot & 31))) !== 0;
}
