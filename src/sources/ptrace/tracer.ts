/**
 * The tracing loop: owns every ptrace call of its thread, follows processes and threads from their first stop to their end, asks the probes at the
 * stops they want and resumes each task exactly as it would have gone on. Commands from the main thread arrive through a doorbell (see session.ts).
 */
import { existsSync, statSync } from 'node:fs';
import { BpfError, ERRNO, errnoName, SyscallError } from '../../base/index.ts';
import { type Block, EVENT, isStopSignal, OPTION, PTRACE, SIGNAL, type Sys, WAIT } from '../../sys/index.ts';
import { execPath } from './exec-path.ts';
import { MAX_INSNS, seccompFilter } from './filter.ts';
import { STAGE } from './launcher/index.ts';
import { CONTROL, type CommandSpec, type TracerEvent, type WarningCode } from './protocol.ts';
import { explainSeize, launchError, statusNumber, threadsOf, toWire } from './refusals.ts';
import { type Parked, park, parkDoorbell } from './spawn.ts';
import { SpinWait } from './spin-wait.ts';
import type { StopReader } from './stop.ts';
import type { ProbeSet, TracedTask } from './types.ts';
import { ENTER, EXEC_KEYS, EXIT, UNKNOWN_KEY, WantedTable } from './wanted.ts';

/** A TracedTask whose resources end with it. */
export interface OwnedTask extends TracedTask {
  close(): void;
}

/** What the loop needs of its surroundings. */
export interface TracerDeps {
  readonly sys: Sys;
  readonly probes: ProbeSet;
  readonly stop: StopReader;
  readonly control: Int32Array;
  /** Programs hear children, too. */
  readonly follow: boolean;
  createTask(tid: number, tgid: number): OwnedTask;
  emit(event: TracerEvent): void;
  /** Carries out what the main thread asked for. */
  commands(): void;
}

/** A command that was started, or a process that was attached, with everything that comes from it. */
interface Root {
  readonly id: number;
  readonly kind: 'command' | 'attached';
  readonly pid: number;
  readonly name: string;
  readonly parked: Parked | undefined;
  /** What the seccomp filter stops at; undefined: there is no filter. */
  installed: WantedTable | undefined;
  /** Stop at every system call, because the filter does not do or does not exist. */
  everyCall: boolean;
  started: boolean;
  detaching: boolean;
  /** Tasks alive. */
  live: number;
  readonly maxOverhead: number | undefined;
  /** Of the current accounting window: its start and the time spent in stops, milliseconds. */
  windowStart: number;
  spent: number;
}

interface Task {
  readonly tid: number;
  readonly tgid: number;
  readonly probe: OwnedTask;
  readonly root: Root;
  /** Before the command's own exec: only its execve counts. */
  launching: boolean;
  /** Events reach programs. */
  heard: boolean;
  /** Call in progress whose exit stop is due: its key and what for. */
  exitKey: number;
  exitBits: number;
  /** Its end has been told to the probes. */
  ended: boolean;
}

const FOLLOW = OPTION.FORK | OPTION.VFORK | OPTION.CLONE;
const OPTIONS = OPTION.SYSGOOD | OPTION.EXEC | OPTION.EXIT | FOLLOW;
const WAIT_FLAGS = WAIT.ALL | WAIT.NOTHREAD;
const SYSCALL_STOP = SIGNAL.SIGTRAP | 0x80;
/** How long a task whose parent's fork event is missing is held, milliseconds. */
const HOLD_LIMIT = 500;
/** Overhead is judged over windows of this length, milliseconds; each stop also costs about two context switches. */
const WINDOW = 1000;
const SWITCH_COST = 0.003;
/** How long the end waits for attached tasks to stop so that they can be let go, milliseconds. */
const DETACH_LIMIT = 2000;
const DETACH_STEP = 1;
const EARLY_DEAD_LIMIT = 4096;

export class Tracer {
  readonly #deps: TracerDeps;
  readonly #sys: Sys;
  readonly #probes: ProbeSet;
  readonly #stop: StopReader;
  readonly #control: Int32Array;
  readonly #block: Block;
  readonly #status: number;
  readonly #message: number;
  readonly #wait: SpinWait;
  readonly #tasks = new Map<number, Task>();
  readonly #roots = new Map<number, Root>();
  /** New tasks stopped before their parent's fork event, with the time and the stop's status. */
  readonly #held = new Map<number, { readonly since: number; readonly status: number }>();
  /** Tids that died before their parent's fork event. */
  readonly #earlyDead = new Set<number>();
  readonly #warned = new Set<WarningCode>();
  #wanted: WantedTable;
  #bell: Parked | undefined;
  #armed = true;

