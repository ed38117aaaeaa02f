/** The loop against a scripted kernel: the orders of events that real processes produce only now and then. */
import { beforeEach, expect, test } from 'vitest';
import { fakeSys } from '../../sys/fake.ts';
import { EVENT, PTRACE, SIGNAL } from '../../sys/index.ts';
import { CONTROL, type TracerEvent } from './protocol.ts';
import { SpinWait } from './spin-wait.ts';
import { StopReader } from './stop.ts';
import { Tracer } from './tracer.ts';
import type { ProbeSet } from './types.ts';
import { callKey } from './wanted.ts';

/** The doorbell is the first process that the fake spawns, the command the second. */
const COMMAND = 1001;
const WRITE = callKey('x86_64', 1);
const stop = (event: number, signal: number = SIGNAL.SIGTRAP): number => (event << 16) | (signal << 8) | 0x7f;
const SYSCALL = stop(0, SIGNAL.SIGTRAP | 0x80);
const exited = (code: number): number => code << 8;

let log: string[] = [];
let events: TracerEvent[] = [];
beforeEach(() => {
  log = [];
  events = [];
});

function trace(waits: (readonly [number, number])[], messages: ReadonlyMap<number, number[]>): ReturnType<typeof fakeSys> {
  const control = new Int32Array(new SharedArrayBuffer(CONTROL.WORDS * 4));
  const sys = fakeSys({
    waits: [...waits],
    messages,
    idle: () => {
      control[CONTROL.CLOSING] = 1;
    },
  });
  const probes: ProbeSet = {
    add: () => undefined,
    remove: () => undefined,
    wanted: () => ({ syscalls: [{ abi: 'x86_64', nr: 1, enter: true, exit: true }], allEnter: false, allExit: false, exec: true }),
    syscallEnter: (task, s) => log.push(`enter ${task.tid} ${s.nr}`),
    syscallExit: (task, s) => log.push(`exit ${task.tid} ${s.nr}`),
    exec: (task, old) => log.push(`exec ${task.tid} by ${old}`),
    fork: (parent, child) => log.push(`fork ${parent.tid} ${child.tid}`),
    exit: (task, code) => log.push(`end ${task.tid} ${code}`),
  };
  const tracer = new Tracer({
    sys,
    probes,
    stop: new StopReader(sys, { copyIn: () => undefined }),
    control,
    follow: true,
    createTask: (tid, tgid) => ({
      tid,
      tgid,
      uid: () => 0,
      gid: () => 0,
      comm: () => new Uint8Array(),
      readUser: () => 0,
      startTime: () => 0n,
      cpu: () => 0,
      prio: () => 120,
      threads: () => [],
      invalidate: () => undefined,
      close: () => undefined,
    }),
    emit: (event) => {
      events.push(event);
      if (event.kind !== 'ready') return;
      tracer.spawn(1, {
        argv: ['/bin/true'],
        env: {},
        path: '/bin',
        cwd: undefined,
        user: undefined,
        stdio: [],
        makeBlocking: false,
        inherit: [],
        files: undefined,
        launcher: 'file',
        stops: 'auto',
      });
    },
    commands: () => undefined,
  });
  tracer.run();
  return sys;
}

const EXEC: readonly [number, number] = [COMMAND, stop(EVENT.EXEC)];

test('before its own exec the launcher is not heard; then entry and exit are', () => {
  const sys = trace(
    [[COMMAND, stop(EVENT.SECCOMP)], EXEC, [COMMAND, stop(EVENT.SECCOMP)], [COMMAND, SYSCALL], [COMMAND, exited(3)]],
    new Map([[COMMAND, [WRITE, COMMAND, WRITE]]]),
  );
  expect(log).toEqual([`exec ${COMMAND} by ${COMMAND}`, `enter ${COMMAND} 1`, `exit ${COMMAND} 1`, `end ${COMMAND} 768`]);
  expect(events.map((e) => e.kind)).toEqual(['ready', 'started', 'exited', 'allExited']);
  const resumed = sys.requests
    .filter((r) => r.tid === COMMAND && (r.request === PTRACE.CONT || r.request === PTRACE.SYSCALL))
    .map((r) => r.request);
  expect(resumed).toEqual([PTRACE.CONT, PTRACE.CONT, PTRACE.CONT, PTRACE.SYSCALL, PTRACE.CONT]);
});

