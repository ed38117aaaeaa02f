/** Record layouts against the kernel's own format files, where tracefs can be read (root; mounted for the test when it is not). */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMON_FIELDS, dataStart, findTracepoint, recordSize, TRACEPOINTS, tracepointNames } from './index.ts';

const EVENTS = '/sys/kernel/tracing/events';
function tracefs(): boolean {
  try {
    if (!existsSync(`${EVENTS}/sched`)) execFileSync('mount', ['-t', 'tracefs', 'none', '/sys/kernel/tracing'], { stdio: 'ignore' });
    return (
      readFileSync(`${EVENTS}/sched/sched_process_exec/format`).length > 0 &&
      readFileSync('/proc/sys/kernel/osrelease', 'utf8').startsWith('6.18')
    );
  } catch {
    return false;
  }
}
const live = tracefs();

interface Field {
  name: string;
  ctype: string;
  offset: number;
  size: number;
  signed: boolean;
  count?: number;
}

function formatOf(name: string): Field[] {
  const text = readFileSync(`${EVENTS}/${name}/format`, 'utf8');
  return [...text.matchAll(/field:(.*?);\toffset:(\d+);\tsize:(\d+);\tsigned:(\d);/g)].map(([, declaration = '', offset, size, signed]) => {
    const array = /^(.*) (\w+)\[(\d+)\]$/.exec(declaration);
    const space = declaration.lastIndexOf(' ');
    return {
      name: array?.[2] ?? declaration.slice(space + 1),
      ctype: array?.[1] ?? declaration.slice(0, space),
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
      ...(array === null ? {} : { count: Number(array[3]) }),
    };
  });
}

describe.skipIf(!live)('the kernel agrees (skipped without tracefs of a 6.18 kernel)', () => {
  test.each(TRACEPOINTS.map((row) => [`${row.category}/${row.name}`, row] as const))('%s', (name, row) => {
    expect(formatOf(name)).toEqual([...COMMON_FIELDS, ...row.fields]);
  });

  test('every system call: names, types, offsets', () => {
    const names = readdirSync(`${EVENTS}/syscalls`).filter((name) => name.startsWith('sys_'));
    expect(names.length).toBeGreaterThan(600);
    for (const name of names) {
      expect([name, ...formatOf(`syscalls/${name}`)]).toEqual([
        name,
        ...COMMON_FIELDS,
        ...(findTracepoint('syscalls', name)?.fields ?? []),
      ]);
    }
    expect(
      tracepointNames()
        .filter((name) => name.startsWith('syscalls/'))
        .sort(),
    ).toEqual(names.map((name) => `syscalls/${name}`).sort());
  });
});

test.each([
  ['syscalls', 'sys_enter_write', 40],
  ['syscalls', 'sys_exit_write', 24],
  ['raw_syscalls', 'sys_enter', 64],
  ['sched', 'sched_process_exec', 20],
  ['sched', 'sched_process_exit', 33],
] as const)('%s/%s takes %i bytes', (category, name, size) => {
  const row = findTracepoint(category, name);
  expect(recordSize(row?.fields ?? [])).toBe(size);
  expect(dataStart(row?.fields ?? [])).toBe((size + 3) & ~3);
});

test.each([
  ['syscalls', 'sys_enter_nonesuch'],
  ['syscalls', 'write'],
  ['sched', 'sched_switch'],
  ['', ''],
])('%s/%s is not known', (category, name) => {
  expect(findTracepoint(category, name)).toBeUndefined();
});
