/** Records read by type, hostile ones too: shorter than the type, longer, without NUL, with control bytes. */
import { describe, expect, it } from 'vitest';
import { Btf, type BtfType, encodeBtf } from '../../btf/index.ts';
import { RecordEvent } from './record.ts';

const int = (id: number, name: string, size: number, signed = false): BtfType => {
  return { kind: 'int', id, name, size, signed, char: false, bool: false, bitOffset: 0, bits: size * 8 };
};
const member = (name: string, type: number, offset: number) => ({ name, type, bitOffset: offset * 8, bitSize: 0 });

/** struct event { __u64 ts; __u32 pid; char comm[4]; }, struct line { __u32 pid; char text[]; }, struct args { __u32 n; char all[16]; } */
const btf = Btf.parse(
  encodeBtf([
    int(1, '__u64', 8),
    int(2, '__u32', 4),
    int(3, 'char', 1, true),
    { kind: 'array', id: 4, name: '', type: 3, indexType: 2, count: 4 },
    { kind: 'array', id: 5, name: '', type: 3, indexType: 2, count: 0 },
    { kind: 'array', id: 6, name: '', type: 3, indexType: 2, count: 16 },
    { kind: 'struct', id: 7, name: 'event', size: 16, members: [member('ts', 1, 0), member('pid', 2, 8), member('comm', 4, 12)] },
    { kind: 'struct', id: 8, name: 'line', size: 4, members: [member('pid', 2, 0), member('text', 5, 4)] },
    { kind: 'struct', id: 9, name: 'args', size: 20, members: [member('n', 2, 0), member('all', 6, 4)] },
  ]),
);
const type = (typeId: number) => ({ btf, typeId, name: btf.typeName(typeId), from: 'value' }) as const;
const EVENT = type(7);
const LINE = type(8);
const ARGS = type(9);

const max64 = [255, 255, 255, 255, 255, 255, 255, 255];
const pid13 = [13, 0, 0, 0];
const text = (s: string): number[] => [...new TextEncoder().encode(s)];

const rows: [name: string, record: RecordEvent, expected: Partial<Record<'json' | 'line' | 'problem' | 'timestamp', unknown>>][] = [
  [
    '64-bit numbers are decimal strings; text without NUL ends with its array',
    new RecordEvent('events', Uint8Array.from([...max64, ...pid13, ...text('make')]), { type: EVENT }),
    { json: { ts: '18446744073709551615', pid: 13, comm: 'make' }, timestamp: 18446744073709551615n },
  ],
  [
    'control bytes and what is no UTF-8 are escaped in text',
    new RecordEvent('events', Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0, ...pid13, 27, 10, 0xff, 0]), { type: EVENT }),
    { line: 'events { .ts = 1, .pid = 13, .comm = "\\x1b\\n\\xff" }', timestamp: 1n },
  ],
  [
    'too few bytes',
    new RecordEvent('events', Uint8Array.from([1, 2, 3]), { type: EVENT }),
    { json: undefined, line: 'events 0x010203', problem: '3 bytes are too few for struct event, which has 16', timestamp: undefined },
  ],
  ['no bytes', new RecordEvent('events', new Uint8Array(0), { type: EVENT }), { json: undefined, line: 'events 0x' }],
  [
    'no type',
    new RecordEvent('events', Uint8Array.from([171, 205]), { type: undefined }),
    { line: 'events 0xabcd', problem: 'their type is not known' },
  ],
  [
    'more bytes than the type has',
    new RecordEvent('events', Uint8Array.from([...max64, ...pid13, 97, 0, 0, 0, 1, 2]), { type: EVENT }),
    { line: 'events { .ts = 18446744073709551615, .pid = 13, .comm = "a" } +0x0102' },
  ],
  [
    'the zeros that fill a perf sample up are no news',
    new RecordEvent('events', Uint8Array.from([...max64, ...pid13, 97, 0, 0, 0, 0, 0, 0, 0]), { cpu: 1, type: EVENT }),
    { line: 'events { .ts = 18446744073709551615, .pid = 13, .comm = "a" }' },
  ],
  [
    'a struct that ends with an array may stop inside it',
    new RecordEvent('events', Uint8Array.from([2, 0, 0, 0, ...text('ls')]), { type: ARGS }),
    { json: { n: 2, all: 'ls' } },
  ],
  ['but not before it', new RecordEvent('events', Uint8Array.from([2, 0]), { type: ARGS }), { json: undefined }],
  [
    'text of any length at the end',
    new RecordEvent('events', Uint8Array.from([...pid13, ...text('any length\0old')]), { type: LINE }),
    { json: { pid: 13, text: 'any length' } },
  ],
];

describe('a record', () => {
  it.each(rows)('%s', (_, record, expected) => {
    for (const [name, value] of Object.entries(expected)) expect(record[name as 'line'], name).toEqual(value);
  });
});
