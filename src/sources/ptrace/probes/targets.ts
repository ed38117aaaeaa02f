/** From an attach target to the events that run it: which system calls, which side, which context. Refuses names that a tracer cannot produce, naming the nearest it can. */
import { AttachError } from '../../../base/index.ts';
import {
  type ArgCondition,
  findTracepoint,
  functionNames,
  nearestNames,
  RAW_TRACEPOINTS,
  REFUSED_FUNCTIONS,
  type ResolvedFunction,
  resolveFunction,
  resolveSyscall,
  type SyscallAbi,
  selectSyscalls,
  syscallNames,
  tracepointNames,
} from '../../../events/index.ts';
import { taskPointer } from '../../../helpers/index.ts';
import type { AttachTarget } from '../../../host/host.ts';
import type { Contexts, ContextWriter } from './contexts.ts';
import { UNREADABLE } from './event.ts';

/** What a link runs at. `nr` undefined: every system call of every ABI. */
export type Trigger =
  | {
      readonly on: 'enter' | 'exit';
      readonly abi?: SyscallAbi;
      readonly nr?: number;
      readonly writer: ContextWriter;
      readonly when?: ArgCondition;
      /** The context holds a path read at exec's entry. */
      readonly showsPath?: boolean;
    }
  | { readonly on: 'exec' | 'fork' | 'end'; readonly writer: ContextWriter };

/** Facts of the process event being dispatched, which its records are made from. */
export interface ProcessEvent {
  path: Uint8Array;
  pid: number;
  oldPid: number;
  parentComm: Uint8Array;
  childComm: Uint8Array;
  childPid: number;
  code: number;
  comm: () => Uint8Array;
  prio: () => number;
  /** The thread is the last of its process to end. */
  groupDead: () => boolean;
}

/** What a target becomes: its triggers and, for functions, the made-up address that bpf_get_func_ip gives. */
export interface Resolved {
  readonly triggers: readonly Trigger[];
  readonly funcIp?: bigint;
}

const FUNCTION_BASE = 0xffff_ffff_8100_0000n;
const FUNCTION_STRIDE = 0x40n;
const functionIps = new Map<string, bigint>();

/** The address given to a kernel function: the same for the same name, different for different ones. */
export function functionIp(name: string): bigint {
  let ip = functionIps.get(name);
  if (ip === undefined) {
    ip = FUNCTION_BASE + BigInt(functionIps.size) * FUNCTION_STRIDE;
    functionIps.set(name, ip);
  }
  return ip;
}

function refuse(what: string, why: string, hint: string): AttachError {
  return new AttachError(`attach ${what}`, 'ENOENT', why, { hint });
}

const nearestHint = (name: string, known: Iterable<string>, prefix = ''): string => {
  const near = nearestNames(name, known);
  return near.length === 0 ? '' : `nearest known: ${near.map((n) => prefix + n).join(', ')}; `;
};
const CALLS_ONLY = 'a tracer sees system calls, forks, execs and exits, not what runs inside the kernel';

/** The triggers of a target, or AttachError (ENOENT for names unknown here, EOPNOTSUPP for kinds of target that other sources produce). */
export function resolveTarget(target: AttachTarget, contexts: Contexts, facts: ProcessEvent): Resolved {
  switch (target.kind) {
    case 'kprobe': {
      const what = `${target.ret ? 'kretprobe' : 'kprobe'}/${target.func}`;
      if ((target.offset ?? 0) !== 0) {
        throw new AttachError(`attach ${what}+${target.offset}`, 'EINVAL', `offset ${target.offset} is inside the function, expected 0`, {
          hint: CALLS_ONLY,
        });
      }
      const resolved = resolveFunction(target.func);
      if (resolved !== undefined) return functionTriggers(resolved, target.ret, contexts, facts);
      const reason = Object.hasOwn(REFUSED_FUNCTIONS, target.func) ? REFUSED_FUNCTIONS[target.func] : undefined;
      if (reason !== undefined) throw refuse(what, `'${target.func}' cannot be produced by tracing processes: ${reason}`, CALLS_ONLY);
      throw refuse(
        what,
        `no function '${target.func}' that a traced process reaches is known`,
        nearestHint(target.func, functionNames()) + CALLS_ONLY,
      );
    }
    case 'ksyscall': {
      const resolved = resolveSyscall(target.name);
      if (resolved !== undefined) return functionTriggers(resolved, target.ret, contexts, facts);
      const what = `${target.ret ? 'kretsyscall' : 'ksyscall'}/${target.name}`;
      throw refuse(what, `no system call '${target.name}'`, `${nearestHint(target.name, syscallNames())}expected a name of syscalls(2)`);
    }
    case 'tracepoint':
      return tracepointTriggers(target.category, target.name, contexts, facts);
    case 'raw_tracepoint':
      return rawTriggers(target.name, contexts, facts);
    case 'uprobe':
    case 'perf_event':
    case 'other':
      throw new AttachError(`attach ${target.kind}`, 'EOPNOTSUPP', `tracing processes does not produce targets of kind '${target.kind}'`, {
        hint: 'expected kprobe, kretprobe, ksyscall, tracepoint or raw_tracepoint; fire() runs a program on a made-up event',
      });
  }
}

