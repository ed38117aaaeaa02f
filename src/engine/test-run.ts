/** BPF_PROG_TEST_RUN: what each program type takes, in the kernel's order (net/bpf/test_run.c, kernel/bpf/syscall.c, v6.18). Packets are packet.ts's business. */
import { NotSupportedError } from '../base/index.ts';
import type { TestRunAttr, TestRunResult } from '../host/host.ts';
import { PROGRAM_TYPE_BY_ID } from '../programs/index.ts';
import type { EngineCore } from './core.ts';
import type { ProgObject } from './objects.ts';
import { isPacketType, isTooLong, makePacket, type PacketRun } from './packet.ts';
import type { Runner } from './runner.ts';
import { makeTask } from './task.ts';

const COMMAND = 'BPF_PROG_TEST_RUN';
const TYPE = { XDP: 6, RAW_TRACEPOINT: 17, RAW_TRACEPOINT_WRITABLE: 24, SYSCALL: 31 } as const;
/** Bytes of a raw tracepoint's arguments. */
const RAW_ARGS_SIZE = 96;
const NOTHING = new Uint8Array(0);

type Refuse = (errno: 'EINVAL' | 'ENOTSUPP' | 'ENXIO' | 'EFAULT' | 'ENOSPC' | 'ENOMEM', message: string, hint?: string) => Error;

/** Test-runs a program on this thread. */
export function progTestRun(core: EngineCore, runner: Runner, fd: number, attr: TestRunAttr): TestRunResult {
  const refuse: Refuse = (errno, message, hint) => core.error(COMMAND, errno, message, hint);
  const { object: prog } = core.want(COMMAND, fd, 'prog');
  const row = PROGRAM_TYPE_BY_ID.get(prog.type);
  if (row?.testRun !== true) {
    throw refuse('ENOTSUPP', `the kernel has no test run for ${row?.name} programs`, 'attach it and use fire()');
  }
  if (isPacketType(prog.type)) return runOnPacket(core, runner, prog, attr, refuse);
  const raw = prog.type === TYPE.RAW_TRACEPOINT || prog.type === TYPE.RAW_TRACEPOINT_WRITABLE;
  if (!raw && prog.type !== TYPE.SYSCALL) {
    throw new NotSupportedError(`the engine cannot test-run ${row.name} programs`, { hint: 'use the kernel host' });
  }
  const ctx = attr.ctxIn ?? NOTHING;
  const data = (attr.dataIn?.length ?? 0) > 0 || (attr.dataOutSize ?? 0) > 0;
  if (data || (attr.repeat ?? 0) !== 0 || (raw && (attr.ctxOutSize ?? 0) > 0)) {
    throw refuse('EINVAL', `a test run of a ${row.name} program takes a context, no data and no repeat`);
  }
  const most = raw ? RAW_ARGS_SIZE : 0xffff;
  if (ctx.length < prog.ctxEnd || ctx.length > most) {
    throw refuse('EINVAL', `the context has ${ctx.length} bytes, expected ${prog.ctxEnd} to ${most}`);
  }
  const onCpu = ((attr.flags ?? 0) & 1) !== 0;
  const cpu = attr.cpu ?? 0;
  if (!raw && (attr.flags ?? 0) !== 0) throw refuse('EINVAL', `flags ${attr.flags}, expected 0`);
  if (raw && !onCpu && cpu !== 0) throw refuse('EINVAL', `cpu ${cpu} without BPF_F_TEST_RUN_ON_CPU`);
  if (cpu >= core.cpus) throw refuse('ENXIO', `cpu ${cpu} is not below ${core.cpus}`);
  const at = core.env.allocOrThrow(Math.max(8, ctx.length));
  try {
    core.mem.copyIn(at, ctx);
    const began = runner.clock.monotonic();
    const result = runner.runFull(prog.id, { ctx: at, ctxSize: ctx.length, task: makeTask(core.mem, { comm: 'test_run' }), cpu });
    const duration = Number(runner.clock.monotonic() - began);
    if (result === undefined) throw refuse('EFAULT', 'the program faulted: see faults()');
    const ctxOut = raw ? NOTHING : core.mem.copyOut(at, ctx.length);
    return { retval: Number(result & 0xffff_ffffn), duration, dataOut: NOTHING, ctxOut };
  } finally {
    core.env.free(at);
  }
}

/** A run on a packet, `repeat` times on the same one. */
function runOnPacket(core: EngineCore, runner: Runner, prog: ProgObject, attr: TestRunAttr, refuse: Refuse): TestRunResult {
  if ((attr.flags ?? 0) !== 0) throw refuse('EINVAL', `flags ${attr.flags}, expected 0`);
  const cpu = attr.cpu ?? 0;
  if (prog.type !== TYPE.XDP && cpu !== 0) throw refuse('EINVAL', `cpu ${cpu}, expected 0 for programs that take a socket buffer`);
  // The kernel takes no notice of an XDP program's.
  if (cpu >= core.cpus) throw refuse('ENXIO', `cpu ${cpu} is not below ${core.cpus}`);
  const made: PacketRun | string = makePacket(core.env, prog.type, attr);
  if (typeof made === 'string') throw refuse(isTooLong(prog.type, attr.dataIn?.length ?? 0) ? 'ENOMEM' : 'EINVAL', made);
  const repeat = Math.max(1, (attr.repeat ?? 0) >>> 0);
  try {
    const began = runner.clock.monotonic();
    const result = runner.runFull(prog.id, { ...made.run, task: makeTask(core.mem, { comm: 'test_run' }), cpu, repeat });
    const duration = Number(runner.clock.monotonic() - began) / repeat;
    if (result === undefined) throw refuse('EFAULT', 'the program faulted: see faults()');
    const { data, ctx } = made.read();
    const room = attr.dataOutSize ?? data.length;
    if (attr.dataOutSize !== undefined && room < data.length)
      throw refuse('ENOSPC', `the data have ${data.length} bytes, room is for ${room}`);
    return {
      retval: Number(result & 0xffff_ffffn),
      duration: Math.floor(duration),
      dataOut: data,
      ctxOut: attr.ctxIn === undefined ? NOTHING : ctx,
    };
  } finally {
    made.free();
  }
}
