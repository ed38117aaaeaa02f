/** The example programs on made-up events: what they print and count. Real processes are the end-to-end tests' business. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Engine, type FireOptions } from '../src/engine/index.ts';
import { type LoadOptions, loadCollection } from '../src/loader/index.ts';
import { TracePipe } from '../src/readers/index.ts';
import { packageRoot } from '../src/tools/package-root.ts';

/** A tracepoint record of 64-bit words after the hidden first eight bytes. */
function record(...words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 + words.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [n, word] of words.entries()) view.setBigInt64(8 + n * 8, word, true);
  return bytes;
}

const PATH = 0x7000_0000_1000n;
const task = { pid: 42, comm: 'cat', memory: [{ address: PATH, bytes: new TextEncoder().encode('/etc/hostname\0') }] };

interface Row {
  readonly example: string;
  readonly variables?: LoadOptions['variables'];
  readonly events: readonly (readonly [target: string, options: FireOptions])[];
  readonly printed: readonly string[];
  /** Map name -> its elements as JSON [key, value]. */
  readonly maps?: Readonly<Record<string, unknown>>;
}

const ROWS: readonly Row[] = [
  {
    example: 'exec',
    events: [
      ['kprobe/do_execve', { args: [['/bin/sh']] }],
      ['kprobe/do_execve', { args: [['/usr/bin/make']] }],
    ],
    printed: ['executed /bin/sh', 'executed /usr/bin/make'],
  },
  {
    example: 'writes',
    variables: { min_bytes: 10 },
    events: [
      ['kprobe/sys_write', { args: [1, 0, 9], task: { pid: 7 } }],
      ['kprobe/sys_write', { args: [1, 0, 10], task: { pid: 7 } }],
      ['kprobe/sys_write', { args: [1, 0, 20], task: { pid: 8, tgid: 7 } }],
    ],
    printed: [],
    maps: { writes_by_pid: [[7, { calls: '2', bytes: '30' }]] },
  },
  {
    example: 'opens',
    events: [
      ['tracepoint/syscalls/sys_enter_openat', { ctx: record(257n, -100n, PATH, 0n, 0n), task }],
      ['tracepoint/syscalls/sys_exit_openat', { ctx: record(257n, 3n), task }],
      ['tracepoint/syscalls/sys_exit_openat', { ctx: record(257n, -2n), task }],
    ],
    printed: ['open /etc/hostname = 3'],
    maps: { path_of_thread: [] },
  },
  {
    example: 'failures',
    events: [
      ['kretprobe/do_sys_openat2', { ret: 3 }],
      ['kretprobe/do_sys_openat2', { ret: -2 }],
      ['kretprobe/do_sys_openat2', { ret: -2 }],
    ],
    printed: [],
    maps: { opens_failed_by_errno: [[2, '2']] },
  },
  {
    example: 'dispatch',
    events: [
      ['tracepoint/raw_syscalls/sys_enter', { ctx: record(1n, 1n, 0n, 5n, 0n, 0n, 0n) }],
      ['tracepoint/raw_syscalls/sys_enter', { ctx: record(231n, 7n, 0n, 0n, 0n, 0n, 0n) }],
      ['tracepoint/raw_syscalls/sys_enter', { ctx: record(39n, 0n, 0n, 0n, 0n, 0n, 0n) }],
    ],
    printed: ['write of 5 bytes to 1', 'exit with 7'],
  },
];

describe.each(ROWS)('$example', (row) => {
  it('prints and counts what its comment says', () => {
    const engine = new Engine();
    const pipe = new TracePipe(engine);
    const object = readFileSync(join(packageRoot(), 'examples', `${row.example}.bpf.o`));
    const collection = loadCollection(engine, object, row.variables === undefined ? {} : { variables: row.variables });
    collection.attach();
    for (const [target, options] of row.events) expect(engine.fire(target, options).length).toBe(1);
    expect(pipe.read().map((event) => (event.kind === 'message' ? event.message : event.kind))).toEqual(row.printed);
    for (const [name, elements] of Object.entries(row.maps ?? {})) {
      const map = collection.map(name);
      expect([...map.entries()].map(([key, value]) => [map.keyToJson(key), map.valueToJson(value)])).toEqual(elements);
    }
    expect(engine.faults().total).toBe(0);
    pipe.close();
    collection.close();
    engine.closeAll();
  });
});
