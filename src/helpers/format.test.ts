/** The format language: rows, and a few hundred generated formats compared with the live kernel's trace_printk. */
import { closeSync, constants, mkdirSync, openSync, readSync, rmdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { put, TEST_DATA, testCall, testMemory } from '../../tests/support/helper-call.ts';
import { kernel } from '../../tests/support/kernel.ts';
import { assemble } from '../asm/index.ts';
import { errnoName } from '../base/index.ts';
import { toPointer } from '../mem/index.ts';
import { TraceTextParser } from '../readers/index.ts';
import { formatBpf, PRINTK_BUFFER } from './format.ts';

/** An argument: a number, or bytes that its pointer points at. */
type Arg = bigint | Uint8Array;
interface Case {
  readonly fmt: string;
  readonly args: readonly Arg[];
}
interface Outcome {
  readonly ret: number;
  readonly text: string | undefined;
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const cstr = (text: string): Uint8Array => latin1(`${text}\0`);
const PAGE = 0x300;

function ours({ fmt, args }: Case): Outcome {
  const mem = testMemory();
  const values = args.map((a, i) => (typeof a === 'bigint' ? a : toPointer(put(mem, (i + 1) * PAGE, a))));
  const text = formatBpf(testCall([], { mem }), latin1(fmt), values, PRINTK_BUFFER);
  if (typeof text === 'number') return { ret: text, text: undefined };
  const nul = text.bytes.indexOf(0);
  return { ret: text.length, text: String.fromCharCode(...(nul < 0 ? text.bytes : text.bytes.subarray(0, nul))) };
}

const BAD = 'EINVAL';
const rows: readonly [fmt: string, args: readonly Arg[], expected: string][] = [
  ['hello', [], 'hello'],
  ['100%%', [], '100%'],
  ['%d %u %x %X', [-1n, -1n, 255n], BAD],
  ['%d|%i', [-5n, 7n], '-5|7'],
  ['%u|%x|%X', [-1n, 255n, 255n], '4294967295|ff|FF'],
  ['%ld|%lld|%lu', [-5n, -6n, -1n], '-5|-6|18446744073709551615'],
  ['%5d|%-5d|%05d', [42n, 42n, -42n], '   42|42   |-0042'],
  ['%+d|% d|%+u', [1n, 1n, 1n], '+1| 1|1'],
  ['%-05d|%0-5d|', [7n, 7n], '7    |7    |'],
  ['%c%c', [65n, 0x142n], 'AB'],
  ['%4c|%-4c|', [65n, 66n], '   A|B   |'],
  ['%s', [cstr('text')], 'text'],
  ['%8s|%-8s|%s', [cstr('ab'), cstr('cd'), 0n], '      ab|cd      |'],
  ['%s%d', [cstr('ab'), 3n], 'ab3'],
  ['%pks|%pus', [cstr('kern'), 16n], 'kern|'],
  ['%px', [0x1234n], '0000000000001234'],
  ['%20px|%-20px|', [0x1234n, 0x1234n], '                1234|1234                |'],
  ['%p', [0n], '0000000000000000'],
  ['%pI4 %pi4', [latin1('\x7f\0\0\x01'), latin1('\x0a\x14\x1e\x28')], '127.0.0.1 010.020.030.040'],
  ['%pI6', [latin1('\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01')], '2001:0db8:0000:0000:0000:0000:0000:0001'],
  ['%pi6', [latin1('\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01')], '20010db8000000000000000000000001'],
  ['%pI4', [1n], '0.0.0.0'],
  ['%pxyz!', [1n], '0000000000000001!'],
  ['%.3d', [1n], BAD],
  ['%*d', [1n], BAD],
  ['%#x', [1n], BAD],
  ['%hd', [1n], BAD],
  ['%zd', [1n], BAD],
  ['%lc', [1n], BAD],
  ['%o', [1n], BAD],
  ['%n', [1n], BAD],
  ['%f', [1n], BAD],
  ['%pM', [1n], BAD],
  ['%sx', [cstr('a')], BAD],
  ['%', [1n], BAD],
  ['%l', [1n], BAD],
  ['%5%', [1n], BAD],
  ['a\x01b', [], BAD],
  ['a\tb\nc', [], 'a\tb\nc'],
  ['caf\xe9', [], 'caf\xe9'],
];

describe('formatBpf', () => {
  it.each(rows)('%j', (fmt, args, expected) => {
    const { ret, text } = ours({ fmt, args });
    expect(ret < 0 ? errnoName(-ret) : text).toBe(expected);
    if (ret >= 0) expect(ret).toBe(expected.length);
  });

  it('hides pointers behind the same number each time', () => {
    const { text } = ours({ fmt: '%p %p', args: [0xffff_8880_0000_1234n, 0xffff_8880_0000_1234n] });
    expect(text).toMatch(/^(0{8}[0-9a-f]{8}) \1$/);
    expect(text).not.toContain('1234 ');
  });

  it('counts text that does not fit', () => {
    const { ret, text } = ours({ fmt: '%2000d', args: [5n] });
    expect(ret).toBe(2000);
    expect(text).toBe(' '.repeat(1023));
    expect(ours({ fmt: '%2147483647d', args: [5n] }).ret).toBe(2147483647);
  });

  it('runs out of argument room as the kernel does', () => {
    const long = cstr('x'.repeat(600));
    expect(ours({ fmt: '%s', args: [long] }).ret).toBe(511);
    expect(errnoName(-ours({ fmt: '%s %d', args: [long, 1n] }).ret)).toBe('ENOSPC');
  });

  it('leaves a string that was put elsewhere in memory alone', () => {
    const mem = testMemory();
    put(mem, 0, 'abc');
    formatBpf(testCall([], { mem }), latin1('%s'), [toPointer(TEST_DATA)], PRINTK_BUFFER);
    expect(String.fromCharCode(...mem.copyOut(TEST_DATA, 3))).toBe('abc');
  });
});

const literal = fc.stringMatching(/^[ -$&-~\t\n]{0,6}$/);
const flags = fc.stringMatching(/^[-+0 ]{0,3}$/);
const width = fc.constantFrom('', '', '', '1', '7', '23', '300');
const conversion = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('d', 'i', 'u', 'x', 'X', 'ld', 'li', 'lu', 'lx', 'lX', 'lld', 'lli', 'llu', 'llx', 'llX', 'c') },
  { weight: 5, arbitrary: fc.constantFrom('s', 's ', 'pks', 'pus', 'px', 'px ', 'pI4', 'pi4', 'pI6', 'pi6') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'l', 'lc', 'hd', 'zd', 'o', 'n', 'pM', 'pQ', '.3d', '*d', '#x', '%', 'lll', 'pI5', 'pk', 'sx'),
  },
);
const piece = fc.oneof(
  { weight: 2, arbitrary: literal },
  { weight: 1, arbitrary: fc.constant('%%') },
  { weight: 4, arbitrary: fc.tuple(flags, width, conversion).map(([f, w, c]) => `%${f}${w}${c}`) },
);
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 65n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n),
);
const arg: fc.Arbitrary<Arg> = fc.oneof(
  number,
  fc.stringMatching(/^[!-~]{0,24}$/).map(cstr),
  fc.constantFrom(cstr('y'.repeat(200)), cstr('z'.repeat(520))),
);
const cases: fc.Arbitrary<Case> = fc.record({
  fmt: fc.array(piece, { minLength: 1, maxLength: 5 }).map((p) => p.join('')),
  args: fc.tuple(arg, arg, arg),
});
/** %px and %c of a pointer, or a number printed from one, differ by nature. */
function comparable({ fmt, args }: Case): boolean {
  const used = [...fmt.replaceAll('%%', '').matchAll(/%[-+0 ]*\d*(p[a-zA-Z]\w?|l*[a-zA-Z]|.|$)/g)].map((m) => m[1] ?? '');
  return used.every((c, i) => typeof (args[i] ?? 0n) === 'bigint' || /^(s|pks|pus|p[iI][46])/.test(c)) && !used.some((c) => c === 'p');
}

