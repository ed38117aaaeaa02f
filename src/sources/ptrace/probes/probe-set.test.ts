/** The probe set against a runner that records what programs would see: contexts byte by byte, order, filters, what is wanted, refusals. */
import { describe, expect, test } from 'vitest';
import { AttachError, decodeText, ERRNO, encodeText } from '../../../base/index.ts';
import type { ProgramRunner, RunContext } from '../../../engine/types.ts';
import { taskPointer } from '../../../helpers/index.ts';
import type { AttachTarget } from '../../../host/host.ts';
import { Mem, toOffset } from '../../../mem/index.ts';
import type { SyscallAbi, SyscallStop, TracedTask } from '../types.ts';
import { createProbeSet, type ProbeSetOptions } from './index.ts';

const REGS = {
  r10: 56,
  r9: 64,
  r8: 72,
  rax: 80,
  rcx: 88,
  rdx: 96,
  rsi: 104,
  rdi: 112,
  orig_rax: 120,
  rip: 128,
  cs: 136,
  eflags: 144,
  rsp: 152,
  ss: 160,
  rbx: 40,
  rbp: 32,
} as const;

/** One run: the context's words read at the time of the run. */
interface Seen {
  readonly prog: number;
  readonly tid: number;
  readonly cpu: number;
  readonly size: number;
  readonly funcIp: bigint | undefined;
  readonly cookie: bigint | undefined;
  u64(offset: number): bigint;
  i32(offset: number): number;
  u32(offset: number): number;
  /** 64 bits at a pointer that the program got. */
  at(pointer: bigint, offset?: number): bigint;
  /** The C string at a pointer or context offset. */
  text(where: bigint | number): string;
}

function harness(options: ProbeSetOptions & { blind?: readonly number[] } = {}) {
  const mem = Mem.create({ initial: 1 << 20 });
  let next = 4096;
  const seen: Seen[] = [];
  let inspect: ((run: Seen) => void) | undefined;
  const runner: ProgramRunner = {
    mem,
    alloc(size) {
      const at = next;
      next += (size + 63) & ~63;
      return at;
    },
    free() {},
    run(prog: number, run: RunContext) {
      const base = mem.copyOut(run.ctx, 16384);
      const all = mem.copyOut(0, 1 << 20);
      const dv = new DataView(all.buffer);
      const off = (where: bigint | number): number => (typeof where === 'number' ? run.ctx + where : (toOffset(where) ?? Number.NaN));
      const cdv = new DataView(base.buffer);
      const entry: Seen = {
        prog,
        tid: run.task.tid,
        cpu: run.cpu,
        size: run.ctxSize,
        funcIp: run.funcIp,
        cookie: run.cookie,
        u64: (o) => cdv.getBigUint64(o, true),
        i32: (o) => cdv.getInt32(o, true),
        u32: (o) => cdv.getUint32(o, true),
        at: (pointer, offset = 0) => dv.getBigUint64(off(pointer) + offset, true),
        text: (where) => decodeText(all, off(where), all.indexOf(0, off(where))),
      };
      seen.push(entry);
      inspect?.(entry);
      return 0;
    },
    readsCtx: (prog) => !(options.blind ?? []).includes(prog),
  };
  const set = createProbeSet(runner, options);
  let id = 0;
  const attach = (target: AttachTarget, progId = ++id): number => {
    set.add({ id: ++id + 100, progId, progType: 2, target, cookie: BigInt(progId) });
    return id + 100;
  };
  return { set, seen, attach, mem, onRun: (f: (run: Seen) => void) => (inspect = f) };
}

interface FakeTask extends TracedTask {
  readonly memory: Map<bigint, Uint8Array>;
  readonly invalidated: string[];
}

