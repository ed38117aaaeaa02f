/** What the live kernel shows its own BPF programs for an event, against what the ptrace probes show for the same event. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { encodeText } from '../src/base/index.ts';
import type { ProgramRunner } from '../src/engine/types.ts';
import type { AttachTarget } from '../src/host/host.ts';
import { Mem } from '../src/mem/index.ts';
import { createProbeSet } from '../src/sources/ptrace/probes/index.ts';
import type { SyscallStop, TracedTask } from '../src/sources/ptrace/types.ts';
import { loadSys, type Sys } from '../src/sys/index.ts';
import { kernel } from './support/kernel.ts';

const EVENTS = '/sys/kernel/tracing/events';
const ARRAY = 2;
const HASH = 1;
const TRACEPOINT = 5;
const RAW_TRACEPOINT = 17;
const NR = { bpf: 321, perf_event_open: 298, ioctl: 16, openat: 257, write: 1 } as const;
const RAW_TRACEPOINT_OPEN = 17;
const PERF_TYPE_TRACEPOINT = 2;
const IOC_ENABLE = 0x2400;
const IOC_SET_BPF = 0x4004_2408;
const VALUE = 256;

function usable(): Sys | string {
  if (kernel.bpf === undefined) return kernel.reason;
  try {
    if (!existsSync(`${EVENTS}/sched`)) execFileSync('mount', ['-t', 'tracefs', 'none', '/sys/kernel/tracing'], { stdio: 'ignore' });
    readFileSync(`${EVENTS}/sched/sched_process_exec/id`);
    const sys = loadSys();
    return sys.arch.node === 'x64' ? sys : 'the register layout is x86-64';
  } catch (error) {
    return String(error);
  }
}

const sys = usable();
const { bpf } = kernel;
if (typeof sys === 'string' || bpf === undefined) {
  describe('probe records on the kernel', () => test.skip(`skipped: ${String(sys)}`));
} else {
  const fds: number[] = [];
  afterAll(() => {
    for (const fd of fds) sys.close(fd);
  });
  const keep = (fd: number): number => {
    expect(fd).toBeGreaterThanOrEqual(0);
    fds.push(fd);
    return fd;
  };

  /** Attaches a program to a tracepoint of every CPU's tasks. */
  const attachTracepoint = (event: string, program: string): void => {
    const prog = keep(bpf.progLoad({ type: TRACEPOINT, insns: assemble(program) }).fd);
    const attr = sys.block(128);
    attr.dv.setUint32(0, PERF_TYPE_TRACEPOINT, true);
    attr.dv.setUint32(4, 128, true);
    attr.dv.setBigUint64(8, BigInt(readFileSync(`${EVENTS}/${event}/id`, 'utf8')), true);
    attr.dv.setBigUint64(16, 1n, true);
    const fd = keep(sys.syscall(NR.perf_event_open, attr.address, -1, 0, -1, 8));
    expect(sys.syscall(NR.ioctl, fd, IOC_SET_BPF, prog)).toBe(0);
    expect(sys.syscall(NR.ioctl, fd, IOC_ENABLE, 0)).toBe(0);
  };

  /** A program that, for this process only, stores ctx[from, to) at the start of the only element of a map. */
  const recorder = (map: number, from: number, to: number): string => `
    r6 = r1
    call 14
    r0 >>= 32
    if r0 != ${process.pid} goto out
${Array.from({ length: (to - from) / 8 }, (_, i) => `    r1 = *(u64 *)(r6 + ${from + 8 * i})\n    *(u64 *)(r10 - ${VALUE - 8 * i}) = r1`).join('\n')}
${zeros(VALUE - (to - from))}
    ${updateElem(map)}
  out:
    r0 = 0
    exit`;
  /** Initialises the last `size` bytes of the value on the stack. */
  const zeros = (size: number): string => Array.from({ length: size / 8 }, (_, i) => `    *(u64 *)(r10 - ${size - 8 * i}) = 0`).join('\n');
  const updateElem = (map: number): string => `
    *(u32 *)(r10 - ${VALUE + 8}) = 0
    r1 = map[fd:${map}]
    r2 = r10
    r2 += -${VALUE + 8}
    r3 = r10
    r3 += -${VALUE}
    r4 = 0
    call 2`;

  const KEY = new Uint8Array(4);
  const view = (bytes: Uint8Array | undefined): DataView => {
    const own = new Uint8Array(bytes ?? new Uint8Array(VALUE));
    return new DataView(own.buffer);
  };

  /** The context that the probes give to a program attached to `target` at the event that `cause` tells them. */
  const ours = (target: AttachTarget, cause: (set: ReturnType<typeof createProbeSet>, mem: Mem) => void): DataView => {
    const mem = Mem.create({ initial: 1 << 20 });
    let next = 4096;
    let shown: Uint8Array | undefined;
    const runner: ProgramRunner = {
      mem,
      alloc: (size) => {
        next += (size + 63) & ~63;
        return next - ((size + 63) & ~63);
      },
      free: () => {},
      readsCtx: () => true,
      run: (_prog, run) => {
        shown = mem.copyOut(run.ctx, 8192);
        if (target.kind === 'raw_tracepoint') shown.set(mem.copyOut(mem.dv.getUint32(run.ctx, true), 168), 96);
        return 0;
      },
    };
    const set = createProbeSet(runner);
    set.add({ id: 1, progId: 1, progType: TRACEPOINT, target, cookie: 0n });
    cause(set, mem);
    return view(shown);
  };
  const task = (tid: number): TracedTask => ({
    tid,
    tgid: tid,
    uid: () => 0,
    gid: () => 0,
    comm: () => encodeText('x'),
    readUser: () => -14,
    startTime: () => 0n,
    cpu: () => 0,
    prio: () => 120,
    threads: () => [tid],
    invalidate: () => {},
  });
  /** A stop as ptrace shows it for the call: arguments in their registers, -ENOSYS in rax. */
  const stopOf = (mem: Mem, nr: number, args: readonly bigint[], result = 0n): SyscallStop => ({
    abi: 'x86_64',
    nr,
    result,
    arg: (n) => args[n] ?? 0n,
    readRegs: (dst) => {
      mem.u8.fill(0, dst, dst + 168);
      [112, 104, 96, 56, 72, 64].forEach((offset, n) => {
        mem.dv.setBigInt64(dst + offset, args[n] ?? 0n, true);
      });
      mem.dv.setBigInt64(dst + 80, -38n, true);
      mem.dv.setBigUint64(dst + 120, BigInt(nr), true);
    },
  });

  const missing = sys.block(64);
  missing.u8.set(encodeText('/nonexistent/of/a/test\0'));
  const OPENAT = [-100n, BigInt(missing.address), 0o2000000n, 0x123n];
  const openat = (): number => sys.syscall(NR.openat, -100, missing.address, 0o2000000, 0x123);

  test('sys_enter_openat and sys_exit_openat: the same words at the same offsets', () => {
    for (const [event, size] of [
      ['sys_enter_openat', 48],
      ['sys_exit_openat', 24],
    ] as const) {
      const map = keep(bpf.mapCreate({ type: ARRAY, keySize: 4, valueSize: VALUE, maxEntries: 1 }));
      attachTracepoint(`syscalls/${event}`, recorder(map, 8, size));
      const result = openat();
      const theirs = view(bpf.mapLookup(map, KEY, VALUE));
      const own = ours({ kind: 'tracepoint', category: 'syscalls', name: event }, (set, mem) => {
        if (event === 'sys_enter_openat') set.syscallEnter(task(1), stopOf(mem, NR.openat, OPENAT));
        else set.syscallExit(task(1), stopOf(mem, NR.openat, OPENAT, BigInt(result)));
      });
      expect(theirs.getInt32(0, true), event).toBe(NR.openat);
      expect(own.getInt32(8, true)).toBe(NR.openat);
      for (let offset = 16; offset < size; offset += 8) {
        expect([offset, own.getBigUint64(offset, true)]).toEqual([offset, theirs.getBigUint64(offset - 8, true)]);
      }
    }
  });

  test('raw tracepoint sys_enter: number and the saved registers behind the pointer', () => {
    const map = keep(bpf.mapCreate({ type: ARRAY, keySize: 4, valueSize: VALUE, maxEntries: 1 }));
    const prog = bpf.progLoad({
      type: RAW_TRACEPOINT,
      insns: assemble(`
        r6 = r1
        call 14
        r0 >>= 32
        if r0 != ${process.pid} goto out
        r1 = *(u64 *)(r6 + 8)
        if r1 != ${NR.openat} goto out
${zeros(VALUE)}
        r1 = *(u64 *)(r6 + 8)
        *(u64 *)(r10 - ${VALUE}) = r1
        r1 = r10
        r1 += -${VALUE - 8}
        r2 = 168
        r3 = *(u64 *)(r6 + 0)
        call 113
        ${updateElem(map)}
      out:
        r0 = 0
        exit`),
    });
    keep(prog.fd);
    const name = sys.block(64);
    name.u8.set(encodeText('sys_enter\0'));
    const attr = sys.block(64);
    attr.dv.setBigUint64(0, BigInt(name.address), true);
    attr.dv.setUint32(8, prog.fd, true);
    const link = sys.syscall(NR.bpf, RAW_TRACEPOINT_OPEN, attr.address, 16);
    expect(link).toBeGreaterThanOrEqual(0);
    openat();
    sys.close(link);
    const theirs = view(bpf.mapLookup(map, KEY, VALUE));
    const own = ours({ kind: 'raw_tracepoint', name: 'sys_enter' }, (set, mem) =>
      set.syscallEnter(task(1), stopOf(mem, NR.openat, OPENAT)),
    );
    expect([theirs.getBigUint64(0, true), own.getBigUint64(8, true)]).toEqual([BigInt(NR.openat), BigInt(NR.openat)]);
    // Arguments, -ENOSYS in rax, the number in orig_rax.
    for (const offset of [112, 104, 96, 56, 80, 120]) {
      expect([offset, own.getBigInt64(96 + offset, true)]).toEqual([offset, theirs.getBigInt64(8 + offset, true)]);
    }
  });

  test('sched_process_exec: fields and string', () => {
    const map = keep(bpf.mapCreate({ type: HASH, keySize: 4, valueSize: VALUE, maxEntries: 1024 }));
    attachTracepoint(
      'sched/sched_process_exec',
      `
      r6 = r1
${zeros(VALUE)}
      r1 = *(u64 *)(r6 + 8)
      *(u64 *)(r10 - ${VALUE}) = r1
      r1 = *(u32 *)(r6 + 16)
      *(u32 *)(r10 - ${VALUE - 8}) = r1
      r3 = *(u32 *)(r6 + 8)
      r3 &= 0xffff
      r3 += r6
      r1 = r10
      r1 += -${VALUE - 16}
      r2 = 64
      call 115
      r1 = *(u32 *)(r6 + 12)
      *(u32 *)(r10 - ${VALUE + 8}) = r1
      r1 = map[fd:${map}]
      r2 = r10
      r2 += -${VALUE + 8}
      r3 = r10
      r3 += -${VALUE}
      r4 = 0
      call 2
      r0 = 0
      exit`,
    );
    const { pid } = spawnSync('/bin/../bin/true');
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, pid, true);
    const theirs = bpf.mapLookup(map, key, VALUE);
    const own = ours({ kind: 'tracepoint', category: 'sched', name: 'sched_process_exec' }, (set) =>
      set.exec(task(pid), pid, encodeText('/bin/../bin/true')),
    );
    const bytes = new Uint8Array(own.buffer);
    const string = bytes.subarray(own.getUint16(8, true), own.getUint16(8, true) + own.getUint16(10, true));
    expect([...bytes.subarray(8, 20)]).toEqual([...(theirs ?? []).slice(0, 12)]);
    expect([...string]).toEqual([...(theirs ?? []).slice(16, 16 + string.length)]);
  });
}