const INSTANCE = '/sys/kernel/tracing/instances/bpfwright-format';
const { bpf, reason } = kernel;
if (bpf === undefined) {
  describe('trace_printk against the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  describe('trace_printk against the kernel', () => {
    const SIZE = 4096;
    const FMT = 64;
    const fd = bpf.mapCreate({ type: 2, keySize: 4, valueSize: SIZE, maxEntries: 1 });
    let pipe: number | undefined;

    beforeAll(() => {
      try {
        mkdirSync(INSTANCE);
        writeFileSync(`${INSTANCE}/events/bpf_trace/bpf_trace_printk/enable`, '1');
        pipe = openSync(`${INSTANCE}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
      } catch {
        pipe = undefined;
      }
    });
    afterAll(() => {
      if (pipe !== undefined) closeSync(pipe);
      try {
        rmdirSync(INSTANCE);
      } catch {}
      bpf.close(fd);
    });

    function theirs({ fmt, args }: Case): Outcome {
      const value = new Uint8Array(SIZE);
      value.set(cstr(fmt), FMT);
      const setArgs = args.map((a, i) => {
        if (typeof a === 'bigint') return `r${3 + i} = 0x${BigInt.asUintN(64, a).toString(16)} ll`;
        value.set(a, (i + 1) * PAGE);
        return `r${3 + i} = r6\nr${3 + i} += ${(i + 1) * PAGE}`;
      });
      bpf?.mapUpdate(fd, new Uint8Array(4), value);
      const insns = assemble(
        `r6 = 0 ll\nr1 = r6\nr1 += ${FMT}\nr2 = ${fmt.length + 1}\n${setArgs.join('\n')}\ncall 6\n*(u64 *)(r6 + 0) = r0\ncall 14\n*(u64 *)(r6 + 8) = r0\nr0 = 0\nexit`,
      );
      insns[1] = (insns[1] ?? 0) | 0x20;
      new DataView(insns.buffer, insns.byteOffset).setInt32(4, fd, true);
      const prog = bpf?.progLoad({ type: 17, insns });
      if (bpf === undefined || prog === undefined) throw new Error('no kernel');
      bpf.progTestRun(prog.fd, { repeat: 0 });
      bpf.close(prog.fd);
      const after = bpf.mapLookup(fd, new Uint8Array(4), SIZE) ?? new Uint8Array(16);
      const view = new DataView(after.buffer, after.byteOffset);
      return { ret: Number(view.getBigInt64(0, true)), text: pipeText(view.getUint32(8, true)) };
    }

    /** What the thread printed since the last call. */
    function pipeText(tid: number): string | undefined {
      if (pipe === undefined) return undefined;
      const parser = new TraceTextParser();
      const records = [];
      const buffer = new Uint8Array(16384);
      for (;;) {
        let n = 0;
        try {
          n = readSync(pipe, buffer);
        } catch {
          break;
        }
        if (n === 0) break;
        records.push(...parser.push(buffer.subarray(0, n)));
      }
      const last = parser.flush();
      if (last !== undefined) records.push(last);
      const mine = records.filter((r) => 'message' in r && r.pid === tid);
      const record = mine[0];
      return record !== undefined && 'message' in record ? String.fromCharCode(...record.message) : undefined;
    }

    it('agrees on generated formats', () => {
      const compared = fc.sample(cases.filter(comparable), { numRuns: 400, seed: 7 });
      const differences = [];
      let texts = 0;
      for (const c of compared) {
        const mine = ours(c);
        const kernels = theirs(c);
        if (kernels.text !== undefined) texts++;
        if (mine.ret !== kernels.ret || (kernels.text !== undefined && mine.text !== kernels.text))
          differences.push({ fmt: c.fmt, args: c.args.map(String), mine, kernels });
      }
      expect(differences).toEqual([]);
      if (pipe !== undefined) expect(texts).toBeGreaterThan(100);
    });

    it('agrees on the rows', () => {
      for (const [fmt, args] of rows) {
        const c = { fmt, args: [...args, 0n, 0n, 0n].slice(0, 3) };
        const kernels = theirs(c);
        expect({ fmt, ...ours(c), ...(kernels.text === undefined ? { text: undefined } : {}) }).toEqual({ fmt, ...kernels });
      }
    });
  });
}