function fakeTask(mem: Mem, tid: number, options: { tgid?: number; comm?: string; threads?: number[] } = {}): FakeTask {
  const memory = new Map<bigint, Uint8Array>();
  const invalidated: string[] = [];
  return {
    tid,
    tgid: options.tgid ?? tid,
    uid: () => 1000,
    gid: () => 1000,
    comm: () => encodeText(options.comm ?? 'cc1'),
    cpu: () => 1,
    prio: () => 120,
    threads: () => options.threads ?? [tid],
    startTime: () => 0n,
    invalidate: (what) => void invalidated.push(what),
    readUser(address, dst, size) {
      for (const [base, bytes] of memory) {
        if (address < base || address >= base + BigInt(bytes.length)) continue;
        const part = bytes.subarray(Number(address - base), Number(address - base) + size);
        mem.u8.set(part, dst);
        return part.length;
      }
      return -ERRNO.EFAULT;
    },
    memory,
    invalidated,
  };
}

/** A stop whose registers are `regs`, everything else 0x55. */
function stop(
  mem: Mem,
  abi: SyscallAbi,
  nr: number,
  regs: Partial<Record<keyof typeof REGS, bigint>>,
  result = 0n,
): SyscallStop & { reads: number } {
  const made = {
    abi,
    nr,
    result,
    reads: 0,
    arg: () => 0n,
    readRegs(dst: number) {
      made.reads++;
      mem.u8.fill(0x55, dst, dst + 168);
      for (const [name, value] of Object.entries(regs)) mem.dv.setBigUint64(dst + REGS[name as keyof typeof REGS], value, true);
    },
  };
  return made;
}

const ARGS64 = { rdi: 1n, rsi: 0x7fff_1234_5678n, rdx: 3n, r10: 4n, r8: 5n, r9: 0xffff_ffff_ffff_ffffn };
const ARGS32 = { rbx: 0xdead_0000_0001n, rcx: 0x804_0000n, rdx: 3n, rsi: 4n, rdi: 5n, rbp: 6n };
const kprobe = (func: string): AttachTarget => ({ kind: 'kprobe', func, ret: false });
const kretprobe = (func: string): AttachTarget => ({ kind: 'kprobe', func, ret: true });
const tracepoint = (category: string, name: string): AttachTarget => ({ kind: 'tracepoint', category, name });

const PARAMS = [REGS.rdi, REGS.rsi, REGS.rdx, REGS.rcx, REGS.r8, REGS.r9];
const only = <T>(list: readonly T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};

