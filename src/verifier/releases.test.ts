/** What releases lack, by rows: sections, maps and instructions, and the first release that has each. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { assemble } from '../asm/index.ts';
import { parseRelease } from '../base/index.ts';
import { type CollectionSpec, type MapSpec, type ProgramSpec, parseElf } from '../elf/index.ts';
import { releaseFindings } from './releases.ts';

const EXIT = 'r0 = 0\nexit';

function program(text: string, more: Partial<ProgramSpec> = {}): ProgramSpec {
  const insns = assemble(text);
  return {
    name: 'p',
    section: 'kprobe/f',
    autoload: true,
    insns,
    references: [],
    functions: [{ name: 'p', insn: 0, count: insns.length / 8, section: 'kprobe/f', sectionInsn: 0 }],
    funcInfo: [],
    lines: [],
    coreRelos: [],
    ...more,
  };
}

function map(more: Partial<MapSpec>): MapSpec {
  return {
    name: 'm',
    origin: 'btf',
    section: '.maps',
    type: 1,
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
    flags: 0,
    numaNode: 0,
    mapExtra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: 0,
    values: [],
    ...more,
  };
}

function spec(more: Partial<CollectionSpec>): CollectionSpec {
  const none = {
    name: 'o',
    license: 'GPL',
    version: undefined,
    maps: [],
    structOps: [],
    programs: [],
    globals: [],
    externs: [],
    btf: undefined,
    warnings: [],
  };
  return { ...none, ...more };
}
const text = (body: string, more: Partial<ProgramSpec> = {}): CollectionSpec => spec({ programs: [program(`${body}\n${EXIT}`, more)] });

const BUFFER = '*(u64 *)(r10 - 8) = 0\n';
const READ = 'r1 = r10\nr1 += -8\nr3 = 0\ncall 4';
const LOOKUP = 'call 1\nif r0 == 0 goto out\nr6 = r0\n';

/** What is used, the last release without it, the first with it. */
const ROWS: readonly (readonly [what: RegExp, object: CollectionSpec, before: string, since: string])[] = [
  [/helper bpf_ktime_get_boot_ns/, text('call 125'), '5.7', '5.8'],
  [/a jump if less/, text('if r1 < 5 goto +0'), '4.13', '4.14'],
  [/a 32-bit jump/, text('if w1 == 5 goto +0'), '5.0', '5.1'],
  [/signed division/, text('r1 s/= 3'), '6.5', '6.6'],
  [/sign-extending move/, text('r1 = (s8)r1'), '6.5', '6.6'],
  [/sign-extending load/, text('r1 = *(s8 *)(r10 - 8)'), '6.5', '6.6'],
  [/32-bit arithmetic shift/, text('w1 s>>= 3'), '4.19', '5.0'],
  [/byte swap/, text('r1 = bswap16 r1'), '6.5', '6.6'],
  [/32-bit offset/, text('gotol +0'), '6.5', '6.6'],
  [/may_goto/, text('may_goto +0'), '6.8', '6.9'],
  [/atomic operation/, text('r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)'), '5.11', '5.12'],
  [/acquire/, text('r1 = load_acquire((u64 *)(r10 - 8))'), '6.14', '6.15'],
  [/a call of a subprogram/, text('call pc+2\nr0 = 0\nexit'), '4.15', '4.16'],
  [/a loop/, text('again:\nr1 += 1\nif r1 != 5 goto again'), '5.2', '5.3'],
  [/a tail call in a program with subprograms/, text('call 12\ncall pc+2\nr0 = 0\nexit'), '5.9', '5.10'],
  [/more than 4096/, text('r1 = 1\n'.repeat(4095)), '5.1', '5.2'],
  [/CO-RE/, text('r1 = 1', { coreRelos: [{ insn: 0, typeId: 1, access: '0', kind: 'type_exists' }] }), '5.3', '5.4'],
  [/program type tracing/, text('', { section: 'fentry/f' }), '5.4', '5.5'],
  [/attach type TRACE_ITER/, text('', { section: 'iter/task' }), '5.7', '5.8'],
  [/attach type TRACE_KPROBE_MULTI/, text('', { section: 'kprobe.multi/f*' }), '5.17', '5.18'],
  [/sleepable/, text('', { section: 'uprobe.s/x:f' }), '5.19', '6.0'],
  [/XDP with fragments/, text('', { section: 'xdp.frags' }), '5.17', '5.18'],
  [/map type ringbuf/, spec({ maps: [map({ type: 27 })] }), '5.7', '5.8'],
  [/flag BPF_F_MMAPABLE/, spec({ maps: [map({ flags: 1024 })] }), '5.4', '5.5'],
  [/map type lru_hash/, spec({ maps: [map({ type: 13, inner: map({ type: 9 }) })] }), '4.9', '4.12'],
  [/global data \(\.bss\)/, spec({ maps: [map({ origin: 'bss', section: '.bss', type: 2 })] }), '5.1', '5.2'],
  [/a size of bpf_probe_read that is not/, text(`${BUFFER}r2 = *(u64 *)(r1 + 0)\n${READ}`), '4.10', '4.11'],
  [/a size of bpf_probe_read that is not/, text(`${BUFFER}r2 = *(u64 *)(r1 + 0)\nr2 &= 7\n${READ}`), '4.4', '4.11'],
  [/a buffer for bpf_probe_read that was not/, text(`r2 = 8\n${READ}`), '4.6', '4.7'],
  [/memory for bpf_probe_read in a map value/, text(`${LOOKUP}r2 = 8\nr1 = r6\nr3 = 0\ncall 4\nout:`), '4.10', '4.11'],
  [/an address computed within a map value/, text(`${LOOKUP}r6 += 4\nout:`), '4.8', '4.9'],
  [
    /kfunc bpf_task_acquire/,
    text('call 1', { references: [{ insn: 0, kind: 'kfunc', name: 'bpf_task_acquire', offset: 0 }] }),
    '6.1',
    '6.2',
  ],
];

