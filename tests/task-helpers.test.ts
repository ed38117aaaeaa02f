/** Helpers on the current task that test runs and the live kernel cannot show whole: signals, namespaces, memory that is written, the task's object. */
import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { NotSupportedError } from '../src/base/index.ts';
import { Engine, engineBtf, type FireOptions, parseTarget } from '../src/engine/index.ts';
import { kernel } from './support/kernel.ts';
import { RUN_MODES } from './support/modes.ts';

const RAW_TRACEPOINT = 17;
const KPROBE = 2;
const SLEEPABLE = 0x10;
const U = 0x7fff_0000_1000n;
const NS = { dev: 4n, ino: 0xeffffffcn, tid: 7, tgid: 5 };

/** The text of a program that leaves 8 bytes, or r0, in r0. */
interface Row {
  readonly name: string;
  readonly text: string;
  readonly r0: bigint | number;
  readonly flags?: number;
  /** Of the kernel too, run by itself: raw tracepoint. */
  readonly alike?: true;
}

const E = (n: number): bigint => BigInt.asUintN(64, -BigInt(n));
const ns = (dev: string, ino: string, size: number, show: 'r0' | 'pids'): string =>
  `r1 = ${dev} ll\nr2 = ${ino} ll\nr3 = r10\nr3 += -8\nr4 = ${size}\n*(u64 *)(r10 - 8) = -1\ncall 120${show === 'pids' ? '\nr0 = *(u64 *)(r10 - 8)' : ''}`;
const copy = (id: number, size: number, address: bigint, more = ''): string =>
  `*(u64 *)(r10 - 8) = -1\n${more}r1 = r10\nr1 += -8\nr2 = ${size}\nr3 = 0x${address.toString(16)} ll\ncall ${id}\nr1 = *(u64 *)(r10 - 8)\nr0 <<= 32\nr0 |= r1`;
const ofTask = (flags: number): string => `call 158\nr4 = r0\nr5 = ${flags}\n`;
const field = (name: string): number => {
  const btf = engineBtf();
  const type = btf.type(btf.find('task_struct', 'struct') ?? 0);
  return type.kind === 'struct' ? (type.members.find((m) => m.name === name)?.bitOffset ?? 0) / 8 : 0;
};
const write = (address: bigint, size: number): string =>
  `*(u64 *)(r10 - 8) = 0x2a2b2c2d\nr1 = 0x${address.toString(16)} ll\nr2 = r10\nr2 += -8\nr3 = ${size}\ncall 36`;

const ROWS: readonly Row[] = [
  ...[109, 117].flatMap((id): Row[] => [
    { name: `signal 0 by ${id}`, text: `r1 = 0\ncall ${id}`, r0: 0, alike: true },
    { name: `signal 65 by ${id}`, text: `r1 = 65\ncall ${id}`, r0: E(22), alike: true },
    { name: `signal -1 by ${id}`, text: `r1 = -1\ncall ${id}`, r0: E(22), alike: true },
    { name: `signal 10 by ${id}`, text: `r1 = 10\ncall ${id}`, r0: 0 },
  ]),
  { name: 'pids of another namespace', text: ns('4', '1', 8, 'r0'), r0: E(22), alike: true },
  { name: 'pids of another namespace, buffer', text: ns('4', '1', 8, 'pids'), r0: 0, alike: true },
  { name: 'pids into 4 bytes', text: ns('4', '0xeffffffc', 4, 'r0'), r0: E(22), alike: true },
  { name: 'pids into 4 bytes, buffer', text: ns('4', '0xeffffffc', 4, 'pids'), r0: 0xffff_ffff_0000_0000n, alike: true },
  { name: 'pids on a device of 33 bits', text: ns('0x100000004', '0xeffffffc', 8, 'r0'), r0: E(22), alike: true },
  { name: 'pids of its namespace', text: ns('4', '0xeffffffc', 8, 'r0'), r0: 0 },
  { name: 'pids of its namespace, buffer', text: ns('4', '0xeffffffc', 8, 'pids'), r0: (5n << 32n) | 7n },
  { name: 'pid of the task object', text: `call 158\nr0 = *(u32 *)(r0 + ${field('pid')})`, r0: 101 },
  {
    name: 'tgid of its leader',
    text: `call 158\nr0 = *(u64 *)(r0 + ${field('group_leader')})\nr0 = *(u32 *)(r0 + ${field('pid')})`,
    r0: 100,
  },
  {
    name: 'what is not known of its leader',
    text: `call 158\nr0 = *(u64 *)(r0 + ${field('group_leader')})\nr0 = *(u64 *)(r0 + ${field('cred')})\nr0 = *(u32 *)(r0 + 0)`,
    r0: 0,
  },
  { name: 'the task object is the current task', text: 'call 158\nr6 = r0\ncall 35\nif r0 == r6 goto +1\nr0 = 1\nr0 = 5', r0: 5 },
  { name: 'copy_from_user', text: copy(148, 4, U), r0: 0xffff_ffff_0403_0201n, flags: SLEEPABLE },
  { name: 'copy_from_user of nothing', text: copy(148, 0, 0n), r0: 0xffff_ffff_ffff_ffffn, flags: SLEEPABLE },
  { name: 'copy_from_user beyond', text: copy(148, 8, U + 4n), r0: 0xffff_fff2_0000_0000n, flags: SLEEPABLE },
  { name: 'copy_from_user of the kernel', text: copy(148, 8, 0xffff_8000_0000_0000n), r0: 0xffff_fff2_0000_0000n, flags: SLEEPABLE },
  { name: 'copy_from_user_task', text: copy(191, 8, U, ofTask(0)), r0: 0x0807_0605_0403_0201n, flags: SLEEPABLE },
  { name: 'copy_from_user_task, flags', text: copy(191, 8, U, ofTask(1)), r0: E(1), flags: SLEEPABLE },
  { name: 'write', text: `${write(U, 4)}`, r0: 0 },
  { name: 'write beyond', text: write(U + 4n, 8), r0: E(14) },
  { name: 'write to the kernel', text: write(0xffff_8000_0000_0000n, 8), r0: E(14) },
];