test("a child's first stop before its parent's fork event: the child waits, and is heard after the fork", () => {
  const child = 2000;
  const sys = trace(
    [EXEC, [child, stop(EVENT.STOP)], [COMMAND, stop(EVENT.FORK)], [child, stop(EVENT.SECCOMP)], [child, exited(0)], [COMMAND, exited(0)]],
    new Map([
      [COMMAND, [COMMAND, child]],
      [child, [WRITE]],
    ]),
  );
  expect(log.slice(1, 4)).toEqual([`fork ${COMMAND} ${child}`, `enter ${child} 1`, `end ${child} 0`]);
  expect(sys.requests.filter((r) => r.tid === child && r.request === PTRACE.CONT)).toHaveLength(1);
  expect(events.at(-1)).toEqual({ kind: 'allExited', id: 1 });
});

test("a child that dies before its parent's fork event is forked and ended, and not waited for", () => {
  const child = 2000;
  trace([EXEC, [child, exited(1)], [COMMAND, stop(EVENT.FORK)], [COMMAND, exited(0)]], new Map([[COMMAND, [COMMAND, child]]]));
  expect(log.slice(1)).toEqual([`fork ${COMMAND} ${child}`, `end ${child} 0`, `end ${COMMAND} 0`]);
  expect(events.at(-1)).toEqual({ kind: 'allExited', id: 1 });
});

test('a held child whose parent died is taken as it is', () => {
  const child = 2 ** 22 + 5;
  trace([EXEC, [child, stop(EVENT.STOP)], [COMMAND, exited(0)], [child, exited(0)]], new Map([[COMMAND, [COMMAND]]]));
  expect(log.slice(1)).toEqual([`end ${COMMAND} 0`, `end ${child} 0`]);
  expect(events.map((e) => e.kind)).toEqual(['ready', 'started', 'exited', 'allExited']);
});

test('exec from a thread: the leader takes over the call in progress, the old id vanishes', () => {
  const thread = 2001;
  trace(
    [EXEC, [COMMAND, stop(EVENT.CLONE)], [thread, stop(EVENT.STOP)], [COMMAND, stop(EVENT.EXEC)], [COMMAND, exited(0)]],
    new Map([[COMMAND, [COMMAND, thread, thread]]]),
  );
  expect(log.slice(1)).toEqual([`fork ${COMMAND} ${thread}`, `exec ${COMMAND} by ${thread}`, `end ${COMMAND} 0`]);
  expect(events.at(-1)).toEqual({ kind: 'allExited', id: 1 });
});

test('group stops are listened to, signals are injected unchanged', () => {
  const sys = trace(
    [
      EXEC,
      [COMMAND, stop(0, SIGNAL.SIGTSTP)],
      [COMMAND, stop(EVENT.STOP, SIGNAL.SIGTSTP)],
      [COMMAND, stop(EVENT.STOP)],
      [COMMAND, stop(0, SIGNAL.SIGTERM)],
      [COMMAND, SIGNAL.SIGTERM],
    ],
    new Map([[COMMAND, [COMMAND]]]),
  );
  const after = sys.requests.filter((r) => r.tid === COMMAND).slice(-4);
  expect(after.map((r) => [r.request, r.data])).toEqual([
    [PTRACE.CONT, SIGNAL.SIGTSTP],
    [PTRACE.LISTEN, 0],
    [PTRACE.CONT, 0],
    [PTRACE.CONT, SIGNAL.SIGTERM],
  ]);
  expect(events).toContainEqual({ kind: 'exited', id: 1, status: SIGNAL.SIGTERM });
});

test('waiting looks first where there is another CPU, and hardly at all once that was in vain', () => {
  const one = fakeSys({ waits: [], cpus: 1 });
  new SpinWait(one).next(0, 0);
  expect(one.waited).toEqual({ blocking: 1, looking: 0 });
  const two = fakeSys({ waits: [] });
  const spin = new SpinWait(two);
  for (let i = 0; i < 10; i++) spin.next(0, 0);
  const before = two.waited.looking;
  spin.next(0, 0);
  expect(two.waited.looking - before).toBeLessThan(10);
});
