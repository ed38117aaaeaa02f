/** Made-up events: what programs see of arguments, registers, tasks and their memory; targets as text; links and sources. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { assemble } from '../asm/index.ts';
import { AttachError, ERRNO } from '../base/index.ts';
import { contextUse } from './context-use.ts';
import { type AttachedLink, Engine, type FireOptions, parseTarget, targetName } from './index.ts';
import { sha256 } from './sha256.ts';

const KPROBE = 2;
const engines: Engine[] = [];
afterEach(() => {
  for (const e of engines.splice(0)) e.closeAll();
});

/** Attaches a program that stores 64 bits of r0 in a map, and gives what an event made it store. */
function probe(target: string, body: string, type = KPROBE) {
  const e = new Engine({ cpus: 2 });
  engines.push(e);
  const map = e.mapCreate({ type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
  const insns = assemble(`${body}\n r1 = map[fd:${map}][0]+0\n *(u64 *)(r1 + 0) = r0\n r0 = 0\n exit`);
  const { fd } = e.progLoad({ type, insns, license: 'GPL' });
  const link = e.linkCreate({ progFd: fd, target: parseTarget(target), cookie: 77n });
  const value = (): bigint => {
    const bytes = e.mapLookupElem(map, new Uint8Array(4)) ?? new Uint8Array(8);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  };
  const fire = (options: FireOptions = {}, name = target): bigint | undefined => {
    const [result] = e.fire(name, options);
    return result?.retval === undefined ? undefined : value();
  };
  return { e, fd, link, fire };
}

const U = 0x7fff_0000_1000n;
/** r0 = bpf_probe_read*(fp-16, size, src register), then the 8 bytes read. */
const read = (helper: number, size: number, source: string) => `
  ${source}
  *(u64 *)(r10 - 16) = 0
  r1 = r10
  r1 += -16
  r2 = ${size}
  call ${helper}
  if r0 s< 0 goto done
  r0 = *(u64 *)(r10 - 16)
done:`;

describe('what a program sees', () => {
  const memory = [
    { address: U, bytes: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) },
    { address: U + 0x100n, bytes: new TextEncoder().encode('hello\0!') },
  ];
  const E = (n: number): bigint => BigInt.asUintN(64, -BigInt(n));
  const text = (s: string): bigint =>
    BigInt(
      `0x${[...s]
        .reverse()
        .map((c) => c.charCodeAt(0).toString(16))
        .join('')}`,
    );
  const rows: [string, string, string, FireOptions, bigint][] = [
    ['argument 1', 'kprobe/f', 'r0 = *(u64 *)(r1 + 112)', { args: [5n] }, 5n],
    ['argument 4', 'kprobe/f', 'r0 = *(u64 *)(r1 + 88)', { args: [1, 2, 3, -4] }, E(4)],
    ['the result', 'kretprobe/f', 'r0 = *(u64 *)(r1 + 80)', { ret: -2 }, E(2)],
    ['a register', 'kprobe/f', 'r0 = *(u64 *)(r1 + 40)', { regs: { rbx: 9 } }, 9n],
    ['raw context', 'kprobe/f', 'r0 = *(u8 *)(r1 + 2)', { ctx: Uint8Array.from([1, 2, 3]) }, 3n],
    ['the cookie', 'kprobe/f', 'call 174', {}, 77n],
    ['pid and tgid', 'kprobe/f', 'call 14', { task: { pid: 3, tgid: 2 } }, (2n << 32n) | 3n],
    ['uid and gid', 'kprobe/f', 'call 15', { task: { uid: 3, gid: 2 } }, (2n << 32n) | 3n],
    ['its CPU', 'kprobe/f', 'call 8', { cpu: 1 }, 1n],
    ['a string argument', 'kprobe/f', read(45, 8, 'r3 = *(u64 *)(r1 + 112)'), { args: ['abc'] }, text('abc')],
    ['a cut string', 'kprobe/f', read(115, 3, 'r3 = *(u64 *)(r1 + 112)'), { args: ['abc'] }, text('ab')],
    ['bytes', 'kprobe/f', read(4, 2, 'r3 = *(u64 *)(r1 + 112)'), { args: [Uint8Array.from([7, 8])] }, 0x807n],
    ['user memory', 'kprobe/f', read(112, 8, `r3 = ${U} ll`), { task: { memory } }, 0x807060504030201n],
    ['user memory by any', 'kprobe/f', read(4, 2, `r3 = ${U + 6n} ll`), { task: { memory } }, 0x807n],
    ['user memory past its end', 'kprobe/f', read(112, 4, `r3 = ${U + 6n} ll`), { task: { memory } }, E(ERRNO.EFAULT)],
    ['a user string', 'kprobe/f', read(114, 8, `r3 = ${U + 0x100n} ll`), { task: { memory } }, text('hello')],
    ['user memory by the kernel variant', 'kprobe/f', read(113, 8, `r3 = ${U} ll`), { task: { memory } }, E(ERRNO.ERANGE)],
    ['NULL', 'kprobe/f', read(4, 8, 'r3 = 0'), {}, E(ERRNO.EFAULT)],
    ['NULL by the kernel variant', 'kprobe/f', read(113, 8, 'r3 = 0'), {}, E(ERRNO.ERANGE)],
    ['no address at all', 'kprobe/f', read(4, 8, `r3 = ${1n << 60n} ll`), {}, E(ERRNO.ERANGE)],
    ['an unmapped kernel address', 'kprobe/f', read(113, 8, 'r3 = 0xffffffff81000000 ll'), {}, E(ERRNO.EFAULT)],
    [
      'a struct of pointers',
      'kprobe/f',
      `${read(4, 8, 'r3 = *(u64 *)(r1 + 112)')}\n r6 = r0\n ${read(45, 8, 'r3 = r6').replaceAll('done', 'done2')}`,
      { args: [['/bin/sh']] },
      text('/bin/sh'),
    ],
    [
      "a system call's second argument",
      'ksyscall/write',
      read(113, 8, 'r3 = *(u64 *)(r1 + 112)\n r3 += 104'),
      { args: [1, 0x1234] },
      0x1234n,
    ],
  ];
  test.each(rows)('%s', (_, target, body, options, want) => {
    expect(probe(target, body).fire(options)).toBe(want);
  });

  test('a tracepoint record and raw arguments', () => {
    expect(probe('tp/a/b', 'r0 = *(u32 *)(r1 + 8)', 5).fire({ ctx: new Uint8Array(16).fill(1) })).toBe(0x1010101n);
    expect(probe('raw_tp/x', 'r0 = *(u64 *)(r1 + 8)', 17).fire({ args: [1, 2] })).toBe(2n);
  });

  test('made-up memory goes back', () => {
    const { e, fire } = probe('kprobe/f', 'r0 = 0');
    fire({ args: ['abc', [['x'], 1]] });
    const before = e.memoryUsage();
    for (let i = 0; i < 10; i++) fire({ args: ['abc', [['x'], 1]] });
    expect(() => fire({ args: [1, 2, 3, 4, 5, 6, 'seven'] })).toThrow(/7 arguments, expected at most 6/);
    expect(e.memoryUsage()).toEqual(before);
  });

  test('what could fault is not loaded', () => {
    expect(() => probe('kprobe/f', 'r1 = 5\n r0 = *(u64 *)(r1 + 0)')).toThrow(/insn 1: R1 invalid mem access 'scalar'/);
  });
});

describe('links', () => {
  test('programs run in attach order until their link closes', () => {
    const { e, fd, link } = probe('kprobe/f', 'r0 = 0');
    const second = e.linkCreate({ progFd: fd, target: parseTarget('kprobe/f') });
    expect(e.fire('kprobe/f').map((r) => r.linkId)).toEqual([1, 2]);
    expect(e.linkInfo(second)).toEqual({ id: 2, progId: 1, target: { kind: 'kprobe', func: 'f', ret: false } });
    e.close(link);
    expect(e.fire('kprobe/f').map((r) => r.linkId)).toEqual([2]);
    expect(() => e.linkCreate({ progFd: fd, target: parseTarget('tp/a/b') })).toThrow(AttachError);
  });

  test('sources decide, and hear of what ends', () => {
    const { e, fd, link } = probe('kprobe/known', 'r0 = 0');
    const heard: string[] = [];
    const remove = e.addSource({
      name: 'test',
      attach(l: AttachedLink) {
        if (targetName(l.target) !== 'kprobe/known') throw new AttachError('attach', 'ENOENT', 'no such function');
        heard.push(`+${l.id}`);
      },
      detach: (id) => heard.push(`-${id}`),
    });
    expect(() => e.linkCreate({ progFd: fd, target: parseTarget('kprobe/unknown') })).toThrow(/no such function/);
    const other = e.linkCreate({ progFd: fd, target: parseTarget('kprobe/known') });
    e.close(other);
    e.close(link);
    expect(heard).toEqual(['+1', '+3', '-3', '-1']);
    remove();
    e.close(e.linkCreate({ progFd: fd, target: parseTarget('kprobe/unknown') }));
  });
});

test.each([
  ['kprobe/f+0x10', 'kprobe/f+16'],
  ['kretprobe/f', 'kretprobe/f'],
  ['tp/sched/sched_switch', 'tracepoint/sched/sched_switch'],
  ['raw_tracepoint/x', 'raw_tracepoint/x'],
  ['uprobe//bin/bash:readline', 'uprobe//bin/bash:readline'],
  ['uretprobe//lib/a:b:f+4', 'uretprobe//lib/a:b:f+4'],
  ['ksyscall/write', 'ksyscall/write'],
  ['xdp', 'xdp'],
  ['kprobe/', 'kprobe/'],
  ['tp/only', 'tp/only'],
])('target %s is %s', (text, name) => {
  expect(targetName(parseTarget(text))).toBe(name);
});

test.each([
  ['r0 = 0\n exit', false, 0],
  ['r6 = r1\n r0 = *(u64 *)(r6 + 8)\n exit', true, 16],
  ['r6 = r1\n r6 = 0\n r1 = 5\n call 5\n exit', false, 0],
  ['r1 = r1\n *(u64 *)(r10 - 8) = r1\n r0 = 0\n exit', true, 0],
  ['r6 = r1\n call 14\n r1 = r6\n r0 = 0\n exit', false, 0],
  ['r2 = r1\n call 12\n r0 = 0\n exit', true, 0],
  ['r1 += 8\n r0 = 0\n exit', true, 0],
  ['if r0 == 0 goto a\n r1 = 0\na:\n r0 = *(u8 *)(r1 + 7)\n exit', true, 8],
])('context use of %j', (text, reads, end) => {
  expect(contextUse(assemble(text))).toMatchObject({ reads, end });
});

test('sha256 is SHA-256', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect([...sha256(bytes)]).toEqual([...createHash('sha256').update(bytes).digest()]);
    }),
  );
});