describe('kprobes', () => {
  test.each(['sys_write', 'SyS_write', '__se_sys_write', 'ksys_write'])('%s: arguments in the C argument registers', (func) => {
    const h = harness();
    h.attach(kprobe(func));
    h.set.syscallEnter(fakeTask(h.mem, 7), stop(h.mem, 'x86_64', 1, ARGS64));
    const run = only(h.seen);
    expect(PARAMS.map((offset) => run.u64(offset))).toEqual([1n, 0x7fff_1234_5678n, 3n, 4n, 5n, 0xffff_ffff_ffff_ffffn]);
    expect(run).toMatchObject({ tid: 7, cpu: 1, size: 168, cookie: 1n });
    expect(run.u64(REGS.rip)).toBe((run.funcIp ?? 0n) + 1n);
    expect([REGS.cs, REGS.ss, REGS.orig_rax].map((offset) => run.u64(offset))).toEqual([0x10n, 0x18n, 0xffff_ffff_ffff_ffffn]);
    expect(run.at(run.u64(REGS.rsp))).toBeGreaterThan(0xffff_ffff_8000_0000n);
    expect(run.u64(0)).toBe(0n);
  });

  test('the same probe sees int 0x80 and x32 callers', () => {
    const h = harness();
    h.attach(kprobe('sys_write'));
    const task = fakeTask(h.mem, 7);
    h.set.syscallEnter(task, stop(h.mem, 'i386', 4, ARGS32));
    h.set.syscallEnter(task, stop(h.mem, 'x32', 1, ARGS64));
    h.set.syscallEnter(task, stop(h.mem, 'i386', 1, ARGS32));
    expect(h.seen.map((run) => PARAMS.map((offset) => run.u64(offset)))).toEqual([
      [1n, 0x804_0000n, 3n, 4n, 5n, 6n],
      [1n, 0x7fff_1234_5678n, 3n, 4n, 5n, 0xffff_ffff_ffff_ffffn],
    ]);
  });

  test.each([
    ['__x64_sys_write', 'x86_64', 1, ARGS64],
    ['__ia32_sys_write', 'i386', 4, ARGS32],
  ] as const)('%s: a pointer to the saved registers', (func, abi, nr, regs) => {
    const h = harness();
    h.attach(kprobe(func));
    h.set.syscallEnter(fakeTask(h.mem, 7), stop(h.mem, abi, nr, { ...regs, rax: 0xffff_ffff_ffff_ffdan, orig_rax: BigInt(nr) }));
    const run = only(h.seen);
    const inner = run.u64(REGS.rdi);
    for (const [name, value] of Object.entries(regs)) expect(run.at(inner, REGS[name as keyof typeof REGS])).toBe(value);
    expect(run.at(inner, REGS.orig_rax)).toBe(BigInt(nr));
    expect(run.u64(REGS.rsi)).toBe(0n);
  });

  test('ksyscall: 64-bit argument registers whoever calls', () => {
    const h = harness();
    h.attach({ kind: 'ksyscall', name: 'write', ret: false });
    const task = fakeTask(h.mem, 7);
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 1, ARGS64));
    h.set.syscallEnter(task, stop(h.mem, 'i386', 4, ARGS32));
    const inner = h.seen.map((run) =>
      [REGS.rdi, REGS.rsi, REGS.rdx, REGS.r10, REGS.r8, REGS.r9].map((offset) => run.at(run.u64(REGS.rdi), offset)),
    );
    expect(inner).toEqual([
      [1n, 0x7fff_1234_5678n, 3n, 4n, 5n, 0xffff_ffff_ffff_ffffn],
      [1n, 0x804_0000n, 3n, 4n, 5n, 6n],
    ]);
  });

  test('kretprobe: the result, no leftover arguments', () => {
    const h = harness();
    h.attach(kprobe('sys_write'), 1);
    h.attach(kretprobe('sys_write'), 2);
    const task = fakeTask(h.mem, 7);
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 1, ARGS64));
    const exit = stop(h.mem, 'x86_64', 1, ARGS64, -11n);
    h.set.syscallExit(task, exit);
    const run = h.seen[1];
    expect(run?.prog).toBe(2);
    expect(run?.u64(REGS.rax)).toBe(BigInt.asUintN(64, -11n));
    expect(run?.u64(REGS.rdi)).toBe(0n);
    expect(run?.funcIp).toBe(h.seen[0]?.funcIp);
    expect(exit.reads).toBe(0);
  });

  test('registers are read once per stop, and not at all when no program reads its context', () => {
    const h = harness({ blind: [3] });
    const task = fakeTask(h.mem, 7);
    h.attach(kprobe('sys_write'), 3);
    const blind = stop(h.mem, 'x86_64', 1, ARGS64);
    h.set.syscallEnter(task, blind);
    expect([blind.reads, h.seen.length]).toEqual([0, 1]);
    h.attach(kprobe('sys_write'), 4);
    h.attach(tracepoint('syscalls', 'sys_enter_write'), 5);
    const read = stop(h.mem, 'x86_64', 1, ARGS64);
    h.set.syscallEnter(task, read);
    expect([read.reads, h.seen.slice(1).map((run) => run.prog)]).toEqual([1, [3, 4, 5]]);
  });
});

