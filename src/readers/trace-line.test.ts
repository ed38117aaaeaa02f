/** Lines of the trace pipe: rows of both forms, both ways. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TraceRecord } from '../host/index.ts';
import { formatLostLine, formatTraceLine, parseTraceLine, TraceTextParser } from './trace-line.ts';

const bytes = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const text = (b: Uint8Array): string => String.fromCharCode(...b);

function record(more: Partial<TraceRecord> = {}): TraceRecord {
  return {
    comm: bytes('make'),
    pid: 13492,
    tgid: 13492,
    cpu: 2,
    flags: 'd..1.',
    timestamp: 3_250_997_277_000n,
    message: bytes('executed /bin/sh'),
    ...more,
  };
}

const rows: readonly [TraceRecord, modern: string, old: string][] = [
  [
    record(),
    '            make-13492   [002] d..1.  3250.997277: bpf_trace_printk: executed /bin/sh\n',
    '            make-13492 [002] d..1  3250.997277: : executed /bin/sh\n',
  ],
  [
    record({ message: bytes('hello\n'), cpu: 130, pid: 7 }),
    '            make-7       [130] d..1.  3250.997277: bpf_trace_printk: hello\n\n',
    '            make-7     [130] d..1  3250.997277: : hello\n',
  ],
  [
    record({ comm: bytes('a b-c (d) [1]xx'), timestamp: 1_999_999_999_500n, message: bytes('\xff\0\x1b') }),
    ' a b-c (d) [1]xx-13492   [002] d..1.  2000.000000: bpf_trace_printk: \xff\0\x1b\n',
    ' a b-c (d) [1]xx-13492 [002] d..1  2000.000000: : \xff\0\x1b\n',
  ],
  [
    record({ comm: bytes(''), pid: 12345678, timestamp: 123_456_000_001_499n }),
    '                -12345678 [002] d..1. 123456.000001: bpf_trace_printk: executed /bin/sh\n',
    '                -12345678 [002] d..1 123456.000001: : executed /bin/sh\n',
  ],
  [
    record({ pid: 0, message: bytes('') }),
    '          <idle>-0       [002] d..1.  3250.997277: bpf_trace_printk: \n',
    '          <idle>-0     [002] d..1  3250.997277: : \n',
  ],
];

describe('formatTraceLine', () => {
  it.each(rows)('%#', (r, modern, old) => {
    expect(text(formatTraceLine(r))).toBe(modern);
    expect(text(formatTraceLine(r, '4.4'))).toBe(old);
  });

  it('prints losses', () => expect(text(formatLostLine({ cpu: 3, lost: 1716 }))).toBe('CPU:3 [LOST 1716 EVENTS]\n'));
});

describe('parseTraceLine', () => {
  it.each<[string, Partial<TraceRecord> & { text: string }]>([
    ['         python3-32666   [000] ...2.  1454.944177: bpf_trace_printk: hello', { pid: 32666, cpu: 0, flags: '...2.', text: 'hello' }],
    ['            bash-1234  [000] d..1  1234.567890: : hello', { pid: 1234, flags: 'd..1.', text: 'hello' }],
    ['            bash-1234  [000] d..1  1234.567890: 0: hello', { pid: 1234, text: 'hello' }],
    ['            bash-1234  [000] d..1  1234.567890: 0x00000001: hello', { pid: 1234, text: 'hello' }],
    ['            bash-1234    ( 1200) [000] d..1.  1234.567890: bpf_trace_printk: x', { pid: 1234, tgid: 1200, text: 'x' }],
    ['            bash-1234    (-------) [000] d..1.  1234.567890: bpf_trace_printk: x', { pid: 1234, tgid: 0, text: 'x' }],
    [
      '            bash-1234    [000] d..1.  1234.567890: bpf_trace_printk: a-1 [001] d..1. 1.000000: bpf_trace_printk: x',
      { text: 'a-1 [001] d..1. 1.000000: bpf_trace_printk: x' },
    ],
  ])('%s', (line, { text: message, ...facts }) => {
    const parsed = parseTraceLine(bytes(line));
    expect(parsed).toMatchObject(facts);
    expect(parsed !== undefined && 'message' in parsed ? text(parsed.message) : undefined).toBe(message);
  });

  it('reads losses and refuses what is no program’s', () => {
    expect(parseTraceLine(bytes('CPU:1 [LOST 12 EVENTS]'))).toEqual({ cpu: 1, lost: 12 });
    expect(parseTraceLine(bytes('CPU:1 [LOST EVENTS]'))).toEqual({ cpu: 1, lost: 0 });
    expect(parseTraceLine(bytes('            bash-1234    [000] d..1.  1234.567890: sched_switch: prev_comm=bash'))).toBeUndefined();
    expect(parseTraceLine(bytes('# tracer: nop'))).toBeUndefined();
  });
});

describe('TraceTextParser', () => {
  const comm = fc.stringMatching(/^[!-~]([ -~]{0,13}[!-~])?$/).filter((c) => c !== '<...>' && c !== '<idle>');
  const records = fc.array(
    fc.record({
      comm: comm.map(bytes),
      pid: fc.integer({ min: 1, max: 4_194_304 }),
      cpu: fc.integer({ min: 0, max: 255 }),
      flags: fc.constantFrom('d..1.', '...2.', 'b..11'),
      micros: fc.bigInt({ min: 0n, max: 10n ** 12n }),
      message: fc.array(fc.stringMatching(/^[a-z: -]{0,12}$/), { minLength: 1, maxLength: 3 }).map((lines) => bytes(lines.join('\n'))),
    }),
    { maxLength: 8 },
  );

  it('gets back what was printed, however it is cut', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 60 }), (list, cut) => {
        const want = list.map(({ micros, ...r }): TraceRecord => ({ ...r, tgid: 0, timestamp: micros * 1000n }));
        const printed = bytes(want.map((r) => text(formatTraceLine(r))).join(''));
        const parser = new TraceTextParser();
        const got = [];
        for (let at = 0; at < printed.length; at += cut) got.push(...parser.push(printed.subarray(at, at + cut)));
        const last = parser.flush();
        if (last !== undefined) got.push(last);
        expect(got).toEqual(want);
      }),
    );
  });

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
        const parser = new TraceTextParser();
        for (const chunk of chunks) parser.push(chunk);
        parser.flush();
      }),
    );
  });
});
