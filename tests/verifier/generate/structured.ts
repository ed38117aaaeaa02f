/**
 * Random programs that mean something: map lookups with their checks, bounded loops, calls, callbacks, packets parsed behind bounds checks,
 * spills at every width, ring buffer records. The generator keeps track of what each register holds, so that most programs are valid, and
 * forgets a check now and then.
 */
import type { Random } from './random.ts';
import { ALU, COMPARE, CONSTANTS } from './scalars.ts';
import { type Generated, Writer } from './writer.ts';

/** What a register holds: nothing readable, a number, or a pointer to so many bytes that may be used at `from`.. */
type Holds =
  | { readonly kind: 'none' | 'scalar' | 'ctx' | 'end' }
  | { readonly kind: 'memory'; readonly size: number; readonly write: boolean };

const NONE: Holds = { kind: 'none' };
const SCALAR: Holds = { kind: 'scalar' };
const CTX: Holds = { kind: 'ctx' };

/** Program types: where packets are in their context, 0 for none. */
const TYPES = [
  { id: 1, data: undefined, packetLoads: true, ctx: [0, 4, 8, 16, 44, 48, 52, 56] },
  { id: 1, data: undefined, packetLoads: true, ctx: [0, 4, 8, 16, 44, 48, 52, 56] },
  { id: 3, data: [76, 80], packetLoads: true, ctx: [0, 4, 8, 16, 32, 40, 48, 52] },
  { id: 6, data: [0, 4], packetLoads: false, ctx: [12, 16] },
  { id: 2, data: undefined, packetLoads: false, ctx: [0, 8, 16, 80, 112] },
  { id: 5, data: undefined, packetLoads: false, ctx: [0, 8, 16, 24, 32] },
  { id: 17, data: undefined, packetLoads: false, ctx: [0, 8, 16, 24] },
] as const;
type Type = (typeof TYPES)[number];

const SIZES = ['u8', 'u16', 'u32', 'u64'] as const;
const WIDTH = { u8: 1, u16: 2, u32: 4, u64: 8, s8: 1, s16: 2, s32: 4 } as const;
const LOADS = ['u8', 'u16', 'u32', 'u64', 'u64', 's8', 's16', 's32'] as const;
const ATOMIC = ['+=', '&=', '|=', '^='];
const FETCH = ['fetch_add', 'fetch_and', 'fetch_or', 'fetch_xor'];
const MAX_DEPTH = 4;

/** One function of a program. */
class Body {
  readonly #r: Random;
  readonly #w: Writer;
  readonly #type: Type;
  readonly #lines: string[];
  readonly #sloppy: number;
  #holds: Holds[] = Array.from({ length: 10 }, () => NONE);
  /** Registers that a loop around needs. */
  #kept: number[] = [];
  #depth = 0;
  readonly #out: string;
  /** How many calls deep. */
  readonly #level: number;

  constructor(r: Random, w: Writer, where: { type: Type; lines: string[]; level: number; sloppy: number }) {
    this.#r = r;
    this.#w = w;
    this.#type = where.type;
    this.#lines = where.lines;
    this.#level = where.level;
    this.#sloppy = where.sloppy;
    this.#out = w.label();
  }

  set(n: number, holds: Holds): void {
    this.#holds[n] = holds;
  }

  emit(...lines: string[]): void {
    this.#lines.push(...lines.map((line) => line.replace('+ -', '- ')));
  }

  /** The end: `leave` is where early exits go. */
  finish(result: () => string): void {
    this.emit(result(), 'exit');
    // Instructions that nothing leads to are refused.
    if (this.#lines.some((line) => line.endsWith(` ${this.#out}`))) this.emit(`${this.#out}:`, `r0 = ${this.#r.pick([0, 0, 1])}`, 'exit');
  }

  #slip(): boolean {
    return this.#r.chance(this.#sloppy);
  }