describe('kernel objects', () => {
  const PATH = 0x7000_0000_0ff8n;
  const withPath = (h: ReturnType<typeof harness>, text: string): FakeTask => {
    const task = fakeTask(h.mem, 7);
    task.memory.set(PATH, encodeText(`${text}\0`));
    return task;
  };

  test.each(['do_execve', 'do_execveat_common', '__do_execve_file'])('%s: struct filename', (func) => {
    const h = harness();
    h.attach(kprobe(func));
    h.set.syscallEnter(withPath(h, '/bin/sh'), stop(h.mem, 'x86_64', 59, { rdi: PATH, rsi: 0x111n, rdx: 0x222n }));
    const run = only(h.seen);
    const filename = run.u64(func === 'do_execve' ? REGS.rdi : REGS.rsi);
    expect(run.text(run.at(filename))).toBe('/bin/sh');
    expect(run.at(filename, 8)).toBe(PATH);
    expect(PARAMS.map((offset) => run.u64(offset)).filter((v) => v === 0x111n || v === 0x222n)).toEqual([0x111n, 0x222n]);
  });

  test('a path over several pages, and the longest one', () => {
    const h = harness();
    h.attach(kprobe('do_execve'));
    const enter = (text: string): void => h.set.syscallEnter(withPath(h, text), stop(h.mem, 'x86_64', 59, { rdi: PATH }));
    enter('/'.padEnd(4095, 'x'));
    enter('/'.padEnd(4096, 'x'));
    expect(h.seen[0]?.text(h.seen[0].at(h.seen[0].u64(REGS.rdi)))).toHaveLength(4095);
    expect(h.seen[1]?.u64(REGS.rdi)).toBe(BigInt.asUintN(64, -36n));
  });

  test.each([
    ['unreadable', 0x1234n, -14n],
    ['NULL', 0n, -14n],
    ['empty', PATH, -2n],
  ])('an %s path is the error pointer of getname()', (_what, address, errno) => {
    const h = harness();
    h.attach(kprobe('do_execve'));
    h.set.syscallEnter(withPath(h, ''), stop(h.mem, 'x86_64', 59, { rdi: address }));
    expect(only(h.seen).u64(REGS.rdi)).toBe(BigInt.asUintN(64, errno));
  });

  test('do_renameat2: two names at once', () => {
    const h = harness();
    h.attach(kprobe('do_renameat2'));
    const task = withPath(h, 'from');
    task.memory.set(0x9000n, encodeText('to\0'));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 82, { rdi: PATH, rsi: 0x9000n }));
    const run = only(h.seen);
    expect([run.u64(REGS.rdi), run.u64(REGS.rdx)]).toEqual([0xffff_ff9cn, 0xffff_ff9cn]);
    expect([run.text(run.at(run.u64(REGS.rsi))), run.text(run.at(run.u64(REGS.rcx)))]).toEqual(['from', 'to']);
  });

  test('do_sys_openat2: struct open_how as the kernel normalises it', () => {
    const h = harness();
    h.attach(kprobe('do_sys_openat2'));
    const task = withPath(h, 'f');
    const how = (run: Seen | undefined): bigint[] => [0, 8, 16].map((offset) => run?.at(run.u64(REGS.rdx), offset) ?? -1n);
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 257, { rdi: 0xffff_ff9cn, rsi: PATH, rdx: 0o101n, r10: 0o170644n }));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 2, { rdi: PATH, rsi: 0o10000002n, rdx: 0o644n }));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 85, { rdi: PATH, rsi: 0o600n }));
    task.memory.set(0x9000n, new Uint8Array([0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 437, { rdi: 3n, rsi: PATH, rdx: 0x9000n, r10: 24n }));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 437, { rdi: 3n, rsi: PATH, rdx: 0x9000n, r10: 8n }));
    expect(h.seen.map(how)).toEqual([
      [0o100101n, 0o644n, 0n],
      [0o10000000n, 0n, 0n],
      [0o101101n, 0o600n, 0n],
      [0x88000n, 0n, 4n],
    ]);
  });

  test('kernel_clone: struct kernel_clone_args from every caller', () => {
    const h = harness();
    h.attach(kprobe('kernel_clone'));
    const task = fakeTask(h.mem, 7);
    const user = new Uint8Array(88);
    const dv = new DataView(user.buffer);
    dv.setBigUint64(0, 0x100n, true);
    dv.setBigUint64(32, 17n, true);
    dv.setBigUint64(40, 0x7000n, true);
    dv.setBigUint64(48, 0x1000n, true);
    task.memory.set(0x9000n, user);
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 57, {}));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 58, {}));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 56, { rdi: 0x3d0f11n, rsi: 0x1000n, rdx: 0x2000n, r10: 0x3000n, r8: 0x4000n }));
    h.set.syscallEnter(task, stop(h.mem, 'i386', 120, { rbx: 17n, rcx: 0x1000n, rdx: 0x2000n, rsi: 0x3000n, rdi: 0x4000n }));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 435, { rdi: 0x9000n, rsi: 88n }));
    const fields = h.seen.map((run) => [0, 16, 24, 40, 48, 64].map((offset) => run.at(run.u64(REGS.rdi), offset)));
    expect(fields).toEqual([
      [0n, 0n, 0n, 17n, 0n, 0n],
      [0x4100n, 0n, 0n, 17n, 0n, 0n],
      [0x3d0f00n, 0x3000n, 0x2000n, 0x11n, 0x1000n, 0x4000n],
      [0n, 0x4000n, 0x2000n, 17n, 0x1000n, 0x3000n],
      [0x100n, 0n, 0n, 17n, 0x8000n, 0n],
    ]);
  });

  test.each([
    ['do_unlinkat', 0n, 1],
    ['do_unlinkat', 0x200n, 0],
    ['do_rmdir', 0n, 0],
    ['do_rmdir', 0x200n, 1],
  ])('%s with unlinkat flags %i', (func, flags, runs) => {
    const h = harness();
    h.attach(kprobe(func));
    h.set.syscallEnter(withPath(h, 'f'), stop(h.mem, 'x86_64', 263, { rdi: 5n, rsi: PATH, rdx: flags }));
    expect(h.seen).toHaveLength(runs);
  });

  test('ksys_pread64: an i386 offset comes in two registers', () => {
    const h = harness();
    h.attach(kprobe('ksys_pread64'));
    h.set.syscallEnter(fakeTask(h.mem, 7), stop(h.mem, 'i386', 180, { rbx: 3n, rcx: 0x1000n, rdx: 16n, rsi: 5n, rdi: 1n }));
    expect(only(h.seen).u64(REGS.rcx)).toBe(0x1_0000_0005n);
  });

  test('a path swapped under the kernel is reported', () => {
    const races: string[][] = [];
    const h = harness({ onPathRace: (_task, shown, ran) => races.push([decodeText(shown), decodeText(ran)]) });
    h.attach(kprobe('do_execve'));
    expect(h.set.wanted().exec).toBe(true);
    const task = withPath(h, '/bin/true');
    for (const ran of ['/bin/true', '/bin/false']) {
      h.set.syscallEnter(task, stop(h.mem, 'x86_64', 59, { rdi: PATH }));
      h.set.exec(task, 7, encodeText(ran));
    }
    expect(races).toEqual([['/bin/true', '/bin/false']]);
  });
});