function fired(row: Row, options: (typeof RUN_MODES)[number][1], fire: (bytes: Uint8Array) => FireOptions): bigint {
  using e = new Engine({ cpus: 1, allowHelpers: ['probe_write_user'], ...options });
  const map = e.mapCreate({ type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
  const insns = assemble(`${row.text}\nr1 = map[fd:${map}][0]+0\n*(u64 *)(r1 + 0) = r0\nr0 = 0\nexit`);
  const { fd } = e.progLoad({ type: KPROBE, insns, license: 'GPL', flags: row.flags ?? 0 });
  e.linkCreate({ progFd: fd, target: parseTarget('kprobe:sys_getpid') });
  e.fire('kprobe:sys_getpid', fire(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])));
  expect(e.faults().recent).toEqual([]);
  const value = e.mapLookupElem(map, new Uint8Array(4)) ?? new Uint8Array(8);
  return new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
}

describe.each(ROWS)('$name', (row) => {
  it.each(RUN_MODES)('%s', (_, options) => {
    const fire = (bytes: Uint8Array): FireOptions => ({ task: { pid: 101, tgid: 100, pidNamespace: NS, memory: [{ address: U, bytes }] } });
    expect(fired(row, options, fire)).toBe(BigInt(row.r0));
  });

  it.skipIf(row.alike === undefined || kernel.bpf === undefined)('in the kernel', () => {
    const { bpf } = kernel;
    if (bpf === undefined) return;
    const map = bpf.mapCreate({ type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
    const insns = assemble(`${row.text}\nr1 = map[fd:${map}][0]+0\n*(u64 *)(r1 + 0) = r0\nr0 = 0\nexit`);
    const { fd } = bpf.progLoad({ type: RAW_TRACEPOINT, insns });
    bpf.progTestRun(fd, { repeat: 0 });
    const value = bpf.mapLookup(map, new Uint8Array(4), 8) ?? new Uint8Array(8);
    for (const one of [fd, map]) bpf.close(one);
    expect(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true)).toBe(BigInt(row.r0));
  });
});

it.skipIf(kernel.bpf === undefined)('the namespace of a process is the one its file names', () => {
  const { bpf } = kernel;
  if (bpf === undefined) return;
  const { dev, ino } = statSync('/proc/self/ns/pid', { bigint: true });
  const insns = assemble(`${ns(`${dev}`, `${ino}`, 8, 'r0')}\nexit`);
  const { fd } = bpf.progLoad({ type: RAW_TRACEPOINT, insns });
  expect(bpf.progTestRun(fd, { repeat: 0 }).retval).toBe(0);
  bpf.close(fd);
});

it('signals and writes reach a made-up task', () => {
  const signals: unknown[] = [];
  const bytes = new Uint8Array(8);
  const task = {
    memory: [{ address: U, bytes }],
    onSignal: (signal: number, target: string) => {
      signals.push([signal, target]);
      return -3;
    },
  };
  const run = (text: string): bigint => fired({ name: '', text, r0: 0 }, {}, () => ({ task }));
  expect(run('r1 = 10\ncall 109')).toBe(E(3));
  expect(run('r1 = 12\ncall 117')).toBe(E(3));
  expect(run(write(U + 2n, 4))).toBe(0n);
  expect([signals, [...bytes]]).toEqual([
    [
      [10, 'process'],
      [12, 'thread'],
    ],
    [0, 0, 0x2d, 0x2c, 0x2b, 0x2a, 0, 0],
  ]);
});

it('a helper that changes the process is refused unless it is allowed', () => {
  using e = new Engine({ cpus: 1 });
  const load = () => e.progLoad({ type: KPROBE, insns: assemble(`${write(U, 4)}\nr0 = 0\nexit`), license: 'GPL' });
  expect(load).toThrow(NotSupportedError);
  expect(load).toThrow(/bpf_probe_write_user changes the traced process/);
});