  #with(kind: Holds['kind']): number[] {
    return this.#holds.flatMap((h, n) => (h.kind === kind ? [n] : []));
  }

  /** A register to overwrite. */
  #free(preferSaved = false): number {
    const from = preferSaved ? [6, 7, 6, 7, 8] : [0, 1, 2, 3, 4, 5, 6, 7];
    const usable = from.filter((n) => !this.#kept.includes(n));
    return this.#r.pick(usable.length === 0 ? [0] : usable);
  }

  #scalar(): number {
    if (this.#slip()) return this.#r.below(10);
    const known = this.#with('scalar').filter((n) => !this.#kept.includes(n));
    if (known.length > 0 && this.#r.chance(0.9)) return this.#r.pick(known);
    return this.#make();
  }

  /** A new scalar. */
  #make(): number {
    const n = this.#free();
    const memory = this.#pointers(8);
    const kind = this.#r.below(10);
    if (kind < 5 && memory.length > 0) {
      this.#load(n, this.#r.pick(memory));
    } else if (kind < 7 && this.#with('ctx').length > 0) {
      const ctx = this.#r.pick(this.#with('ctx'));
      const wide = this.#type.id === 2 || this.#type.id === 5 || this.#type.id === 17;
      this.emit(
        `r${n} = *(${wide ? 'u64' : this.#r.pick(['u32', 'u32', 'u32', 'u8', 'u16'])} *)(r${ctx} + ${this.#r.pick(this.#type.ctx)})`,
      );
    } else if (kind === 7) {
      this.emit(
        `r${n} = 0x${this.#r.below(2 ** 31).toString(16)}${this.#r
          .below(2 ** 31)
          .toString(16)
          .padStart(8, '0')} ll`,
      );
    } else if (kind === 8 && this.#r.chance(0.1)) {
      this.#call('call bpf_get_prandom_u32');
      this.emit(`r${n} = r0`);
      this.set(0, SCALAR);
    } else {
      this.emit(`r${n} = ${this.#r.pick(CONSTANTS)}`);
    }
    this.set(n, SCALAR);
    return n;
  }

  #pointers(size: number): number[] {
    return this.#holds.flatMap((h, n) => (h.kind === 'memory' && h.size >= size ? [n] : []));
  }

  #sizeOf(n: number): number {
    const held = this.#holds[n];
    return held?.kind === 'memory' ? held.size : 8;
  }

  #load(to: number, from: number): void {
    const type = this.#r.pick(LOADS);
    this.emit(`r${to} = *(${type} *)(r${from} + ${this.#place(from, WIDTH[type])})`);
  }

  /** An offset for an access. */
  #place(n: number, width: number): number {
    const size = this.#sizeOf(n);
    if (this.#slip()) return this.#r.pick([size, size - width + 1, -1, -8]);
    const last = Math.max(0, size - width);
    const off = this.#r.below(last + 1);
    return this.#r.chance(0.8) ? off - (off % width) : off;
  }

  /** Registers after a call. */
  #call(line: string): void {
    this.emit(line);
    for (let n = 0; n <= 5; n++) this.set(n, NONE);
    this.set(0, SCALAR);
  }

  /** Runs statements of which only some paths come by; afterwards a register holds what it holds on both. */
  #aside(run: () => void): Holds[] {
    const before = this.#holds.slice();
    this.#depth++;
    run();
    this.#depth--;
    const after = this.#holds;
    this.#holds = before;
    return after;
  }

  #join(other: readonly Holds[]): void {
    this.#holds = this.#holds.map((h, n) => {
      const o = other[n] ?? NONE;
      if (h.kind !== o.kind) return NONE;
      return h.kind === 'memory' && o.kind === 'memory' ? { ...h, size: Math.min(h.size, o.size), write: h.write && o.write } : h;
    });
  }

  statements(count: number): void {
    for (let i = 0; i < count; i++) this.#statement();
  }

  #statement(): void {
    const kind = this.#r.below(100);
    if (kind < 22) this.#alu();
    else if (kind < 28) this.#move();
    else if (kind < 40) this.#depth < MAX_DEPTH ? this.#branch() : this.#alu();
    else if (kind < 46) this.#depth < 2 ? this.#loop() : this.#alu();
    else if (kind < 56) this.#memory();
    else if (kind < 68) this.#stack();
    else if (kind < 76) this.#map();
    else if (kind < 82) this.#type.data === undefined ? this.#packetLoad() : this.#packet();
    else if (kind < 86) this.#subprogram();
    else if (kind < 89) this.#callback();
    else if (kind < 92) this.#ring();
    else if (kind < 97) this.#linked();
    else this.#odd();
  }

  #name(n: number, wide: boolean): string {
    return wide ? `r${n}` : `w${n}`;
  }

  #alu(): void {
    const r = this.#r;
    const wide = r.chance(0.6);
    const n = this.#scalar();
    const op = r.pick(ALU);
    const signed = /[/%]/.test(op) && r.chance(0.3) ? `s${op}` : op;
    if (r.chance(0.08)) {
      this.emit(
        r.pick([
          `r${n} = -r${n}`,
          `w${n} = -w${n}`,
          `r${n} = be${r.pick([16, 32, 64])} r${n}`,
          `r${n} = le${r.pick([16, 32, 64])} r${n}`,
          `r${n} = bswap${r.pick([16, 32, 64])} r${n}`,
        ]),
      );
    } else if (r.chance(0.4)) {
      this.emit(`${this.#name(n, wide)} ${signed} ${this.#name(this.#scalar(), wide)}`);
    } else if (/<<|>>/.test(op)) {
      this.emit(`${this.#name(n, wide)} ${op} ${r.below(wide ? 64 : 32) + (this.#slip() ? 64 : 0)}`);
    } else {
      this.emit(`${this.#name(n, wide)} ${signed} ${/[/%]/.test(op) ? r.pick([1, 2, 3, 7, 10, 16, 255, -1, -3]) : r.pick(CONSTANTS)}`);
    }
  }

  #move(): void {
    const r = this.#r;
    if (r.chance(0.25)) {
      const from = r.pick(this.#holds.flatMap((h, n) => (h.kind === 'none' && !this.#slip() ? [] : [n])).concat(10));
      const to = this.#free(true);
      this.emit(`r${to} = r${from}`);
      this.set(to, from === 10 ? NONE : (this.#holds[from] ?? NONE));
      return;
    }
    const from = this.#scalar();
    const to = this.#free();
    this.emit(
      r.pick([
        `r${to} = r${from}`,
        `r${to} = r${from}`,
        `w${to} = w${from}`,
        `r${to} = (${r.pick(['s8', 's16', 's32'])})r${from}`,
        `w${to} = (${r.pick(['s8', 's16'])})w${from}`,
      ]),
    );
    this.set(to, SCALAR);
  }

  #condition(): string {
    const r = this.#r;
    const wide = r.chance(0.6);
    const right = r.chance(0.65) ? String(r.pick(CONSTANTS)) : this.#name(this.#scalar(), wide);
    return `if ${this.#name(this.#scalar(), wide)} ${r.pick(COMPARE)} ${right}`;
  }

  #branch(): void {
    const r = this.#r;
    // Paths double with each.
    if (this.#kept.length > 0 && this.#w.branches++ >= 2) {
      this.#alu();
      return;
    }
    const condition = this.#condition();
    if (r.chance(0.2)) {
      this.emit(`${condition} goto ${this.#out}`);
      return;
    }
    const other = this.#w.label();
    this.emit(`${condition} goto ${other}`);
    const first = this.#aside(() => this.statements(1 + r.below(3)));
    if (r.chance(0.5)) {
      this.emit(`${other}:`);
      this.#join(first);
      return;
    }
    const end = this.#w.label();
    this.emit(`goto ${end}`, `${other}:`);
    const second = this.#aside(() => this.statements(1 + r.below(3)));
    this.emit(`${end}:`);
    this.#holds = first;
    this.#join(second);
  }

  /** A counter from 0 to a small number, in a register or on the stack. */
  #loop(): void {
    const r = this.#r;
    const n = r.pick([6, 7, 8]);
    // Few and short: every path through a loop is walked round by round.
    if (this.#kept.includes(n) || this.#w.loops >= 3) return;
    const bounds = this.#w.loops++ === 0 ? [1, 2, 3, 4, 5, 8, 10] : [1, 2, 3];
    if (this.#kept.length === 0) this.#w.branches = 0;
    const head = this.#w.label();
    const end = this.#w.label();
    const spilled = r.chance(0.15);
    const bound = r.pick(bounds);
    const limit = r.chance(0.2) ? this.#scalar() : undefined;
    if (limit !== undefined) this.emit(`r${limit} &= ${r.pick([1, 3, 7])}`);
    const variable = limit !== undefined && limit >= 6 && limit !== n ? limit : undefined;
    const may = r.chance(0.2);
    this.emit(`r${n} = 0`);
    if (spilled) this.emit(`*(u64 *)(r10 - 128) = r${n}`);
    this.emit(`${head}:`);
    if (may) this.emit(`may_goto ${end}`);
    this.#kept.push(n, ...(variable === undefined ? [] : [variable]));
    const before = this.#holds.slice();
    // What a later round finds is only what the body leaves as it is.
    for (let i = 0; i <= 5; i++) this.set(i, NONE);
    this.set(n, SCALAR);
    const after = this.#aside(() => this.statements(1 + r.below(3)));
    for (let i = 0; i < 10; i++) if (after[i]?.kind !== before[i]?.kind) this.set(i, NONE);
    this.#kept.length -= variable === undefined ? 1 : 2;
    if (spilled) this.emit(`r${n} = *(u64 *)(r10 - 128)`);
    this.emit(`r${n} += ${r.pick([1, 1, 1, 2])}`);
    if (spilled) this.emit(`*(u64 *)(r10 - 128) = r${n}`);
    const compare =
      variable === undefined ? `if ${r.chance(0.8) ? 'r' : 'w'}${n} ${r.pick(['<', 's<', '<='])} ${bound}` : `if r${n} < r${variable}`;
    this.emit(`${compare} goto ${head}`, `${end}:`);
    this.set(n, SCALAR);
  }

  /** Loads, stores and atomics through a pointer, at a constant or a bounded offset. */
  #memory(): void {
    const r = this.#r;
    const pointers = this.#pointers(8);
    if (pointers.length === 0) {
      this.#map();
      return;
    }
    const p = r.pick(pointers);
    const held = this.#holds[p];
    const write = held?.kind === 'memory' && held.write;
    if (r.chance(0.35)) {
      const n = this.#scalar();
      const size = this.#sizeOf(p);
      const mask = r.pick([1, 3, 7, 15, 31].filter((m) => m < size - 8).concat(this.#slip() ? [255] : [0]));
      const q = r.pick([1, 2, 3, 4, 5]);
      const bound = r.below(3);
      if (bound === 0) this.emit(`r${n} &= ${mask}`);
      else if (bound === 1) this.emit(`if r${n} > ${mask} goto ${this.#out}`);
      else this.emit(`if r${n} s< 0 goto ${this.#out}`, `if r${n} s>= ${mask + 1} goto ${this.#out}`);
      if (r.chance(0.3) && n !== p) this.emit(`r${q} = r${n}`, `r${q} += r${p}`);
      else this.emit(`r${q} = r${p}`, `r${q} += r${n === q ? p : n}`);
      if (n === q) this.set(q, NONE);
      if (write && r.chance(0.4)) this.emit(`*(u8 *)(r${q} + ${r.below(8)}) = r${this.#scalarExcept(q)}`);
      else this.emit(`r${q} = *(${r.pick(['u8', 'u8', 'u32', 's8'])} *)(r${q} + ${r.below(4)})`);
      this.set(q, write ? NONE : SCALAR);
      return;
    }
    const kind = r.below(6);
    if (kind < 3 || !write) {
      const to = this.#free();
      if (to !== p) {
        this.#load(to, p);
        this.set(to, SCALAR);
      }
    } else if (kind < 5) {
      const type = r.pick(SIZES);
      const what = r.chance(0.6) ? `r${this.#scalarExcept(p)}` : String(r.pick(CONSTANTS));
      this.emit(`*(${type} *)(r${p} + ${this.#place(p, WIDTH[type])}) = ${what}`);
    } else {
      const wide = r.chance(0.6);
      const at = `(${wide ? 'u64' : 'u32'} *)(r${p} + ${8 * r.below(this.#sizeOf(p) >> 3)})`;
      const n = this.#scalarExcept(p);
      const name = this.#name(n, wide);
      if (r.chance(0.5)) this.emit(`lock *${at} ${r.pick(ATOMIC)} ${name}`);
      else this.emit(`${name} = atomic_${r.pick(FETCH)}(${at}, ${name})`);
    }
  }

  #scalarExcept(p: number): number {
    const n = this.#scalar();
    if (n !== p) return n;
    this.emit(`r0 = ${this.#r.pick(CONSTANTS)}`);
    this.set(0, SCALAR);
    return 0;
  }

  /** Spills and fills of every width, also at offsets that are not known. */
  #stack(): void {
    const r = this.#r;
    const slot = 8 * (1 + r.below(8));
    if (r.chance(0.15)) {
      const n = this.#scalar();
      const p = r.pick([1, 2, 3, 4, 5].filter((i) => i !== n));
      this.emit(`r${n} &= ${r.pick([7, 15, 31, this.#slip() ? 255 : 24])}`, `r${p} = r10`, `r${p} += -64`, `r${p} += r${n}`);
      this.emit(
        r.chance(0.5) ? `*(${r.pick(['u8', 'u8', 'u32'])} *)(r${p} + 0) = ${r.pick([`r${n}`, '0'])}` : `r${p} = *(u8 *)(r${p} + 0)`,
      );
      this.set(p, this.#lines.at(-1)?.startsWith('r') === true ? SCALAR : NONE);
      return;
    }
    const type = r.pick(['u64', 'u64', ...SIZES] as const);
    const within = r.chance(0.8) ? 0 : r.below(8 / WIDTH[type]) * WIDTH[type];
    const at = `(r10 - ${slot - within})`;
    if (r.chance(0.55)) {
      const any =
        type === 'u64' && r.chance(0.3) ? r.pick(this.#holds.flatMap((h, n) => (h.kind === 'none' ? [] : [n])).concat(10)) : this.#scalar();
      this.emit(`*(${type} *)${at} = ${r.chance(0.75) ? `r${any}` : r.pick(CONSTANTS)}`);
      return;
    }
    const to = this.#free();
    // So that what is read is defined.
    if (r.chance(0.7)) this.emit(`*(u64 *)(r10 - ${slot}) = ${r.pick([`r${this.#scalar()}`, String(r.pick(CONSTANTS))])}`);
    const load = r.pick([type, type, ...(type === 'u64' ? [] : ([type.replace('u', 's')] as const))]);
    this.emit(`r${to} = *(${load} *)${at}`);
    this.set(to, SCALAR);
  }

  /** A lookup with its check, an update, or a deletion. */
  #map(): void {
    const r = this.#r;
    const map = r.chance(0.08)
      ? r.pick(['lru', 'nested'] as const)
      : r.pick(['array', 'array', 'hash', 'percpu', 'one', 'percpuhash'] as const);
    const n = this.#free(true);
    if (map === 'one') {
      this.emit(`r${n} = map[fd:$one][0]+${r.pick([0, 0, 8, 40])}`);
      this.set(n, { kind: 'memory', size: 8, write: true });
      return;
    }
    const wide = map === 'hash' || map === 'lru' || map === 'percpuhash';
    const key = r.chance(0.7) || this.#with('scalar').length === 0 ? String(r.pick([0, 1, 2, 3, 9])) : `r${r.pick(this.#with('scalar'))}`;
    this.emit(`*(${wide ? 'u64' : 'u32'} *)(r10 - 72) = ${key}`);
    const what = r.below(8);
    if (what === 0 && map !== 'nested') {
      const size = { array: 48, percpu: 8, hash: 16, lru: 16, percpuhash: 8 }[map];
      for (let at = 0; at < size; at += 8) this.emit(`*(u64 *)(r10 - ${144 - at}) = ${r.pick([`r${this.#scalar()}`, '0', '7'])}`);
      this.emit('r2 = r10', 'r2 += -72', 'r3 = r10', 'r3 += -144', `r4 = ${r.pick([0, 0, 1, 2])}`, `r1 = map[fd:$${map}]`);
      this.#call('call bpf_map_update_elem');
      return;
    }
    this.emit('r2 = r10', 'r2 += -72', `r1 = map[fd:$${map}]`);
    if (what === 1 && map !== 'nested') {
      this.#call('call bpf_map_delete_elem');
      return;
    }
    this.#call('call bpf_map_lookup_elem');
    if (map === 'nested') {
      if (!this.#slip()) this.emit(`if r0 == 0 goto ${this.#out}`);
      this.emit('*(u32 *)(r10 - 80) = 0', 'r2 = r10', 'r2 += -80', 'r1 = r0');
      this.#call('call bpf_map_lookup_elem');
    }
    const value: Holds = { kind: 'memory', size: { array: 48, percpu: 8, hash: 16, lru: 16, percpuhash: 8, nested: 16 }[map], write: true };
    this.emit(`r${n} = r0`);
    if (this.#slip()) {
      this.set(n, value);
    } else if (r.chance(0.5)) {
      this.emit(`if r${r.pick([0, n])} == 0 goto ${this.#out}`);
      this.set(n, value);
    } else {
      const skip = this.#w.label();
      this.emit(`if r${r.pick([0, n])} ${r.chance(0.8) ? '==' : 's<'} 0 goto ${skip}`.replace('s< 0', '== 0'));
      const after = this.#aside(() => {
        this.set(n, value);
        this.set(0, NONE);
        this.statements(1 + r.below(3));
      });
      this.emit(`${skip}:`);
      this.#join(after);
      this.set(n, NONE);
    }
    this.set(0, NONE);
  }

  /** Bytes of the packet behind a comparison with its end. */
  #packet(): void {
    const r = this.#r;
    const ctx = this.#with('ctx')[0];
    const { data } = this.#type;
    if (ctx === undefined || data === undefined) {
      this.#alu();
      return;
    }
    const [p, end, q] = r.pick([
      [2, 3, 4],
      [1, 2, 3],
      [3, 1, 5],
    ] as const);
    const size = r.pick([8, 14, 20, 34, 40, 60]);
    const skip = this.#w.label();
    this.emit(`r${p} = *(u32 *)(r${ctx} + ${data[0]})`, `r${end} = *(u32 *)(r${ctx} + ${data[1]})`);
    let from = 0;
    if (r.chance(0.3)) {
      const n = this.#scalarExcept(p);
      if (n !== end && n !== p) {
        this.emit(`r${n} &= ${r.pick([1, 7, 15, 63])}`, `r${p} += r${n}`);
        from = r.pick([0, 0, 2]);
      }
    }
    this.emit(`r${q} = r${p}`, `r${q} += ${size}`);
    const right = this.#slip() ? size - 1 : size;
    const way = r.below(4);
    if (way === 0) this.emit(`if r${q} > r${end} goto ${skip}`);
    else if (way === 1) this.emit(`if r${end} < r${q} goto ${skip}`);
    else if (way === 2) this.emit(`if r${end} ${right === size ? '<=' : '<'} r${q} goto ${skip}`);
    else this.emit(`if r${q} ${right === size ? '>=' : '>'} r${end} goto ${skip}`);
    const keep = r.pick([6, 7, 8]);
    const after = this.#aside(() => {
      for (const n of [p, end, q]) this.set(n, NONE);
      if (this.#kept.includes(keep)) {
        this.set(p, { kind: 'memory', size: Math.max(8, right - from), write: true });
      } else {
        this.emit(`r${keep} = r${p}`);
        this.set(keep, { kind: 'memory', size: Math.max(8, right - from), write: true });
      }
      this.statements(1 + r.below(4));
    });
    this.emit(`${skip}:`);
    for (const n of [p, end, q]) this.set(n, NONE);
    this.#join(after);
    if (!this.#kept.includes(keep)) this.set(keep, NONE);
  }

  /** ld_abs and ld_ind. */
  #packetLoad(): void {
    const r = this.#r;
    const ctx = this.#with('ctx')[0];
    if (!this.#type.packetLoads || ctx === undefined || this.#kept.includes(6) || this.#level > 0) {
      this.#alu();
      return;
    }
    this.emit(`r6 = r${ctx}`);
    const size = r.pick(['u8', 'u16', 'u32']);
    if (r.chance(0.7)) {
      this.#call(`r0 = *(${size} *)skb[${r.pick([0, 4, 12, 20, 44])}]`);
    } else {
      const n = this.#scalar();
      this.emit(`r${n} &= 31`);
      this.#call(`r0 = *(${size} *)skb[r${n} + ${r.pick([0, 4])}]`);
    }
    this.set(6, CTX);
  }

  /** Two or three arguments. */
  #args(): void {
    const pick = (): string => `r${this.#scalar()}`;
    const [a, b] = [pick(), pick()];
    if (a === 'r2') this.emit('r3 = r2', `r2 = ${b === 'r1' ? 'r3' : b}`, 'r1 = r3');
    else this.emit(`r2 = ${b}`, `r1 = ${a}`);
  }

  #subprogram(): void {
    const r = this.#r;
    if (this.#level >= 2 || this.#w.functions >= 5) {
      this.#alu();
      return;
    }
    const name = `f${this.#w.functions}`;
    const global = r.chance(0.25);
    if (global) this.#w.described = true;
    const stack = !global && r.chance(0.4);
    this.#args();
    if (stack) this.emit(`*(u64 *)(r10 - 88) = ${r.pick([0, 5])}`, 'r3 = r10', 'r3 += -88');
    const lines = this.#w.open(name, global ? 'global' : 'static', global ? ['int', 'int'] : ['int', 'int', 'int']);
    const body = this.#child(lines);
    body.set(1, SCALAR);
    body.set(2, SCALAR);
    if (stack) body.set(3, { kind: 'memory', size: 8, write: true });
    body.emit(`r6 = r1`, `r7 = r2`);
    body.set(6, SCALAR);
    body.set(7, SCALAR);
    body.statements(1 + r.below(5));
    body.finish(() => `r0 = ${r.pick(['r6', 'r7', '0', '3'])}`);
    this.#call(`call ${name}`);
  }

  #child(lines: string[]): Body {
    return new Body(this.#r, this.#w, { type: this.#type, lines, level: this.#level + 1, sloppy: this.#sloppy });
  }

  /** bpf_loop or bpf_for_each_map_elem. */
  #callback(): void {
    const r = this.#r;
    if (this.#level >= 2 || this.#w.functions >= 5) {
      this.#alu();
      return;
    }
    this.#w.described = true;
    const name = `f${this.#w.functions}`;
    const each = r.chance(0.4);
    const lines = this.#w.open(name, 'static', each ? ['int', 'int', 'int', 'int'] : ['int', 'int']);
    this.emit(`*(u64 *)(r10 - 96) = ${r.pick([0, 1])}`, 'r3 = r10', 'r3 += -96', 'r4 = 0', `r2 = subprog[@${name}]`);
    const body = this.#child(lines);
    if (each) {
      this.emit(`r1 = map[fd:$${r.pick(['array', 'hash'])}]`);
      body.set(2, { kind: 'memory', size: 4, write: false });
      body.set(3, { kind: 'memory', size: 16, write: true });
      body.emit('r6 = r4', 'r7 = r3');
      body.set(7, { kind: 'memory', size: 16, write: true });
    } else {
      this.emit(`r1 = ${r.pick([0, 1, 2, 3, 10, 100])}`);
      body.set(1, SCALAR);
      body.emit('r6 = r2', 'r7 = r1');
      body.set(7, SCALAR);
    }
    body.set(6, { kind: 'memory', size: 8, write: true });
    body.statements(1 + r.below(4));
    body.finish(() => `r0 = ${this.#slip() ? r.pick(['2', 'r7']) : r.pick([0, 0, 0, 1])}`);
    this.#call(`call ${each ? 'bpf_for_each_map_elem' : 'bpf_loop'}`);
  }

  /** A ring buffer record, reserved, filled and given away. */
  #ring(): void {
    const r = this.#r;
    const n = r.pick([6, 7, 8]);
    if (this.#kept.includes(n)) return;
    const size = r.pick([8, 16, 24]);
    const skip = this.#w.label();
    this.emit('r1 = map[fd:$ring]', `r2 = ${size}`, 'r3 = 0');
    this.#call('call bpf_ringbuf_reserve');
    this.emit(`r${n} = r0`);
    if (!this.#slip()) this.emit(`if r0 == 0 goto ${skip}`);
    this.#kept.push(n);
    this.set(0, NONE);
    this.set(n, { kind: 'memory', size, write: true });
    for (let i = r.below(3); i > 0; i--) this.emit(`*(u64 *)(r${n} + ${8 * r.below(size / 8)}) = ${r.pick(CONSTANTS)}`);
    this.#kept.pop();
    this.emit(`r1 = r${this.#slip() ? 9 : n}`, 'r2 = 1');
    this.#call(`call bpf_ringbuf_${this.#slip() ? 'query' : r.pick(['submit', 'discard'])}`);
    this.emit(`${skip}:`);
    this.set(0, NONE);
    this.set(n, NONE);
  }

  /** What is learned of one scalar holds for its copies. */
  #linked(): void {
    const r = this.#r;
    const p = this.#pointers(16)[0];
    const a = this.#make();
    const b = r.pick([1, 2, 3, 4, 5, 7].filter((n) => n !== a && n !== p && !this.#kept.includes(n)));
    const wide = r.chance(0.7);
    this.emit(`${this.#name(b, wide)} = ${this.#name(a, wide)}`);
    if (r.chance(0.5)) this.emit(`${this.#name(b, wide)} ${r.pick(['+=', '-='])} ${r.pick([1, 2, 4, -1])}`);
    if (r.chance(0.3)) this.emit(`*(${r.pick(['u64', 'u32'])} *)(r10 - 104) = r${b}`);
    this.emit(`if ${this.#name(a, r.chance(0.7))} ${r.pick(['>', '>=', 's>', '==', '!=', '<'])} ${r.pick([1, 3, 7, 4])} goto ${this.#out}`);
    this.set(b, SCALAR);
    if (p === undefined) return;
    const q = r.pick([1, 2, 3, 4, 5].filter((n) => n !== b && n !== p));
    if (!wide || r.chance(0.5)) this.emit(`if r${b} > ${r.pick([7, 8])} goto ${this.#out}`);
    this.emit(`r${q} = r${p}`, `r${q} += r${b}`, `r${q} = *(u8 *)(r${q} + 0)`);
    this.set(q, SCALAR);
  }

  #odd(): void {
    const r = this.#r;
    const kind = r.below(9) >> 1;
    if (kind === 0) {
      const ctx = this.#with('ctx')[0];
      if (ctx === undefined) return;
      this.emit(`r1 = r${ctx}`, `r2 = map[fd:$progs${'abcdefghijklmnopqrstuvwxyz'[this.#type.id] ?? ''}]`, `r3 = ${r.pick([0, 1, 5])}`);
      this.#call('call bpf_tail_call');
      this.set(0, NONE);
    } else if (kind === 1) {
      this.#call('call bpf_get_smp_processor_id');
      this.emit('r0 *= 0');
    } else if (kind === 2) {
      const n = this.#scalar();
      this.emit(`if r${n} ${r.pick(COMPARE)} r${n} goto ${this.#out}`);
    } else if (kind === 3) {
      const n = this.#scalar();
      this.emit(`r${n} s>>= 63`, `r${n} &= ${r.pick([1, 8, -2])}`);
    } else {
      this.emit(`*(u64 *)(r10 - 112) = 0`, 'r2 = r10', 'r2 += -112', 'r1 = map[fd:$queue]');
      this.#call(`call bpf_map_${r.pick(['pop', 'peek'])}_elem`);
      const to = this.#free(true);
      this.emit(`r${to} = *(u64 *)(r10 - 112)`);
      this.set(to, SCALAR);
    }
  }
}