describe('tracepoints', () => {
  test('syscalls and raw_syscalls', () => {
    const h = harness();
    h.attach(tracepoint('syscalls', 'sys_enter_write'), 1);
    h.attach(tracepoint('raw_syscalls', 'sys_enter'), 2);
    h.attach(tracepoint('syscalls', 'sys_exit_write'), 3);
    h.attach(tracepoint('raw_syscalls', 'sys_exit'), 4);
    const task = fakeTask(h.mem, 7);
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 1, ARGS64));
    h.set.syscallExit(task, stop(h.mem, 'x86_64', 1, ARGS64, -11n));
    h.set.syscallEnter(task, stop(h.mem, 'x32', 520, ARGS64));
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 9999, ARGS64));
    expect(h.seen.map((run) => [run.prog, run.size, run.u64(8), run.u64(16), run.size > 24 ? run.u64(24) : undefined])).toEqual([
      [1, 40, 1n, 1n, 0x7fff_1234_5678n],
      [2, 64, 1n, 1n, 0x7fff_1234_5678n],
      [3, 24, 1n, BigInt.asUintN(64, -11n), undefined],
      [4, 24, 1n, BigInt.asUintN(64, -11n), undefined],
      [2, 64, 0x4000_0208n, 1n, 0x7fff_1234_5678n],
      [2, 64, 9999n, 1n, 0x7fff_1234_5678n],
    ]);
  });

  test('sched_process_exec: the confirmed path', () => {
    const h = harness();
    h.attach(tracepoint('sched', 'sched_process_exec'));
    const task = fakeTask(h.mem, 7);
    h.set.exec(task, 9, encodeText('/usr/bin/cc'));
    const run = only(h.seen);
    expect([run.u32(8), run.i32(12), run.i32(16)]).toEqual([20 | (12 << 16), 7, 9]);
    expect(run.text(run.u32(8) & 0xffff)).toBe('/usr/bin/cc');
    expect(task.invalidated).toContain('exec');
  });

  test('sched_process_fork: both names', () => {
    const h = harness();
    h.attach(tracepoint('sched', 'sched_process_fork'));
    h.set.fork(fakeTask(h.mem, 7, { comm: 'make' }), fakeTask(h.mem, 8, { comm: 'renamed' }));
    const run = only(h.seen);
    expect([run.tid, run.i32(12), run.i32(20)]).toEqual([7, 7, 8]);
    expect([run.u32(8), run.u32(16)].map((loc) => [run.text(loc & 0xffff), loc >>> 16])).toEqual([
      ['make', 5],
      ['make', 5],
    ]);
  });

  test('sched_process_exit: group_dead for exactly the last thread', () => {
    const h = harness();
    h.attach(tracepoint('sched', 'sched_process_exit'));
    const threads = [7, 8, 9];
    for (const tid of [8, 7, 9]) h.set.exit(fakeTask(h.mem, tid, { tgid: 7, comm: 'a-name-of-15-by', threads }), 0x100);
    expect(h.seen.map((run) => [run.text(8), run.i32(24), run.i32(28), run.u32(32) & 0xff])).toEqual([
      ['a-name-of-15-by', 8, 120, 0],
      ['a-name-of-15-by', 7, 120, 0],
      ['a-name-of-15-by', 9, 120, 1],
    ]);
  });

  test('do_exit: the exit code', () => {
    const h = harness();
    h.attach(kprobe('do_exit'));
    h.attach(kretprobe('do_exit'));
    h.set.exit(fakeTask(h.mem, 7), 0x8b);
    expect(only(h.seen).u64(REGS.rdi)).toBe(0x8bn);
  });

  test('raw tracepoints', () => {
    const h = harness();
    for (const name of ['sys_enter', 'sys_exit', 'sched_process_exec', 'sched_process_fork', 'sched_process_exit'])
      h.attach({ kind: 'raw_tracepoint', name });
    const task = fakeTask(h.mem, 7);
    h.set.syscallEnter(task, stop(h.mem, 'x86_64', 1, ARGS64));
    h.set.syscallExit(task, stop(h.mem, 'x86_64', 1, ARGS64, 5n));
    h.set.exec(task, 9, encodeText('/x'));
    h.set.fork(task, fakeTask(h.mem, 8));
    h.set.exit(task, 0);
    const [enter, exit, exec, fork, end] = h.seen;
    expect(h.seen.map((run) => run.size)).toEqual([96, 96, 96, 96, 96]);
    expect([enter?.at(enter.u64(0), REGS.rsi), enter?.u64(8)]).toEqual([0x7fff_1234_5678n, 1n]);
    expect(exit?.u64(8)).toBe(5n);
    expect([exec?.u64(0), exec?.u64(8)]).toEqual([taskPointer(7), 9n]);
    expect(toOffset(exec?.u64(16) ?? 0n)).toBeUndefined();
    expect([fork?.u64(0), fork?.u64(8)]).toEqual([taskPointer(7), taskPointer(8)]);
    expect([end?.u64(0), end?.u64(8)]).toEqual([taskPointer(7), 1n]);
  });
});

