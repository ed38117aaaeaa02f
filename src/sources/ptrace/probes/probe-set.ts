/** The probe set: links in, programs run at the tracer's stops in attach order. Which names exist is targets.ts's business, what contexts hold is contexts.ts's. */
import type { AttachedLink, ProgramRunner, RunContext } from '../../../engine/types.ts';
import { type ArgCondition, type SyscallAbi, selectSyscalls } from '../../../events/index.ts';
import type { ProbeSet, SyscallStop, TracedTask, Wanted, WantedSyscall } from '../types.ts';
import { Contexts, type ContextWriter } from './contexts.ts';
import { CurrentEvent } from './event.ts';
import { type ProcessEvent, resolveTarget, type Trigger } from './targets.ts';

export interface ProbeSetOptions {
  /** Programs run only for tasks that pass; asked once per event, at its stop. */
  readonly filter?: (task: TracedTask) => boolean;
  /** A path shown to a program at execve's entry was replaced in memory before the kernel read it: what was shown, what ran. */
  readonly onPathRace?: (task: TracedTask, shown: Uint8Array, ran: Uint8Array) => void;
}

/** A program to run at a trigger. */
interface Hit {
  readonly linkId: number;
  readonly progId: number;
  /** The context must be written. */
  readonly reads: boolean;
  readonly readsCpu: boolean;
  readonly cookie: bigint;
  readonly funcIp: bigint | undefined;
  readonly writer: ContextWriter;
  readonly when: ArgCondition | undefined;
  readonly showsPath: boolean;
}

interface LinkEntry {
  readonly link: AttachedLink;
  readonly triggers: readonly Trigger[];
  readonly funcIp: bigint | undefined;
}

type Side = 'enter' | 'exit';
/** Hits by number; a number without an entry has only the hits of every call. */
type SideTable = Record<SyscallAbi, Map<number, Hit[]>>;

const NO_BYTES = new Uint8Array(0);
const BLANK_SIZE = 256;
const NO_HITS: readonly Hit[] = [];
/** Calls that change the real ids of the caller: they end what is remembered of it. */
const ID_CALLS = new Set(['setuid', 'setgid', 'setreuid', 'setregid', 'setresuid', 'setresgid'].flatMap((name) => [name, `${name}16`]));
const ID_SYSCALLS = selectSyscalls((row) => row.entry !== undefined && ID_CALLS.has(row.entry));

const newTable = (): SideTable => ({ x86_64: new Map(), i386: new Map(), x32: new Map(), aarch64: new Map() });

/** A probe set whose programs run through `runner`. AttachError from add() for targets that tracing processes cannot produce. */
export function createProbeSet(runner: ProgramRunner, options: ProbeSetOptions = {}): ProbeSet {
  return new PtraceProbes(runner, options);
}

class PtraceProbes implements ProbeSet {
  readonly #runner: ProgramRunner;
  readonly #options: ProbeSetOptions;
  readonly #event: CurrentEvent;
  readonly #contexts: Contexts;
  readonly #links = new Map<number, LinkEntry>();
  /** Given to programs that do not read their context. */
  readonly #blank: number;
  readonly #idCalls: Record<SyscallAbi, Set<number>>;
  #tables: Record<Side, SideTable> = { enter: newTable(), exit: newTable() };
  #every: Record<Side, readonly Hit[]> = { enter: NO_HITS, exit: NO_HITS };
  #process: Record<'exec' | 'fork' | 'end', readonly Hit[]> = { exec: NO_HITS, fork: NO_HITS, end: NO_HITS };
  #wanted: Wanted;
  /** Threads of a process whose end was seen, while others of it live. */
  readonly #ended = new Map<number, Set<number>>();
  /** Path shown at a thread's execve entry. */
  readonly #shown = new Map<number, Uint8Array>();
  readonly #facts: ProcessEvent;
  /** Reused for every run. */
  readonly #run: { -readonly [K in keyof RunContext]: RunContext[K] };
  #lastCpu = 0;