/** The next structured program. */
export function structuredProgram(r: Random): Generated {
  const w = new Writer();
  const type = r.pick(TYPES);
  const lines = w.open('main', 'global', ['ctx']);
  const body = new Body(r, w, { type, lines, level: 0, sloppy: r.chance(0.6) ? 0 : 0.04 });
  body.emit('r9 = r1');
  body.set(1, CTX);
  body.set(9, CTX);
  if (r.chance(0.7)) {
    const key = r.pick([0, 1, 3]);
    body.emit(`*(u32 *)(r10 - 4) = ${key}`, 'r2 = r10', 'r2 += -4', 'r1 = map[fd:$array]', 'call bpf_map_lookup_elem', 'r8 = r0');
    body.emit('if r8 != 0 goto +2', 'r0 = 0', 'exit');
    body.set(1, NONE);
    body.set(8, { kind: 'memory', size: 48, write: true });
  }
  // So that what is read later is defined.
  if (r.chance(0.5)) for (let at = 8; at <= 64; at += 8) body.emit(`*(u64 *)(r10 - ${at}) = ${r.pick([0, 0, 1, 7])}`);
  body.statements(3 + r.below(14));
  if (r.chance(0.6)) {
    body.emit(
      '*(u32 *)(r10 - 4) = 0',
      'r2 = r10',
      'r2 += -4',
      'r1 = map[fd:$array]',
      'call bpf_map_lookup_elem',
      'if r0 != 0 goto +1',
      'exit',
    );
    body.emit(`r1 = *(u64 *)(r10 - ${8 * (1 + r.below(8))})`.replace('- 4)', '- 8)'));
    body.emit('*(u64 *)(r0 + 40) = r1');
  }
  body.finish(() => `r0 = ${r.pick([0, 1, 2])}`);
  return w.finish(type.id);
}