const found = (object: CollectionSpec, release: string): string[] => releaseFindings(object, release).map((d) => d.message);

describe('releases', () => {
  test.each(ROWS)('%s', (what, object, before, since) => {
    expect(found(object, before)).toEqual(expect.arrayContaining([expect.stringMatching(what)]));
    expect(found(object, since)).not.toEqual(expect.arrayContaining([expect.stringMatching(what)]));
    expect(found(object, '6.18')).toEqual([]);
  });

  test('what is jumped over but leads nowhere back is no loop', () => {
    expect(found(text('if r1 == 1 goto a\ngoto b\na:\nr1 += 1\nb:\nr1 += 2'), '4.16')).toEqual([]);
  });

  test.each([
    ['a constant size and a buffer that was written', `${BUFFER}r2 = 8\n${READ}`],
    ['a size that some jump may have made', `${BUFFER}r2 = 8\nif r2 == r3 goto a\nr2 = r3\na:\n${READ}`],
    ['a value of a map used at its own offsets', `${LOOKUP}r1 = *(u64 *)(r6 + 8)`],
  ])('4.4 has %s', (_, body) => {
    expect(found(text(`${body}\nout:`), '4.4')).toEqual([]);
  });

  test('places are counted and named', () => {
    const lines = [{ insn: 0, file: 'a.c', source: 'x', line: 7, column: 1, fileOff: 0, sourceOff: 0 }];
    const [finding, ...more] = releaseFindings(text('call 125\ncall 125', { lines }), '4.4');
    expect(more).toEqual([]);
    expect(finding).toEqual({
      code: 'release-helper',
      severity: 'error',
      message: 'program p: helper bpf_ktime_get_boot_ns needs Linux 5.8, but the release is 4.4',
      location: { program: 'p', insn: 0, file: 'a.c', line: 7, column: 1, source: 'x' },
      notes: ['2 places, the first is insn 0'],
    });
  });

  test('programs that are not loaded by themselves are left alone', () => {
    expect(found(text('call 125', { autoload: false }), '4.4')).toEqual([]);
  });

  test.each([
    ['5.10', [5, 10]],
    ['v6.1.3', [6, 1]],
    ['6.18-rc2', [6, 18]],
  ])('%s', (release, numbers) => expect(parseRelease(release)).toEqual(numbers));
  test.each(['', '5', 'five', '5.x', '5.10x', '1e9.1'])('%j is no release', (release) =>
    expect(() => parseRelease(release)).toThrow(/expected one like 5\.10/),
  );

  test.each(['6.19', '7.0', '99.1'])('%s is newer than the tables', (release) =>
    expect(() => parseRelease(release)).toThrow(/up to 6\.18/),
  );

  const folder = fileURLToPath(new URL('../../testdata/objects/', import.meta.url));
  test.each(readdirSync(folder).filter((n) => n.endsWith('.bpf.o') && !n.startsWith('big')))(
    '%s has what the newest kernel has',
    (name) => {
      const object = parseElf(readFileSync(folder + name), name);
      expect(releaseFindings(object, '6.18')).toEqual([]);
      expect(releaseFindings(object, '3.0').length).toBeGreaterThan(0);
    },
  );
});