  constructor(deps: TracerDeps) {
    this.#deps = deps;
    this.#sys = deps.sys;
    this.#probes = deps.probes;
    this.#stop = deps.stop;
    this.#control = deps.control;
    this.#block = deps.sys.block(64);
    this.#status = this.#block.address;
    this.#message = this.#block.address + 8;
    this.#wait = new SpinWait(deps.sys);
    this.#wanted = new WantedTable(deps.probes.wanted());
  }

  /** Runs until CONTROL.CLOSING is set. Then started commands are killed and attached processes let go. */
  run(): void {
    this.#startBell();
    this.#deps.emit({ kind: 'ready' });
    while (this.#control[CONTROL.CLOSING] === 0) {
      const tid = this.#wait.next(this.#status, WAIT_FLAGS);
      if (tid > 0) this.#handle(tid, this.#block.dv.getInt32(0, true));
    }
    this.#end();
  }

  /** Starts a command under the programs attached now. */
  spawn(id: number, spec: CommandSpec): void {
    let parked: Parked | undefined;
    try {
      const wanted = this.#probes.wanted();
      const needsFilter = spec.stops === 'auto' && !this.#wanted.none;
      const image = needsFilter ? seccompFilter(wanted.syscalls) : undefined;
      const filter = image !== undefined && image.length / 8 <= MAX_INSNS ? image : undefined;
      parked = park(this.#sys, spec, filter);
      const filtered = filter !== undefined && parked.launcher !== 'shell';
      const name = String(typeof spec.argv[0] === 'string' ? spec.argv[0] : Buffer.from(spec.argv[0] ?? []));
      const root = this.#root({ id, kind: 'command', pid: parked.pid, name, parked });
      root.installed = filtered ? new WantedTable(wanted) : undefined;
      this.#judge(root);
      // A tracee's own RET_TRACE filters stay what they are without a tracer, unless we have one, too.
      this.#seizeParked(parked, OPTIONS | OPTION.EXITKILL | (filtered ? OPTION.SECCOMP : 0));
      const task = this.#newTask(parked.pid, parked.pid, root);
      task.launching = true;
      if (parked.launcher === 'shell' && spec.launcher === 'auto') {
        this.#warn(
          'launcher',
          'neither a memfd nor a temporary file can be executed here: started through /bin/sh, which stops at every call',
          undefined,
        );
      }
      parked.release();
      this.#resume(task, 0);
    } catch (error) {
      if (parked !== undefined) {
        this.#sys.kill(parked.pid, SIGNAL.SIGKILL);
        parked.close();
        this.#sys.waitpid(parked.pid, this.#status, WAIT.ALL);
      }
      this.#roots.delete(id);
      this.#deps.emit({ kind: 'failed', id, error: toWire(error) });
    }
  }

  /** Takes hold of a running process and all its threads. */
  attach(id: number, pid: number, maxOverhead: number | undefined): void {
    const root = this.#root({ id, kind: 'attached', pid, name: String(pid), parked: undefined, maxOverhead });
    root.started = true;
    this.#judge(root);
    try {
      this.#seizeThreads(root);
      if (root.live === 0) {
        throw this.#tasks.has(pid)
          ? new SyscallError('ptrace', 'EBUSY', `process ${pid} is traced by this bpfwright already`)
          : new SyscallError('ptrace', 'ESRCH', `process ${pid} has ended`);
      }
      this.#deps.emit({ kind: 'attached', id, threads: root.live });
    } catch (error) {
      if (root.live > 0) this.detach(id);
      else this.#roots.delete(id);
      this.#deps.emit({ kind: 'failed', id, error: toWire(error) });
    }
  }