describe('what is wanted', () => {
  const row = (h: ReturnType<typeof harness>, abi: SyscallAbi, nr: number) =>
    h.set.wanted().syscalls?.find((w) => w.abi === abi && w.nr === nr);

  test('nothing without links', () => {
    expect(harness().set.wanted()).toEqual({ syscalls: [], allEnter: false, allExit: false, exec: false });
  });

  test('only the sides that programs want, in every ABI; set*id entries end remembered ids', () => {
    const h = harness();
    h.attach(kprobe('sys_write'));
    const exit = h.attach(kretprobe('sys_write'));
    expect(row(h, 'x86_64', 1)).toMatchObject({ enter: true, exit: true });
    expect(row(h, 'i386', 4)).toMatchObject({ enter: true, exit: true });
    h.set.remove(exit);
    expect(row(h, 'x86_64', 1)).toMatchObject({ enter: true, exit: false });
    expect(row(h, 'x86_64', 105)).toMatchObject({ enter: true, exit: false });
    const task = fakeTask(h.mem, 7);
    h.set.syscallEnter(task, stop(h.mem, 'i386', 23, {}));
    expect(task.invalidated).toEqual(['creds']);
  });

  test('every call for raw tracepoints', () => {
    const h = harness();
    const enter = h.attach(tracepoint('raw_syscalls', 'sys_enter'));
    expect(h.set.wanted()).toMatchObject({ syscalls: undefined, allEnter: true, allExit: false });
    h.attach(kretprobe('sys_write'));
    expect(h.set.wanted()).toMatchObject({ syscalls: undefined, allEnter: true, allExit: true });
    h.set.remove(enter);
    expect(h.set.wanted().syscalls).toBeDefined();
  });

  test('execs', () => {
    const h = harness();
    h.attach({ kind: 'raw_tracepoint', name: 'sched_process_exec' });
    expect(h.set.wanted().exec).toBe(true);
  });
});

