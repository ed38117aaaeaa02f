/** `bpfwright run` prints records of real processes; the numbers are strace's and the workload's own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findClang } from '../../src/tools/clang.ts';
import { bpfwright, has, run } from './support.ts';

const dir = mkdtempSync(join(tmpdir(), 'records-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const hasClang = findClang() !== undefined;

/** Runs with --json into a file; the rows by their type. */
function rows(args: readonly string[], command: readonly string[]): Record<string, Record<string, unknown>[]> {
  const file = join(dir, 'out.json');
  expect(bpfwright(['run', '-q', '--json', '-o', file, ...args, '--', ...command])).toMatchObject({ status: 0, stderr: '' });
  const out: Record<string, Record<string, unknown>[]> = {};
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const row = JSON.parse(line) as { type: string };
    const list = out[row.type] ?? [];
    out[row.type] = list;
    list.push(row);
  }
  return out;
}

describe('ring buffer records', () => {
  it.skipIf(!has('strace'))('every open that strace sees, once, in order (needs strace)', () => {
    const command = ['sh', '-c', 'cat /etc/hostname /no-such-file >/dev/null 2>&1; true'];
    const log = join(dir, 'strace');
    run(['strace', '-f', '-qq', '-e', 'trace=openat', '-e', 'signal=none', '-o', log, ...command]);
    const expected = [...readFileSync(log, 'utf8').matchAll(/openat\(AT_FDCWD, "([^"]*)".* = (-?\d+)/g)].map(
      ([, path, result]) => `${path} ${Number(result) < 0 ? 'failed' : result}`,
    );
    const { record = [], records = [] } = rows(['openlog'], command);
    const got = record.map((r) => {
      const { path, ret } = r.value as { path: string; ret: number };
      return `${path} ${ret < 0 ? 'failed' : ret}`;
    });
    expect(expected.length).toBeGreaterThan(4);
    expect(got).toEqual(expected);
    expect(records).toEqual([{ type: 'records', map: 'events', received: String(expected.length) }]);
    expect(record[0]).toMatchObject({ map: 'events', size: 168, event: 'struct event', value: { ts_ns: expect.stringMatching(/^\d+$/) } });
  });

  it('columns with one heading; the count at the end', () => {
    const got = bpfwright(['run', 'openlog', '--', 'cat', '/no-such-file']);
    const lines = got.stderr.split('\n').filter((l) => /COMM|no-such-file$|records/.test(l) && !l.startsWith('cat:'));
    expect(lines).toEqual([
      expect.stringMatching(/^ +TS_NS +TOOK_NS +PID +RET COMM +PATH$/),
      expect.stringMatching(/^ *\d+ +\d+ +\d+ +-2 cat +\/no-such-file$/),
      expect.stringMatching(/^bpfwright: events: \d+ records$/),
    ]);
  });
});

describe('perf event records', () => {
  const dd = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1000', 'count=2000', 'status=none'];

  it('every write of dd, and their histogram', () => {
    const { record = [], records, map = [] } = rows(['--dump-maps', '--comm', 'dd', 'writelog'], dd);
    expect(record.map((r) => (r.value as { bytes: string }).bytes)).toEqual(Array.from({ length: 2000 }, () => '1000'));
    expect(records).toEqual([{ type: 'records', map: 'writes', received: '2000', lost: '0' }]);
    const sizes = map.find((m) => m.map === 'sizes') as { value: { slots: string[] } } | undefined;
    const slots = sizes?.value.slots ?? [];
    expect(slots.flatMap((count, n) => (count === '0' ? [] : [[n, count]]))).toEqual([[9, '2000']]);
  });

  it('histograms are drawn, or printed as arrays on request', () => {
    const args = ['-q', '--dump-maps', '--comm', 'dd', '-o', '-'];
    expect(bpfwright(['run', ...args, 'writelog', '--', ...dd]).stdout).toMatch(/\n +512 -> 1023 +: 2000 +\|\*{40}\|\n/);
    expect(bpfwright(['run', ...args, '--no-histograms', 'writelog', '--', ...dd]).stdout).toMatch(/\{ \.slots = \[0, .*2000, 0.*\] \}\n/);
  });
});

