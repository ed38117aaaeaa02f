/** The tracing thread from start to end: builds the tracer from what was posted to it and carries out the main thread's commands. */
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { BpfError } from '../../base/index.ts';
import type { Mem } from '../../mem/index.ts';
import { loadSys, quietChildStops, type Sys } from '../../sys/index.ts';
import { CONTROL, type Command, type TraceFilter, type TracerEvent, type WarningCode, type WorkerSetup } from './protocol.ts';
import { toWire } from './refusals.ts';
import { StopReader } from './stop.ts';
import { type OwnedTask, Tracer } from './tracer.ts';
import type { ProbeSet } from './types.ts';

/** What a tracing thread runs programs with. */
export interface TracingEngine {
  readonly mem: Pick<Mem, 'copyIn'>;
  readonly probes: ProbeSet;
  createTask(tid: number, tgid: number): OwnedTask;
}

/** What the engine's side is made from on the tracing thread. */
export interface TracingGround<Shared> {
  readonly shared: Shared;
  readonly sys: Sys;
  readonly filter: TraceFilter;
  warn(code: WarningCode, message: string): void;
}

/** Waits for the setup, then runs the calling worker's tracer until the main thread closes it. `build` makes the engine's side. */
export function runSession<Shared>(build: (ground: TracingGround<Shared>) => TracingEngine): void {
  const port = parentPort;
  if (port === null) throw new BpfError('the ptrace worker must be started as a worker thread');
  // Nothing instead of a setup: not needed after all.
  port.once('message', (setup: WorkerSetup<Shared> | undefined) => (setup === undefined ? port.close() : session(port, setup, build)));
  try {
    loadSys();
  } catch {
    // The session fails for the same reason, and then someone listens.
  }
}

function session<Shared>(port: MessagePort, setup: WorkerSetup<Shared>, build: (ground: TracingGround<Shared>) => TracingEngine): void {
  const emit = (event: TracerEvent): void => port.postMessage(event);
  try {
    const sys = watched(loadSys(), setup.control);
    if (setup.ownProcess) quietChildStops(sys);
    const { mem, probes, createTask } = build({
      shared: setup.shared,
      sys,
      filter: setup.filter,
      warn: (code, message) => emit({ kind: 'warning', code, message, hint: undefined }),
    });
    const tracer = new Tracer({
      sys,
      probes,
      stop: new StopReader(sys, mem),
      control: setup.control,
      follow: setup.follow,
      createTask,
      emit,
      commands: () => drain(port, (command) => carryOut(command, tracer, probes, setup.control)),
    });
    tracer.run();
  } catch (error) {
    emit({ kind: 'failed', id: 0, error: toWire(error) });
  } finally {
    Atomics.store(setup.control, CONTROL.CLOSED, 1);
    Atomics.notify(setup.control, CONTROL.CLOSED);
    port.close();
  }
}

/** A page of a tracee can keep a read waiting for ever (userfaultfd, FUSE): who is being read stands in the control block for the main thread's watchdog. */
function watched(sys: Sys, control: Int32Array): Sys {
  const { readMemory } = sys;
  return {
    ...sys,
    readMemory: (tid, remote, local, size) => {
      control[CONTROL.READS] = ((control[CONTROL.READS] ?? 0) + 1) | 0;
      control[CONTROL.READING] = tid;
      const result = readMemory(tid, remote, local, size);
      control[CONTROL.READING] = 0;
      return result;
    },
  };
}

function drain(port: MessagePort, carry: (command: Command) => void): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: Command } | undefined;
    if (received === undefined) return;
    carry(received.message);
  }
}

function carryOut(command: Command, tracer: Tracer, probes: ProbeSet, control: Int32Array): void {
  switch (command.kind) {
    case 'spawn':
      tracer.spawn(command.id, command.spec);
      return;
    case 'attach':
      tracer.attach(command.id, command.pid, command.maxOverhead);
      return;
    case 'detach':
      tracer.detach(command.id);
      return;
    case 'sweep':
      tracer.sweep();
      return;
    case 'add':
      probes.add(command.link);
      tracer.rewire();
      break;
    case 'remove':
      probes.remove(command.linkId);
      tracer.rewire();
      break;
    case 'disarm':
      tracer.disarm();
      break;
  }
  Atomics.store(control, CONTROL.DONE, command.seq);
  Atomics.notify(control, CONTROL.DONE);
}