function functionTriggers(fn: ResolvedFunction, ret: boolean, contexts: Contexts, facts: ProcessEvent): Resolved {
  const ip = functionIp(fn.name);
  const triggers: Trigger[] = fn.hits.map(({ call, shape, when }) => ({
    on: ret ? 'exit' : 'enter',
    abi: call.abi,
    nr: call.row.nr,
    writer: ret ? contexts.functionReturn() : contexts.functionEntry(shape, ip),
    ...(when === undefined ? {} : { when }),
    ...(!ret && call.row.entry === 'execve' && shape.kind === 'args' ? { showsPath: true } : {}),
  }));
  // A function that ends a thread does not return: its return probe never runs, as in the kernel.
  if (fn.exit && !ret) triggers.push({ on: 'end', writer: contexts.exitEntry(() => facts.code, ip) });
  return { triggers, funcIp: ip };
}

function tracepointTriggers(category: string, name: string, contexts: Contexts, facts: ProcessEvent): Resolved {
  const row = findTracepoint(category, name);
  if (row === undefined) {
    const what = `tracepoint/${category}/${name}`;
    throw refuse(
      what,
      `no tracepoint '${category}/${name}' that a traced process reaches is known`,
      nearestHint(`${category}/${name}`, tracepointNames()) + CALLS_ONLY,
    );
  }
  switch (`${category}/${name}`) {
    case 'raw_syscalls/sys_enter':
      return { triggers: [{ on: 'enter', writer: contexts.rawSyscallEnterRecord(row) }] };
    case 'raw_syscalls/sys_exit':
      return { triggers: [{ on: 'exit', writer: contexts.syscallExitRecord(row) }] };
    case 'sched/sched_process_exec': {
      const writer = contexts.record(row, () => ({ filename: facts.path, pid: facts.pid, old_pid: facts.oldPid }));
      return { triggers: [{ on: 'exec', writer }] };
    }
    case 'sched/sched_process_fork': {
      const writer = contexts.record(row, () => ({
        parent_comm: facts.parentComm,
        parent_pid: facts.pid,
        child_comm: facts.childComm,
        child_pid: facts.childPid,
      }));
      return { triggers: [{ on: 'fork', writer }] };
    }
    case 'sched/sched_process_exit': {
      const writer = contexts.record(row, () => ({
        comm: facts.comm(),
        pid: facts.pid,
        prio: facts.prio(),
        group_dead: facts.groupDead() ? 1 : 0,
      }));
      return { triggers: [{ on: 'end', writer }] };
    }
  }
  const enter = name.startsWith('sys_enter_');
  const entry = name.slice(enter ? 10 : 9);
  const writer = enter ? contexts.syscallEnterRecord(row) : contexts.syscallExitRecord(row);
  return {
    triggers: selectSyscalls((call) => call.entry === entry).map(({ abi, row: call }) => ({
      on: enter ? 'enter' : 'exit',
      abi,
      nr: call.nr,
      writer,
    })),
  };
}

function rawTriggers(name: string, contexts: Contexts, facts: ProcessEvent): Resolved {
  if (!Object.hasOwn(RAW_TRACEPOINTS, name)) {
    throw refuse(
      `raw_tracepoint/${name}`,
      `no raw tracepoint '${name}' that a traced process reaches is known`,
      nearestHint(name, Object.keys(RAW_TRACEPOINTS)) + CALLS_ONLY,
    );
  }
  const { event } = contexts;
  const sources = {
    regs: () => contexts.regsPointer(),
    id: () => contexts.rawId(),
    ret: () => BigInt.asUintN(64, event.stop.result),
    task: () => taskPointer(event.task.tid),
    parent: () => taskPointer(facts.pid),
    child: () => taskPointer(facts.childPid),
    old_pid: () => BigInt(facts.oldPid),
    binprm: () => UNREADABLE,
    group_dead: () => (facts.groupDead() ? 1n : 0n),
  };
  const writer = contexts.raw((RAW_TRACEPOINTS[name] ?? []).map((kind) => sources[kind]));
  const on = (
    { sys_enter: 'enter', sys_exit: 'exit', sched_process_exec: 'exec', sched_process_fork: 'fork', sched_process_exit: 'end' } as const
  )[name];
  return { triggers: on === undefined ? [] : [{ on, writer }] };
}