  constructor(runner: ProgramRunner, options: ProbeSetOptions) {
    this.#runner = runner;
    this.#options = options;
    this.#event = new CurrentEvent(runner);
    this.#contexts = new Contexts(this.#event);
    this.#blank = runner.alloc(BLANK_SIZE);
    this.#idCalls = { x86_64: new Set(), i386: new Set(), x32: new Set(), aarch64: new Set() };
    for (const { abi, row } of ID_SYSCALLS) this.#idCalls[abi].add(row.nr);
    const event = this.#event;
    this.#facts = {
      path: NO_BYTES,
      pid: 0,
      oldPid: 0,
      parentComm: NO_BYTES,
      childComm: NO_BYTES,
      childPid: 0,
      code: 0,
      comm: () => event.task.comm(),
      prio: () => event.task.prio(),
      groupDead: () => this.#isGroupDead(event.task),
    };
    this.#run = { ctx: 0, ctxSize: 0, task: NOBODY, cpu: 0, cookie: 0n };
    this.#wanted = this.#rebuild();
  }

  add(link: AttachedLink): void {
    const { triggers, funcIp } = resolveTarget(link.target, this.#contexts, this.#facts);
    this.#links.set(link.id, { link, triggers, funcIp });
    this.#wanted = this.#rebuild();
  }

  remove(linkId: number): void {
    if (this.#links.delete(linkId)) this.#wanted = this.#rebuild();
  }

  wanted(): Wanted {
    return this.#wanted;
  }

  syscallEnter(task: TracedTask, stop: SyscallStop): void {
    const hits = this.#tables.enter[stop.abi].get(stop.nr) ?? this.#every.enter;
    if (hits.length > 0 && this.#begin(task, stop)) this.#runAll(hits, task);
    // Nothing asks about the task again before the call is over: its exit need not stop it.
    if (this.#idCalls[stop.abi].has(stop.nr)) task.invalidate('creds');
  }

  syscallExit(task: TracedTask, stop: SyscallStop): void {
    const hits = this.#tables.exit[stop.abi].get(stop.nr) ?? this.#every.exit;
    if (hits.length > 0 && this.#begin(task, stop)) this.#runAll(hits, task);
  }

  exec(task: TracedTask, oldTid: number, path: Uint8Array): void {
    task.invalidate('exec');
    const shown = this.#shown.get(oldTid);
    if (shown !== undefined) {
      this.#shown.delete(oldTid);
      if (path.length > 0 && !sameBytes(shown, path)) this.#options.onPathRace?.(task, shown, path);
    }
    // The other threads of the process are gone, and the leader's number is the caller's now.
    this.#ended.delete(task.tgid);
    const hits = this.#process.exec;
    if (hits.length === 0 || !this.#begin(task)) return;
    this.#facts.path = path;
    this.#facts.pid = task.tid;
    this.#facts.oldPid = oldTid;
    this.#runAll(hits, task);
  }

  fork(parent: TracedTask, child: TracedTask): void {
    const hits = this.#process.fork;
    if (hits.length === 0 || !this.#begin(parent)) return;
    this.#facts.pid = parent.tid;
    this.#facts.parentComm = parent.comm();
    this.#facts.childPid = child.tid;
    // A new task bears its parent's name; the child itself may have run on already.
    this.#facts.childComm = this.#facts.parentComm;
    this.#runAll(hits, parent);
  }

  exit(task: TracedTask, code: number): void {
    this.#shown.delete(task.tid);
    const hits = this.#process.end;
    if (hits.length === 0) return;
    this.#noteEnd(task);
    if (!this.#begin(task)) return;
    this.#facts.pid = task.tid;
    this.#facts.code = code;
    this.#runAll(hits, task);
  }

  #begin(task: TracedTask, stop?: SyscallStop): boolean {
    // Another thread may have renamed this one at any time: a name is believed for one stop.
    task.invalidate('comm');
    if (this.#options.filter !== undefined && !this.#options.filter(task)) return false;
    this.#event.begin(task, stop);
    return true;
  }

  #runAll(hits: readonly Hit[], task: TracedTask): void {
    const run = this.#run;
    run.task = task;
    let cpuKnown = false;
    for (const hit of hits) {
      if (hit.when !== undefined && !this.#contexts.matches(hit.when)) continue;
      let ctx: number | undefined = this.#blank;
      if (hit.reads) {
        ctx = hit.writer.write();
        if (ctx === undefined) continue;
        if (hit.showsPath) this.#notePath(task);
      }
      // Asking costs a read of the tracee's memory; where it cannot matter, any CPU number locks as well.
      if (hit.readsCpu && !cpuKnown) {
        this.#lastCpu = task.cpu();
        cpuKnown = true;
      }
      run.cpu = this.#lastCpu;
      run.ctx = ctx;
      run.ctxSize = hit.reads ? hit.writer.size : BLANK_SIZE;
      run.cookie = hit.cookie;
      if (hit.funcIp === undefined) delete run.funcIp;
      else run.funcIp = hit.funcIp;
      this.#runner.run(hit.progId, run);
    }
  }

  #notePath(task: TracedTask): void {
    const path = this.#options.onPathRace === undefined ? undefined : this.#contexts.objects.firstPath;
    if (path !== undefined) this.#shown.set(task.tid, path);
  }

  #noteEnd(task: TracedTask): void {
    let ended = this.#ended.get(task.tgid);
    if (ended === undefined) {
      ended = new Set();
      this.#ended.set(task.tgid, ended);
    }
    ended.add(task.tid);
    if (this.#isGroupDead(task)) this.#ended.delete(task.tgid);
  }

  #isGroupDead(task: TracedTask): boolean {
    const ended = this.#ended.get(task.tgid);
    // Forgotten when the last one ended.
    return ended === undefined || task.threads().every((tid) => ended.has(tid));
  }

  #rebuild(): Wanted {
    const every: Record<Side, Hit[]> = { enter: [], exit: [] };
    const process: Record<'exec' | 'fork' | 'end', Hit[]> = { exec: [], fork: [], end: [] };
    const tables: Record<Side, SideTable> = { enter: newTable(), exit: newTable() };
    // Map keeps insertion order: hits of a call and hits of every call stay in attach order when each is appended to all lists it belongs to.
    for (const entry of this.#links.values()) {
      for (const trigger of entry.triggers) {
        const hit = this.#hit(entry, trigger);
        if (trigger.on !== 'enter' && trigger.on !== 'exit') {
          process[trigger.on].push(hit);
          continue;
        }
        const side = trigger.on;
        if (trigger.abi === undefined || trigger.nr === undefined) {
          every[side].push(hit);
          for (const numbers of Object.values(tables[side])) for (const hits of numbers.values()) hits.push(hit);
          continue;
        }
        const numbers = tables[side][trigger.abi];
        const hits = numbers.get(trigger.nr);
        if (hits === undefined) numbers.set(trigger.nr, [...every[side], hit]);
        else hits.push(hit);
      }
    }
    this.#tables = tables;
    this.#every = every;
    this.#process = process;
    return this.#computeWanted();
  }

  #hit(entry: LinkEntry, trigger: Trigger): Hit {
    const { link, funcIp } = entry;
    const syscall = trigger.on === 'enter' || trigger.on === 'exit';
    return {
      linkId: link.id,
      progId: link.progId,
      reads: trigger.writer.decides === true || this.#runner.readsCtx(link.progId),
      readsCpu: this.#runner.readsCpu?.(link.progId) ?? true,
      cookie: link.cookie,
      funcIp,
      writer: trigger.writer,
      when: syscall ? trigger.when : undefined,
      showsPath: syscall && trigger.showsPath === true,
    };
  }

  #computeWanted(): Wanted {
    const wanted = new Map<string, { abi: SyscallAbi; nr: number; enter: boolean; exit: boolean }>();
    const want = (abi: SyscallAbi, nr: number, side: Side): void => {
      const key = `${abi}/${nr}`;
      let row = wanted.get(key);
      if (row === undefined) {
        row = { abi, nr, enter: false, exit: false };
        wanted.set(key, row);
      }
      row[side] = true;
    };
    for (const side of ['enter', 'exit'] as const) {
      for (const abi of Object.keys(this.#tables[side]) as SyscallAbi[]) {
        for (const nr of this.#tables[side][abi].keys()) want(abi, nr, side);
      }
    }
    if (this.#links.size > 0) for (const { abi, row } of ID_SYSCALLS) want(abi, row.nr, 'enter');
    const all = this.#every.enter.length > 0 || this.#every.exit.length > 0;
    const syscalls: readonly WantedSyscall[] = [...wanted.values()];
    return {
      syscalls: all ? undefined : syscalls,
      allEnter: all && (this.#every.enter.length > 0 || syscalls.some((row) => row.enter)),
      allExit: all && syscalls.some((row) => row.exit),
      exec: this.#process.exec.length > 0 || this.#options.onPathRace !== undefined,
    };
  }
}

/** The task of a run that has none yet. */
const NOBODY: RunContext['task'] = {
  tid: 0,
  tgid: 0,
  uid: () => 0,
  gid: () => 0,
  comm: () => NO_BYTES,
  readUser: () => -14,
  startTime: () => 0n,
};

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
