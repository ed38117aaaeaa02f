/** Why the kernel refuses to trace or to start a command, in words, with the remedy. It only reads /proc; the numbers come from the calls that failed. */
import { readdirSync, readFileSync } from 'node:fs';
import { BpfError, ERRNO, errnoName, NotSupportedError, SyscallError } from '../../base/index.ts';
import { STAGE } from './launcher/index.ts';

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** A number of /proc/PID/status, by its key. */
export function statusNumber(pid: number | 'self', key: string): number | undefined {
  const text = readText(`/proc/${pid}/status`);
  const found = text === undefined ? undefined : new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** /proc/sys/kernel/yama/ptrace_scope, or undefined where Yama is not built in. */
export function yamaScope(): number | undefined {
  const text = readText('/proc/sys/kernel/yama/ptrace_scope');
  return text === undefined ? undefined : Number(text.trim());
}

/** What PTRACE_SEIZE's refusal means. `relation`: whether the process is our own child. */
export function explainSeize(pid: number, errno: number, relation: 'child' | 'other'): BpfError {
  if (errno === ERRNO.ESRCH) return new SyscallError('ptrace', errno, `process ${pid} does not exist`);
  if (errno === ERRNO.EIO || errno === ERRNO.ENOSYS) {
    return new NotSupportedError(`ptrace is not available here (${errnoName(errno)})`, {
      hint: 'this kernel or sandbox (gVisor?) lacks PTRACE_SEIZE',
    });
  }
  const state = /^State:\s+(\w)/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
  if (state === 'Z' || state === 'X') {
    return new SyscallError('ptrace', errno, `process ${pid} has ended; only its parent keeps its number (a zombie)`);
  }
  if (pid === 2 || statusNumber(pid, 'PPid') === 2) {
    return new SyscallError('ptrace', errno, `process ${pid} is a thread of the kernel`, { hint: 'only user processes can be traced' });
  }
  // A tracer is a thread: name its process.
  const thread = statusNumber(pid, 'TracerPid') ?? 0;
  if (thread !== 0) {
    const tracer = statusNumber(thread, 'Tgid') ?? thread;
    return new SyscallError('ptrace', errno, `process ${pid} is already traced by process ${tracer}`, {
      hint: 'a process has one tracer at a time: end strace, gdb or the other bpfwright first',
    });
  }
  const scope = yamaScope() ?? 0;
  if (scope === 3 || (scope === 2 && relation === 'child')) {
    return new NotSupportedError(`tracing is forbidden by Yama (kernel.yama.ptrace_scope is ${scope})`, {
      hint:
        scope === 3
          ? 'this cannot be undone before a reboot with another setting'
          : 'run as root, or: sudo sysctl kernel.yama.ptrace_scope=1',
    });
  }
  if (relation === 'other' && scope > 0) {
    return new SyscallError(
      'ptrace',
      errno,
      `process ${pid} is not a child of bpfwright and Yama forbids tracing others (ptrace_scope is ${scope})`,
      {
        hint: 'start the command with bpfwright run … -- command, run as root, or: sudo sysctl kernel.yama.ptrace_scope=0',
      },
    );
  }
  if (relation === 'other' && statusNumber(pid, 'Uid') !== undefined && process.geteuid?.() !== statusNumber(pid, 'Uid')) {
    return new SyscallError('ptrace', errno, `process ${pid} belongs to user ${statusNumber(pid, 'Uid')}, not to ${process.geteuid?.()}`, {
      hint: 'run as that user or as root',
    });
  }
  return new NotSupportedError(`the kernel refuses to trace process ${pid} (${errnoName(errno)})`, {
    hint: 'in a container allow ptrace: docker run --cap-add=SYS_PTRACE (or --security-opt seccomp=unconfined); programs with file capabilities cannot be traced without root',
  });
}

/** The command could not be executed: a shell would end with 127 (not found) or 126. */
export class CommandError extends SyscallError {
  readonly reason: 'not-found' | 'cannot-execute';
  readonly command: string;
  /** @param name the command's first word */
  constructor(name: string, errno: number) {
    const missing = errno === ERRNO.ENOENT;
    super('execve', errno, missing ? `'${name}' was not found` : `'${name}' cannot be executed`, {
      hint: missing && !name.includes('/') ? 'is its folder in PATH?' : undefined,
    });
    this.command = name;
    this.reason = missing ? 'not-found' : 'cannot-execute';
  }
}

/** What the launcher reported, as an error. `name` is the command's first word. */
export function explainLaunch(stage: number, errno: number, name: string): SyscallError {
  if (stage === STAGE.user) {
    return new SyscallError('setresuid', errno, 'the command cannot be given the user asked for', { hint: 'changing the user needs root' });
  }
  if (stage === STAGE.cwd) return new SyscallError('chdir', errno, 'the working directory of the command cannot be entered');
  return new CommandError(name, errno);
}

/** What it means that a launcher ended without becoming its command. */
export function launchError(
  report: { readonly stage: number; readonly errno: number } | undefined,
  name: string,
  status: number,
): BpfError {
  if (report !== undefined) return explainLaunch(report.stage, report.errno, name);
  const code = (status >> 8) & 0xff;
  // The shell launcher has printed why.
  if ((status & 0x7f) === 0 && (code === 127 || code === 126))
    return explainLaunch(STAGE.exec, code === 127 ? ERRNO.ENOENT : ERRNO.EACCES, name);
  return new BpfError(`the launcher of '${name}' ended before its command started (wait status 0x${status.toString(16)})`);
}

/**
 * Thread ids of a process. A process that is `known` may have ended: it has none.
 * @throws for an unknown one that does not exist or is a thread of another
 */
export function threadsOf(pid: number, process: 'known' | 'unknown'): number[] {
  let ids: number[] = [];
  try {
    ids = readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    if (process === 'unknown') throw explainSeize(pid, ERRNO.ESRCH, 'other');
  }
  // /proc shows threads under their own numbers, too.
  if (process === 'unknown' && statusNumber(pid, 'Tgid') !== pid) {
    throw new NotSupportedError(`${pid} is a thread of process ${statusNumber(pid, 'Tgid')}`, { hint: 'give the id of its process' });
  }
  return ids;
}

/** An error as it crosses threads. */
export interface WireError {
  readonly kind: 'command' | 'syscall' | 'unsupported' | 'other';
  /** The sentence without what the class adds; a command's name. */
  readonly message: string;
  readonly hint: string | undefined;
  readonly syscall: string;
  readonly errno: number;
}

export function toWire(error: unknown): WireError {
  const hint = error instanceof BpfError ? error.hint : undefined;
  if (error instanceof CommandError) return { kind: 'command', message: error.command, hint, syscall: error.syscall, errno: error.errno };
  if (error instanceof SyscallError) {
    const message = error.message.slice(error.syscall.length + 2, -(error.code.length + 3));
    return { kind: 'syscall', message, hint, syscall: error.syscall, errno: error.errno };
  }
  const message = error instanceof BpfError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: error instanceof NotSupportedError ? 'unsupported' : 'other', message, hint, syscall: '', errno: 0 };
}

export function fromWire(wire: WireError): BpfError {
  const options = { hint: wire.hint };
  if (wire.kind === 'command') return new CommandError(wire.message, wire.errno);
  if (wire.kind === 'syscall') return new SyscallError(wire.syscall, wire.errno, wire.message, options);
  return wire.kind === 'unsupported' ? new NotSupportedError(wire.message, options) : new BpfError(wire.message, options);
}
