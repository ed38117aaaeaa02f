/** Frames, tail calls, helpers, callbacks, atomics, packet loads and stepping, in a memory with a few hand-made map descriptors. */
import { beforeEach, describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import type { ArgKind, HelperCall, HelperImpl, HelperProto } from '../helpers/types.ts';
import { MAP } from '../maps/types.ts';
import { Mem, toPointer } from '../mem/index.ts';
import { type Environment, type HelperEntry, Interpreter, type ProgramImage, prepare, STACK_BYTES } from './index.ts';

const SIZE = 1 << 18;
const STACK = 0x10000;
const CTX = 0x20000;
const HASH = 0x21000;
const PROGS = 0x21100;
const VALUE = 0x22000;
const FIXTURE = `0x${toPointer(HASH).toString(16)} ll pseudo 1`;
const ARRAY = `0x${toPointer(PROGS).toString(16)} ll pseudo 1`;

const mem = Mem.create({ initial: SIZE, maximum: SIZE });
beforeEach(() => {
  mem.u8.fill(0);
  descriptor(HASH, 1, 4, 16, 8);
  descriptor(PROGS, 3, 4, 4, 4);
});

function descriptor(at: number, type: number, keySize: number, valueSize: number, maxEntries: number): void {
  mem.dv.setUint32(at + MAP.TYPE, type, true);
  mem.dv.setUint32(at + MAP.KEY_SIZE, keySize, true);
  mem.dv.setUint32(at + MAP.VALUE_SIZE, valueSize, true);
  mem.dv.setUint32(at + MAP.MAX_ENTRIES, maxEntries, true);
}

function helper(id: number, kinds: readonly ArgKind[], impl: HelperImpl, more: Partial<HelperProto> = {}): HelperEntry {
  const args = kinds.map((kind, i) => ({ name: `a${i}`, kind, ctype: 'u64' }));
  return { proto: { id, name: `helper${id}`, since: '0', gplOnly: false, ret: 'integer', cret: 'long', args, doc: '', ...more }, impl };
}

const HELPERS = [
  helper(1, ['map', 'map_key'], (c) => (mem.dv.getUint32(c.off(2), true) === 7 ? VALUE : 0), { ret: 'map_value_or_null' }),
  helper(2, ['map', 'map_key', 'map_value', 'anything'], () => -17),
  helper(4, ['mem_uninit', 'size_or_zero', 'anything'], (c) => {
    mem.u8.fill(0xab, c.off(1), c.off(1) + c.off(2));
    return c.off(2);
  }),
  helper(5, [], () => 0x1234_5678_9abc_def0n),
  helper(6, ['mem', 'size'], (c) => mem.u8[c.off(1)] ?? 0),
  helper(25, ['ctx', 'map'], () => 2 ** 40 + 1),
  helper(9, ['ctx', 'anything'], () => 2 ** 40 + 1),
  helper(60, ['mem_or_null', 'size_or_zero'], () => 9),
  helper(61, ['const_str'], () => 1),
  helper(62, [], () => {
    throw new Error('out of order');
  }),
  // Like bpf_loop: callback(index, r3) until it returns 1.
  helper(181, ['anything', 'func', 'anything', 'anything'], (c) => {
    let i = 0;
    while (i < c.off(1) && c.callback(c.u64(2), [BigInt(i), c.u64(3)]) === 0n) i++;
    return i * 100 + c.off(4);
  }),
];

function interpreter(env: Environment = {}, budget?: number): Interpreter {
  return new Interpreter({
    mem,
    stack: { base: STACK, size: STACK_BYTES },
    env,
    helpers: HELPERS,
    call: (core) => core as HelperCall,
    ...(budget === undefined ? {} : { budget }),
  });
}

const image = (text: string): ProgramImage => prepare(assemble(text));

/** r0, or the fault's sentence. */
function run(text: string, env: Environment = {}, budget?: number): bigint | string {
  const it = interpreter(env, budget);
  it.run(image(text), { ctx: CTX, ctxSize: 64 });
  return it.fault === undefined ? it.r0 : it.fault.reason;
}

const P = (offset: number): string => `0x${toPointer(offset).toString(16)}`;

const ROWS: [name: string, program: string, expected: bigint | string | RegExp][] = [
  // Subprograms.
  ['a callee gets r1-r5 and returns r0', 'r1 = 3\nr2 = 4\ncall f\nexit\nf: r0 = r1\nr0 += r2\nexit', 7n],
  ['r6-r9 are the caller’s', 'r6 = 5\nr9 = 6\ncall f\nr0 = r6\nr0 += r9\nexit\nf: r6 = 0\nr9 = 0\nexit', 11n],
  [
    'frames are separate',
    'r1 = 1\n*(u64 *)(r10 - 8) = r1\ncall f\nr0 = *(u64 *)(r10 - 8)\nexit\nf: r1 = 2\n*(u64 *)(r10 - 8) = r1\nexit',
    1n,
  ],
  [
    'a callee writes through a pointer to the caller’s frame',
    'r1 = r10\nr1 += -8\ncall f\nr0 = *(u64 *)(r10 - 8)\nexit\nf: *(u64 *)(r1 + 0) = 42\nexit',
    42n,
  ],
  [
    'above the frame pointer is no memory',
    'call f\nexit\nf: r0 = *(u64 *)(r10 + 0)\nexit',
    /^R10 invalid mem access: 8 bytes at 0xffff8880\w+ are not readable$/,
  ],
  ['a dead frame is no memory', 'call f\nr0 = *(u64 *)(r0 - 8)\nexit\nf: r0 = r10\nexit', /^R0 invalid mem access/],
  ['eight frames are too few for recursion', 'f: call f\nexit', 'the call stack of 9 frames is too deep'],
  ['seven calls deep', 'r1 = 7\nf: if r1 == 0 goto end\nr1 += -1\ncall f\nend: r0 = r1\nexit', 0n],
  // Helpers.
  ['helper 64-bit result', 'call 5\nexit', 0x1234_5678_9abc_def0n],
  ['helper large result', 'r2 = 0\ncall 9\nexit', 2n ** 40n + 1n],
  ['negative result', `r1 = ${FIXTURE}\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -16\nr4 = 0\ncall 2\nexit`, 2n ** 64n - 17n],
  ['r1-r5 are cleared', 'r3 = 9\ncall 5\nr0 = r3\nexit', 0n],
  [
    'lookup gives memory',
    `*(u32 *)(r10 - 4) = 7\nr1 = ${FIXTURE}\nr2 = r10\nr2 += -4\ncall 1\n*(u64 *)(r0 + 8) = 3\nr0 = *(u64 *)(r0 + 8)\nexit`,
    3n,
  ],
  [
    'lookup gives value_size bytes',
    `*(u32 *)(r10 - 4) = 7\nr1 = ${FIXTURE}\nr2 = r10\nr2 += -4\ncall 1\nr0 = *(u8 *)(r0 + 16)\nexit`,
    /^R0 invalid mem access: 1 bytes/,
  ],
  ['lookup of nothing is NULL', `*(u32 *)(r10 - 4) = 8\nr1 = ${FIXTURE}\nr2 = r10\nr2 += -4\ncall 1\nexit`, 0n],
  ['NULL is no memory', 'r1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit', 'R1 invalid mem access: 8 bytes at 0x0 are not readable'],
  [
    'a user address is no memory',
    'r1 = 0x7fff12345678 ll\nr0 = *(u8 *)(r1 + 0)\nexit',
    'R1 invalid mem access: 1 bytes at 0x7fff12345678 are not readable',
  ],
  ['the context is read-only', '*(u8 *)(r1 + 0) = 1\nexit', /^R1 invalid mem access: 1 bytes at \w+ are not writable$/],
  ['unknown helper', 'call 9999\nexit', 'invalid func unknown#9999'],
  ['map argument that is none', 'r1 = r10\nr2 = r10\ncall 1\nexit', /^helper1: R1=0xffff8880\w+ expected=map_ptr$/],
  ['map argument inside a descriptor', `r1 = ${FIXTURE}\nr1 += 8\nr2 = r10\nr2 += -4\ncall 1\nexit`, /expected=map_ptr$/],
  [
    'key beyond the frame',
    `r1 = ${FIXTURE}\nr2 = r10\nr2 += -2\ncall 1\nexit`,
    /^helper1: R2 invalid mem access: 4 bytes at \w+ are not readable$/,
  ],
  ['value too short', `r1 = ${FIXTURE}\nr2 = r10\nr2 += -8\nr3 = r2\nr4 = 0\ncall 2\nexit`, /^helper2: R3 invalid mem access: 16 bytes/],
  ['output buffer', 'r1 = r10\nr1 += -8\nr2 = 8\ncall 4\nr0 = *(u64 *)(r10 - 8)\nexit', 0xabab_abab_abab_ababn],
  ['output to the context', 'r2 = 8\ncall 4\nexit', /are not writable$/],
  ['size zero where it may be', 'r1 = r10\nr2 = 0\ncall 4\nexit', 0n],
  ['size zero where it may not', 'r1 = r10\nr2 = 0\ncall 6\nexit', 'helper6: R2 invalid zero-sized read'],
  [
    'negative size',
    'r1 = r10\nr1 += -8\nr2 = -1\ncall 6\nexit',
    'helper6: R2 unbounded memory access: size 0xffffffffffffffff, expected less than 536870912',
  ],
  ['NULL with size zero', 'r1 = 0\nr2 = 0\ncall 60\nexit', 9n],
  ['NULL with a size', 'r1 = 0\nr2 = 4\ncall 60\nexit', /^helper60: R1 invalid mem access: 4 bytes at 0x0/],
  [
    'map of a type the helper does not take',
    `r2 = ${ARRAY}\ncall 25\nexit`,
    /^helper25: cannot pass map_type \d+ into func bpf_helper25#25$/,
  ],
  ['context argument', `r1 = r10\nr2 = ${ARRAY}\ncall 25\nexit`, /^helper25: R1=\w+ expected=ctx$/],
  ['string with an end', '*(u16 *)(r10 - 8) = 0x41\nr1 = r10\nr1 += -8\ncall 61\nexit', 1n],
  ['string without an end', '*(u8 *)(r10 - 1) = 0x41\nr1 = r10\nr1 += -1\ncall 61\nexit', /is not a NUL-terminated string$/],
  ['an implementation that throws', 'call 62\nexit', 'helper62: out of order'],
  // Callbacks.
  [
    'a callback runs with its own frame and the helper keeps its arguments',
    'r1 = 3\nr2 = subprog[+6]\nr3 = r10\nr3 += -8\nr4 = 7\ncall 181\nexit\n*(u64 *)(r10 - 8) = 1\nr0 = 0\nexit',
    307n,
  ],
  [
    'a callback writes to the caller’s stack',
    '*(u64 *)(r10 - 8) = 0\nr1 = 4\nr2 = subprog[+7]\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\nr0 = *(u64 *)(r10 - 8)\nexit\nr3 = *(u64 *)(r2 + 0)\nr3 += r1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit',
    6n,
  ],
  [
    'a callback that returns 1 stops the loop',
    'r1 = 10\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall 181\nexit\nr0 = 0\nif r1 != 2 goto end\nr0 = 1\nend: exit',
    200n,
  ],
  [
    'a fault in a callback ends the run',
    'r1 = 10\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall 181\nexit\nr0 = *(u64 *)(r2 + 0)\nexit',
    'R2 invalid mem access: 8 bytes at 0x0 are not readable',
  ],
  ['no function as a callback', 'r1 = 1\nr2 = 5\nr3 = 0\nr4 = 0\ncall 181\nexit', 'helper181: R2=0x5 expected=func'],
  [
    'endless callbacks end by the budget',
    'r1 = -1\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall 181\nexit\nr0 = 0\nexit',
    'the program executed 1000 instructions without an end',
  ],
  // Atomics (aligned and not).
  ...[0, 4, 1].flatMap((shift): [string, string, bigint][] => [
    [
      `fetch add 64 at -16+${shift}`,
      `r1 = 5\n*(u64 *)(r10 - ${16 - shift}) = r1\nr2 = -2\nr2 = atomic_fetch_add((u64 *)(r10 - ${16 - shift}), r2)\nr0 = *(u64 *)(r10 - ${16 - shift})\nr0 += r2\nexit`,
      8n,
    ],
    [
      `add 32 at -16+${shift}`,
      `r1 = -1\n*(u64 *)(r10 - ${16 - shift}) = r1\nr2 = 3\nlock *(u32 *)(r10 - ${16 - shift}) += r2\nr0 = *(u64 *)(r10 - ${16 - shift})\nexit`,
      0xffffffff_00000002n,
    ],
    [
      `xchg 32 at -16+${shift}`,
      `r1 = -1\n*(u64 *)(r10 - ${16 - shift}) = r1\nr2 = 3\nw2 = xchg32_32(r10 - ${16 - shift}, w2)\nr0 = r2\nexit`,
      0xffffffffn,
    ],
    [
      `cmpxchg 64 hit at -16+${shift}`,
      `r0 = 7\n*(u64 *)(r10 - ${16 - shift}) = r0\nr2 = 3\nr0 = cmpxchg_64(r10 - ${16 - shift}, r0, r2)\nr1 = *(u64 *)(r10 - ${16 - shift})\nr0 += r1\nexit`,
      10n,
    ],
    [
      `cmpxchg 64 miss at -16+${shift}`,
      `r0 = 7\n*(u64 *)(r10 - ${16 - shift}) = r0\nr2 = 3\nr0 = 8\nr0 = cmpxchg_64(r10 - ${16 - shift}, r0, r2)\nr1 = *(u64 *)(r10 - ${16 - shift})\nr0 += r1\nexit`,
      14n,
    ],
  ]),
  // Odds and ends.
  ['ld_abs without a packet', 'r0 = *(u8 *)skb[0]\nexit', /need packet data/],
  ['falls off the end', 'r0 = 0', "control leaves the program's 1 instructions"],
  ['jump out of the program', 'goto +100\nexit', "control leaves the program's 2 instructions"],
  ['frame pointer is read only', 'r10 = 0\nexit', 'frame pointer is read only'],
  ['a loop ends by the budget', 'f: goto f', 'the program executed 1000 instructions without an end'],
  ['may_goto falls through', 'r0 = 1\nmay_goto +1\nr0 = 2\nexit', 2n],
  [
    'an address that carries into its high word',
    `r1 = ${P(0xffff_fff8)} ll\nr0 = *(u64 *)(r1 + ${0x7ff8})\nexit`,
    /^R1 invalid mem access: 8 bytes at 0xffff888100007ff0/,
  ],
];

describe('programs', () => {
  it.each(ROWS)('%s', (_, text, expected) => {
    const got = run(text, {}, 1000);
    if (expected instanceof RegExp) expect(got).toMatch(expected);
    else expect(got).toBe(expected);
  });
});

describe('tail calls', () => {
  const call = (index: number): string => `r2 = ${ARRAY}\nr3 = ${index}\ncall 12\n`;

  it('continues in the other program with the same context, its result is the run’s', () => {
    const other = image('r0 = *(u8 *)(r1 + 0)\nexit');
    mem.u8[CTX] = 33;
    expect(run(`${call(2)}r0 = 1\nexit`, { tailTarget: (_, index) => (index === 2 ? other : undefined) })).toBe(33n);
  });

  it.each([
    ['an empty slot', 1],
    ['beyond the array', 4],
  ])('%s: goes on', (_, index) => {
    expect(run(`${call(index)}r0 = 55\nexit`, { tailTarget: () => undefined })).toBe(55n);
  });

  it('the index is the low 32 bits', () => {
    const other = image('r0 = 8\nexit');
    const text = `r2 = ${ARRAY}\nr3 = 0x100000000 ll\ncall 12\nr0 = 1\nexit`;
    expect(run(text, { tailTarget: (_, index) => (index === 0 ? other : undefined) })).toBe(8n);
  });

  it('33 succeed, empty slots do not count', () => {
    // r1 is lost after a failed tail call, so the program keeps it.
    const text = assemble(
      `r6 = r1\nr4 = ${P(VALUE)} ll\nr5 = *(u64 *)(r4 + 0)\nr5 += 1\n*(u64 *)(r4 + 0) = r5\n${call(3)}r1 = r6\n${call(0)}r4 = ${P(VALUE)} ll\nr0 = *(u64 *)(r4 + 0)\nexit`,
    );
    const program = prepare(text);
    const region = { base: VALUE, count: 1, stride: 0, size: 8, writable: true };
    const it = interpreter({ tailTarget: (_, index) => (index === 0 ? program : undefined), region: () => region });
    it.run(program, { ctx: CTX, ctxSize: 64 });
    expect(it.fault).toBeUndefined();
    expect(it.r0).toBe(34n);
  });

  it('from a subprogram replaces only its frame: main -> sub -> main … 34 times, all unwound', () => {
    const program = prepare(
      assemble(
        `r6 = r1\nr4 = ${P(VALUE)} ll\nr5 = *(u64 *)(r4 + 0)\nr5 += 1\n*(u64 *)(r4 + 0) = r5\ncall sub\nr4 = ${P(VALUE)} ll\nr5 = *(u64 *)(r4 + 8)\nr5 += 1\n*(u64 *)(r4 + 8) = r5\nr0 = r5\nexit\nsub: r1 = r6\n${call(0)}r0 = 0\nexit`,
      ),
    );
    const region = { base: VALUE, count: 1, stride: 0, size: 16, writable: true };
    const it = interpreter({ tailTarget: () => program, region: () => region });
    it.run(program, { ctx: CTX, ctxSize: 64 });
    expect(it.fault).toBeUndefined();
    expect(mem.dv.getUint32(VALUE, true)).toBe(34);
    expect(it.r0).toBe(34n);
  });

  it('another map is refused', () => {
    expect(run(`r2 = ${FIXTURE}\nr3 = 0\ncall 12\nexit`)).toMatch(/expected prog array map for tail call$/);
  });

  it('a callback may not', () => {
    const text = `r6 = r1\nr1 = 1\nr2 = subprog[+5]\nr3 = r6\nr4 = 0\ncall 181\nexit\nr1 = r2\n${call(0)}exit`;
    expect(run(text, { tailTarget: () => image('exit') })).toMatch(/^tail_call: not allowed in a callback$/);
  });
});

describe('packet loads', () => {
  const packet = Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55);
  const env: Environment = {
    packet: (offset, size) =>
      offset < 0 || offset + size > packet.length ? -1 : packet.subarray(offset, offset + size).reduce((a, b) => a * 256 + b, 0),
  };
  it.each([
    ['r0 = *(u32 *)skb[1]\nexit', 0x22334455n],
    ['r7 = 2\nr0 = *(u16 *)skb[r7 + 1]\nexit', 0x4455n],
    ['r0 = 5\nr0 = *(u32 *)skb[2]\nr0 = 7\nexit', 0n],
    ['call f\nr0 += 3\nexit\nf: r0 = *(u8 *)skb[9]\nr0 = 7\nexit', 3n],
  ])('%s', (text, expected) => {
    expect(run(text, env)).toBe(expected);
  });
});

describe('stepping', () => {
  it('shows pc, registers and frames after each instruction', () => {
    const it = interpreter();
    it.start(image('r1 = 3\ncall f\nexit\nf: r0 = r1\nexit'), { ctx: CTX, ctxSize: 64 });
    const trace: [number, number, bigint][] = [];
    do trace.push([it.pc, it.frame, it.reg(0)]);
    while (it.step() === 'running');
    expect(trace).toEqual([
      [0, 0, 0n],
      [1, 0, 0n],
      [3, 1, 0n],
      [4, 1, 3n],
      [2, 0, 3n],
    ]);
    expect([it.state, it.r0, it.executed]).toEqual(['exited', 3n, 5]);
    expect(it.step()).toBe('exited');
  });

  it('a callback is part of its helper’s step', () => {
    const it = interpreter();
    it.start(image('r1 = 3\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall 181\nexit\nr0 = 0\nexit'), { ctx: CTX, ctxSize: 64 });
    let steps = 0;
    while (it.step() === 'running') steps++;
    expect([steps, it.state, it.r0, it.executed]).toEqual([5, 'exited', 300n, 12]);
  });
});