  /** Lets go of an attached process: each of its tasks at its next stop, which is asked for now. */
  detach(id: number): void {
    const root = this.#roots.get(id);
    if (root === undefined || root.kind !== 'attached') return;
    root.detaching = true;
    for (const task of this.#tasks.values()) if (task.root === root) this.#sys.ptrace(PTRACE.INTERRUPT, task.tid, 0, 0);
  }

  /** Call when programs came or went: decides anew what each command must stop at. */
  rewire(): void {
    if (!this.#armed) return;
    this.#setWanted(new WantedTable(this.#probes.wanted()));
  }

  /** Programs hear nothing any more; everything runs on. */
  disarm(): void {
    this.#armed = false;
    this.#setWanted(new WantedTable({ syscalls: [], allEnter: false, allExit: false, exec: false }));
  }

  /** Forgets tasks that no longer exist: a death that the kernel did not report must not keep a command from ending. */
  sweep(): void {
    for (const task of [...this.#tasks.values()]) if (!existsSync(`/proc/${task.tid}`)) this.#gone(task, 0);
  }

  #setWanted(wanted: WantedTable): void {
    this.#wanted = wanted;
    for (const root of this.#roots.values()) {
      const before = root.everyCall;
      this.#judge(root);
      if (!root.everyCall || before) continue;
      // Running tasks must stop once so that they can be resumed to stop at every call.
      for (const task of this.#tasks.values()) if (task.root === root) this.#sys.ptrace(PTRACE.INTERRUPT, task.tid, 0, 0);
    }
  }

  #judge(root: Root): void {
    root.everyCall = !this.#wanted.none && !(root.installed !== undefined && this.#wanted.coveredBy(root.installed));
  }

  #root(facts: Pick<Root, 'id' | 'kind' | 'pid' | 'name' | 'parked'> & { maxOverhead?: number | undefined }): Root {
    const root: Root = {
      maxOverhead: undefined,
      ...facts,
      installed: undefined,
      everyCall: false,
      started: false,
      detaching: false,
      live: 0,
      windowStart: performance.now(),
      spent: 0,
    };
    this.#roots.set(root.id, root);
    return root;
  }

  #newTask(tid: number, tgid: number, root: Root): Task {
    const heard = this.#hears(root, tgid);
    const probe = this.#deps.createTask(tid, tgid);
    const task: Task = { tid, tgid, probe, root, launching: false, heard, exitKey: UNKNOWN_KEY, exitBits: 0, ended: false };
    this.#tasks.set(tid, task);
    root.live++;
    return task;
  }

  #hears(root: Root, tgid: number): boolean {
    return this.#deps.follow || tgid === root.pid;
  }