test('programs run in attach order, whatever they are attached to', () => {
  const h = harness();
  h.attach(kprobe('sys_write'), 1);
  h.attach(tracepoint('raw_syscalls', 'sys_enter'), 2);
  h.attach({ kind: 'ksyscall', name: 'write', ret: false }, 3);
  h.attach({ kind: 'raw_tracepoint', name: 'sys_enter' }, 4);
  h.set.syscallEnter(fakeTask(h.mem, 7), stop(h.mem, 'x86_64', 1, ARGS64));
  expect(h.seen.map((run) => run.prog)).toEqual([1, 2, 3, 4]);
});

test('a filter keeps programs from tasks', () => {
  const h = harness({ filter: (task) => decodeText(task.comm()) === 'cc1' });
  h.attach(kprobe('sys_write'));
  for (const comm of ['cc1', 'make']) h.set.syscallEnter(fakeTask(h.mem, 7, { comm }), stop(h.mem, 'x86_64', 1, ARGS64));
  expect(h.seen).toHaveLength(1);
});

describe('refusals', () => {
  test.each<[string, AttachTarget, string, RegExp]>([
    ['misspelt function', kprobe('do_execv'), 'ENOENT', /do_execve/],
    ['function with kernel arguments', kprobe('vfs_read'), 'ENOENT', /ksys_read|struct file/],
    ['inside a function', { kind: 'kprobe', func: 'sys_write', offset: 4, ret: false }, 'EINVAL', /offset 4/],
    ['unknown system call', { kind: 'ksyscall', name: 'wirte', ret: false }, 'ENOENT', /write/],
    ['unknown tracepoint', tracepoint('syscalls', 'sys_enter_opennat'), 'ENOENT', /syscalls\/sys_enter_openat/],
    ['invisible tracepoint', tracepoint('sched', 'sched_switch'), 'ENOENT', /sched_switch/],
    ['unknown raw tracepoint', { kind: 'raw_tracepoint', name: 'sys_entr' }, 'ENOENT', /sys_enter/],
    ['uprobe', { kind: 'uprobe', path: '/bin/sh', func: 'main', ret: false }, 'EOPNOTSUPP', /uprobe/],
    ['object member', kprobe('constructor'), 'ENOENT', /constructor/],
  ])('%s', (_what, target, code, text) => {
    const h = harness();
    const before = h.set.wanted();
    let error: unknown;
    try {
      h.attach(target);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(AttachError);
    if (!(error instanceof AttachError)) return;
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.hint}`).toMatch(text);
    expect(h.set.wanted()).toBe(before);
  });
});