/** A program that sends one record of each execve to a map; `more` is code before it, `map` its definition's end. */
function source(map: string, more = '', send = 'bpf_ringbuf_output(&events, &event, sizeof(event), 0);'): string {
  return `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct event { __u64 ts; __u32 one; char text[4]; };
${more}
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps")${map};
SEC("kprobe/do_execve") int send(void *ctx) {
  struct event event = {.ts = bpf_ktime_get_ns(), .one = 1, .text = {27, 'a', 'b', 'c'}};
  bpf_printk("before");
  ${send}
  return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;
}
let made = 0;
function write(text: string): string {
  const file = join(dir, `own${made++}.bpf.c`);
  writeFileSync(file, text);
  return file;
}
const USED = 'const struct event *unused_event __attribute__((unused));';

describe.skipIf(!hasClang)('the type of records (needs clang)', () => {
  it('none: hex, with the option that helps; the option needs a type that the object has', () => {
    const file = write(source(''));
    const got = bpfwright(['run', '-o', '-', file, '--', 'true']);
    expect(got.stdout).toMatch(/^16 bytes {2}0x[0-9a-f]{16}010000001b616263$/m);
    expect(got.stderr).toContain(
      "records of events are printed in hex: their type is not known; --event events='struct NAME' says what they are",
    );
    const { record } = rows([file], ['true']);
    expect(record).toEqual([
      {
        type: 'record',
        map: 'events',
        size: 16,
        data: expect.stringMatching(/010000001b616263$/),
        problem: 'their type is not known',
        hint: "--event events='struct NAME' says what they are",
      },
    ]);
    expect(bpfwright(['run', '--event', 'events=struct event', file, '--', 'true'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/types have no 'struct event'[\s\S]*const struct event \*unused_event/),
    });
    expect(bpfwright(['run', '--event', 'nope=struct event', file, '--', 'true'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/no map 'nope' streams records[\s\S]*events/),
    });
  });

  it.each([
    ['a tag on the map', source(' __record(struct event)', USED), []],
    ['the option', source('', USED), ['--event', 'events=struct event']],
    ['the option for every map', source('', USED), ['--event', 'struct event']],
    ['the only type of the size that is sent', source('', USED), []],
  ])('%s', (_, text, args) => {
    const { record } = rows([...args, write(text)], ['true']);
    expect(record).toMatchObject([{ event: 'struct event', value: { one: 1, text: '\u001babc' } }]);
  });

  it('a guess is said to be one; control bytes never reach the line; trace lines are there too', () => {
    const file = write(source('', USED));
    const got = bpfwright(['run', file, '--', 'true']);
    expect(got.stderr).toContain('records of events are read as struct event, the only type of their size');
    const lines = got.stderr.split('\n');
    expect(lines.filter((l) => /^ *\d+ +1 \\x1babc$/.test(l)).length).toBe(1);
    expect(lines.filter((l) => l.endsWith('bpf_trace_printk: before')).length).toBe(1);
  });

  it('samples that find no room are counted, the last ones too; two maps are told apart', () => {
    const file = write(`#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct note { char text[8]; };
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, __u32); __type(value, struct note); } notes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } raw SEC(".maps");
struct block { char bytes[4096]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct block); } blocks SEC(".maps");
SEC("kprobe/do_execve") int send(void *ctx) {
  struct note note = {"hi"};
  __u32 zero = 0;
  struct block *block = bpf_map_lookup_elem(&blocks, &zero);
  if (!block) return 0;
  bpf_perf_event_output(ctx, &notes, BPF_F_CURRENT_CPU, &note, sizeof(note));
  for (int i = 0; i < 100; i++) bpf_perf_event_output(ctx, &raw, BPF_F_CURRENT_CPU, block, 4000);
  return 0;
}
char LICENSE[] SEC("license") = "GPL";
`);
    const { records = [], records_lost = [], record = [] } = rows([file], ['true']);
    expect(record.find((r) => r.map === 'notes')).toMatchObject({ event: 'struct note', value: { text: 'hi' } });
    expect(records[0]).toEqual({ type: 'records', map: 'notes', received: '1', lost: '0' });
    const { received, lost } = records[1] as { received: string; lost: string };
    expect(Number(received) + Number(lost)).toBe(100);
    expect(Number(lost)).toBeGreaterThan(0);
    expect(records_lost).toEqual([{ type: 'records_lost', map: 'raw', cpu: expect.any(Number), lost }]);
    const got = bpfwright(['run', '-o', '-', file, '--', 'true']);
    expect(got.stdout).toMatch(/^MAP {3}TEXT\nnotes hi$/m);
    expect(got.stdout).toMatch(/^raw CPU:\d+ \[LOST \d+ RECORDS\]$/m);
    expect(got.stderr).toMatch(/^bpfwright: raw: \d+ records, \d+ lost$/m);
  });

  it('a tag that names no type', () => {
    expect(bpfwright(['run', write(source(' __record(struct nothing)', USED)), '--', 'true'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/map events: its tag 'record:struct nothing'/),
    });
  });

  it('records that are shorter and longer than the type', () => {
    const short = write(source(' __record(struct event)', USED, 'bpf_ringbuf_output(&events, &event, 10, 0);'));
    expect(rows([short], ['true']).record).toMatchObject([{ size: 10, problem: '10 bytes are too few for struct event, which has 16' }]);
    const more = `${USED}\nstruct large { struct event event; __u32 more; };`;
    const send = 'struct large large = {event, 258}; bpf_ringbuf_output(&events, &large, 20, 0);';
    const long = write(source(' __record(struct event)', more, send));
    expect(rows([long], ['true']).record).toMatchObject([{ size: 20, value: { one: 1 }, rest: '02010000' }]);
  });
});