  #listening(task: Task): boolean {
    return task.heard && this.#armed;
  }

  #startBell(): void {
    const bell = parkDoorbell(this.#sys);
    this.#bell = bell;
    this.#seizeParked(bell, OPTION.EXITKILL);
    this.#sys.ptrace(PTRACE.CONT, bell.pid, 0, 0);
    Atomics.store(this.#control, CONTROL.BELL, bell.pid);
  }

  /** Takes hold of our own parked child and waits until it stands still. */
  #seizeParked(parked: Parked, options: number): void {
    const { pid } = parked;
    const seized = this.#sys.ptrace(PTRACE.SEIZE, pid, 0, options);
    if (seized < 0) throw explainSeize(pid, -seized, 'child');
    this.#sys.ptrace(PTRACE.INTERRUPT, pid, 0, 0);
    for (;;) {
      const got = this.#sys.waitpid(pid, this.#status, WAIT.ALL);
      if (got === -ERRNO.EINTR) continue;
      const status = this.#block.dv.getInt32(0, true);
      if (got < 0 || (status & 0x7f) !== 0x7f)
        throw new BpfError(`the launcher ended before it was released (wait status 0x${status.toString(16)})`);
      // Any stop will do: the interrupt may have been eaten by the exec of the launcher itself. A shell has to come to its own SIGSTOP.
      if (parked.launcher !== 'shell' || parked === this.#bell) return;
      const signal = (status >> 8) & 0xff;
      if (signal === SIGNAL.SIGSTOP) {
        if (status >> 16 !== EVENT.STOP) return;
        this.#sys.kill(pid, SIGNAL.SIGCONT);
        return;
      }
      this.#sys.ptrace(PTRACE.CONT, pid, 0, 0);
    }
  }

  #seizeThreads(root: Root): void {
    const follow = this.#deps.follow ? FOLLOW : OPTION.CLONE;
    const refused = new Set<number>();
    for (;;) {
      let fresh = 0;
      for (const tid of threadsOf(root.pid, root.live > 0 ? 'known' : 'unknown')) {
        if (this.#tasks.has(tid) || refused.has(tid)) continue;
        const seized = this.#sys.ptrace(PTRACE.SEIZE, tid, 0, (OPTIONS & ~FOLLOW) | follow);
        if (seized < 0) {
          if (tid === root.pid) throw explainSeize(root.pid, -seized, 'other');
          // A thread that ended meanwhile, or that was seized with the thread that made it and will show itself.
          refused.add(tid);
          continue;
        }
        fresh++;
        this.#newTask(tid, root.pid, root);
        if (root.everyCall) this.#sys.ptrace(PTRACE.INTERRUPT, tid, 0, 0);
      }
      if (fresh === 0) return;
    }
  }

  #handle(tid: number, status: number): void {
    this.#control[CONTROL.STOPS] = ((this.#control[CONTROL.STOPS] ?? 0) + 1) | 0;
    const task = this.#tasks.get(tid);
    if (task === undefined) this.#stranger(tid, status);
    else if ((status & 0x7f) !== 0x7f) this.#gone(task, status);
    else if (task.root.maxOverhead === undefined) this.#stopped(task, status);
    else this.#account(task, status, task.root.maxOverhead);
  }

  #account(task: Task, status: number, maxOverhead: number): void {
    const { root } = task;
    const before = performance.now();
    this.#stopped(task, status);
    const after = performance.now();
    root.spent += after - before + SWITCH_COST;
    const window = after - root.windowStart;
    if (window < WINDOW) return;
    const percent = (100 * root.spent) / window;
    root.windowStart = after;
    root.spent = 0;
    if (percent <= maxOverhead || root.detaching) return;
    this.#warn(
      'overhead',
      `detached from process ${root.pid}: tracing took ${percent.toFixed(0)} % of its time, more than the ${maxOverhead} % allowed`,
      'attach programs to rarer events, or raise --max-overhead',
    );
    this.detach(root.id);
  }

  /** A stop of a known task. */
  #stopped(task: Task, status: number): void {
    const signal = (status >> 8) & 0xff;
    const event = status >> 16;
    if (event === EVENT.SECCOMP) this.#seccomp(task);
    else if (event === 0 && signal === SYSCALL_STOP) this.#syscall(task);
    else if (event === EVENT.FORK || event === EVENT.VFORK || event === EVENT.CLONE) this.#forked(task, event);
    else if (event === EVENT.EXEC) {
      this.#execed(task);
      return;
    } else if (event === EVENT.EXIT) {
      this.#ending(task, this.#eventMessage(task.tid));
    } else if (event === EVENT.STOP && isStopSignal(signal) && !task.root.detaching) {
      // A group stop: stay stopped for job control, but hear of SIGCONT.
      this.#sys.ptrace(PTRACE.LISTEN, task.tid, 0, 0);
      if (task.tid === task.root.pid && task.root.kind === 'command') this.#deps.emit({ kind: 'stopped', id: task.root.id });
      return;
    }
    this.#resume(task, event === 0 && signal !== SYSCALL_STOP ? this.#deliver(task, signal) : 0);
  }

  /** The signal to inject: the one that stopped the task, except the launcher's own stop. */
  #deliver(task: Task, signal: number): number {
    if (!task.launching || signal !== SIGNAL.SIGSTOP) return signal;
    const report = task.root.parked?.status();
    if (report?.stage === STAGE.seccomp) {
      task.root.installed = undefined;
      this.#judge(task.root);
      this.#warn(
        'seccomp',
        `the kernel refuses a seccomp filter (${errnoName(report.errno)}): every system call stops the command, which is slower`,
        undefined,
      );
    }
    return 0;
  }

  #resume(task: Task, signal: number): void {
    const { root, tid } = task;
    if (root.detaching) {
      this.#letGo(task, signal);
      return;
    }
    // ESRCH: killed meanwhile; its end will be reported.
    this.#sys.ptrace(task.exitBits !== 0 || root.everyCall ? PTRACE.SYSCALL : PTRACE.CONT, tid, 0, signal);
  }

  #letGo(task: Task, signal: number): void {
    this.#sys.ptrace(PTRACE.DETACH, task.tid, 0, signal);
    this.#remove(task);
  }

  #seccomp(task: Task): void {
    // With every call stopping, the entry stop just before this one has done the work.
    if (task.root.everyCall) return;
    let key = this.#eventMessage(task.tid) & 0xffff;
    if (key >= UNKNOWN_KEY) {
      const call = this.#stop.inspect(task.tid);
      if (call?.side !== 'enter') return;
      key = call.key;
    } else this.#stop.aim(task.tid, key, 'enter');
    this.#entered(task, key);
  }

  #syscall(task: Task): void {
    if (!task.root.everyCall) {
      if (task.exitBits === 0) return;
      this.#stop.aim(task.tid, task.exitKey, 'exit');
      this.#left(task);
      return;
    }
    const call = this.#stop.inspect(task.tid);
    if (call === undefined) return;
    if (call.side === 'enter') this.#entered(task, call.key);
    else if (task.exitBits !== 0) {
      this.#stop.setCall(task.exitKey);
      this.#left(task);
    }
  }

  #entered(task: Task, key: number): void {
    const bits = task.launching && !EXEC_KEYS.has(key) ? 0 : this.#wanted.bits(key);
    task.exitKey = key;
    task.exitBits = bits & EXIT;
    if ((bits & ENTER) !== 0 && this.#listening(task)) this.#guard(() => this.#probes.syscallEnter(task.probe, this.#stop));
  }

  #left(task: Task): void {
    task.exitBits = 0;
    if (this.#listening(task)) this.#guard(() => this.#probes.syscallExit(task.probe, this.#stop));
  }

  #forked(task: Task, event: number): void {
    const tid = this.#eventMessage(task.tid);
    if (tid === 0) return;
    const early = this.#earlyDead.delete(tid);
    const held = this.#held.get(tid);
    if (this.#held.delete(tid)) this.#control[CONTROL.HELD] = this.#held.size;
    const thread = event === EVENT.CLONE && (early || existsSync(`/proc/${task.tgid}/task/${tid}`));
    const child = this.#tasks.get(tid) ?? this.#newTask(tid, thread ? task.tgid : tid, task.root);
    child.launching = task.launching;
    if (this.#listening(task)) this.#guard(() => this.#probes.fork(task.probe, child.probe));
    if (early) this.#gone(child, 0);
    else if (held !== undefined) this.#stopped(child, held.status);
  }

  #execed(task: Task): void {
    const former = this.#eventMessage(task.tid);
    const caller = former === task.tid ? undefined : this.#tasks.get(former);
    if (caller !== undefined) {
      // A thread that was not the leader takes over the leader's id; its own id vanishes without an exit.
      task.exitKey = caller.exitKey;
      task.exitBits = caller.exitBits;
      task.launching = caller.launching;
      this.#remove(caller);
    }
    task.ended = false;
    task.probe.invalidate('exec');
    const first = task.launching;
    task.launching = false;
    if (first && !task.root.started) {
      task.root.started = true;
      task.root.parked?.close();
      this.#deps.emit({ kind: 'started', id: task.root.id, pid: task.root.pid });
    }
    this.#warnSetuid(task);
    if (this.#wanted.exec && this.#listening(task)) {
      const path = execPath(this.#sys, task.tid);
      this.#guard(() => this.#probes.exec(task.probe, former === 0 ? task.tid : former, path));
    }
    this.#resume(task, 0);
  }

  #warnSetuid(task: Task): void {
    if (this.#warned.has('setuid') || this.#sys.geteuid() === 0) return;
    try {
      const file = `/proc/${task.tid}/exe`;
      if ((statSync(file).mode & 0o6000) === 0) return;
    } catch {
      return;
    }
    const name = Buffer.from(execPath(this.#sys, task.tid)).toString();
    this.#warn(
      'setuid',
      `${name} runs without its set-user-ID rights: the kernel withholds them from processes traced without root`,
      'trace as root if it must keep them',
    );
  }

  #ending(task: Task, status: number): void {
    if (task.ended) return;
    task.ended = true;
    if (!task.launching && this.#listening(task)) this.#guard(() => this.#probes.exit(task.probe, status));
  }

  /** A task is no more; `status` is its wait status. */
  #gone(task: Task, status: number): void {
    this.#ending(task, status);
    const { root } = task;
    if (task.tid === root.pid) {
      if (root.started) this.#deps.emit({ kind: 'exited', id: root.id, status });
      else {
        const report = root.parked?.status();
        root.parked?.close();
        this.#deps.emit({ kind: 'failed', id: root.id, error: toWire(launchError(report, root.name, status)) });
      }
    }
    // First, so that what the dead task made keeps its command from counting as ended.
    if (this.#held.size > 0) this.#releaseHeld(task);
    this.#remove(task);
  }

  #remove(task: Task): void {
    if (!this.#tasks.delete(task.tid)) return;
    task.probe.close();
    const { root } = task;
    root.live--;
    if (root.live > 0) return;
    this.#roots.delete(root.id);
    if (root.detaching) this.#deps.emit({ kind: 'detached', id: root.id });
    else if (root.started) this.#deps.emit({ kind: 'allExited', id: root.id });
  }

  /** A task not known yet: the doorbell, or a child whose parent's fork event is still to come. */
  #stranger(tid: number, status: number): void {
    const dead = (status & 0x7f) !== 0x7f;
    if (tid === this.#bell?.pid) {
      if (dead) this.#startBell();
      this.#deps.commands();
      if (this.#held.size > 0) this.#releaseHeld();
      if (!dead) this.#sys.ptrace(PTRACE.CONT, tid, 0, 0);
      return;
    }
    if (!dead) {
      this.#held.set(tid, { since: performance.now(), status });
      this.#control[CONTROL.HELD] = this.#held.size;
      return;
    }
    this.#unhold(tid);
    this.#earlyDead.add(tid);
    if (this.#earlyDead.size > EARLY_DEAD_LIMIT) for (const oldest of this.#earlyDead) return void this.#earlyDead.delete(oldest);
  }

  /** A held task whose parent died before its fork event, or that was held too long, is taken as it is. */
  #releaseHeld(dead?: Task): void {
    const now = performance.now();
    for (const [tid, { since, status }] of this.#held) {
      const parent = statusNumber(tid, 'PPid') ?? 0;
      const tgid = statusNumber(tid, 'Tgid') ?? tid;
      const near = this.#tasks.get(tgid) ?? this.#tasks.get(parent);
      if (near !== undefined && near !== dead && now - since < HOLD_LIMIT) continue;
      const root = near?.root ?? dead?.root ?? [...this.#roots.values()].at(-1);
      this.#unhold(tid);
      if (root === undefined) this.#sys.ptrace(PTRACE.DETACH, tid, 0, 0);
      else this.#stopped(this.#newTask(tid, tgid, root), status);
    }
  }

  #unhold(tid: number): void {
    if (this.#held.delete(tid)) this.#control[CONTROL.HELD] = this.#held.size;
  }

  #eventMessage(tid: number): number {
    if (this.#sys.ptrace(PTRACE.GETEVENTMSG, tid, 0, this.#message) < 0) return 0;
    return this.#block.dv.getUint32(8, true);
  }

  /** A fault in the probes must not leave a task stopped. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#warn('probe', `a probe failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, undefined);
    }
  }

  #warn(code: WarningCode, message: string, hint: string | undefined): void {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    this.#deps.emit({ kind: 'warning', code, message, hint });
  }

  #end(): void {
    for (const task of this.#tasks.values())
      if (task.root.kind === 'command' && task.tid === task.tgid) this.#sys.kill(task.tid, SIGNAL.SIGKILL);
    for (const root of [...this.#roots.values()]) this.detach(root.id);
    const deadline = performance.now() + DETACH_LIMIT;
    const attached = (): boolean => [...this.#roots.values()].some((root) => root.detaching);
    while (attached() && performance.now() < deadline) {
      const tid = this.#sys.waitpid(-1, this.#status, WAIT_FLAGS | WAIT.NOHANG);
      if (tid > 0 && tid !== this.#bell?.pid) this.#handle(tid, this.#block.dv.getInt32(0, true));
      else if (tid <= 0) Atomics.wait(this.#control, CONTROL.READING, 0, DETACH_STEP);
    }
    if (this.#bell !== undefined) {
      this.#sys.kill(this.#bell.pid, SIGNAL.SIGKILL);
      this.#bell.close();
    }
  }
}
