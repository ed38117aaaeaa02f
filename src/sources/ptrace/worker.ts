/** Entry point of the tracing thread: joins the tracer with the engine's programs. Built as dist/ptrace-worker.js. */
import { createRunner, type SharedEngine } from '../../engine/index.ts';
import { CLOCK } from '../../sys/index.ts';
import { createProbeSet } from './probes/index.ts';
import type { TraceFilter } from './protocol.ts';
import { runSession } from './session.ts';
import { ProcTask, TaskEnv } from './task.ts';
import type { TracedTask } from './types.ts';

runSession<SharedEngine>(({ shared, sys, filter, warn }) => {
  const clock = {
    monotonic: () => process.hrtime.bigint(),
    boottime: () => sys.clock(CLOCK.BOOTTIME),
    tai: () => sys.clock(CLOCK.TAI),
  };
  const runner = createRunner(shared, { clock });
  runner.warmUp();
  const env = new TaskEnv(sys, runner.mem, shared.possibleCpus);
  const probes = createProbeSet(runner, {
    ...(isEmpty(filter) ? {} : { filter: (task) => passes(filter, task) }),
    onPathRace: (task, shown, ran) =>
      warn('path', `process ${task.tgid} changed a path while it executed it: programs saw '${text(shown)}', '${text(ran)}' ran`),
  });
  return { mem: runner.mem, probes, createTask: (tid, tgid) => new ProcTask(env, tid, tgid) };
});

function isEmpty(filter: TraceFilter): boolean {
  return filter.pids === undefined && filter.comms === undefined && filter.uids === undefined;
}

function passes({ pids, comms, uids }: TraceFilter, task: TracedTask): boolean {
  if (pids !== undefined && !pids.includes(task.tgid)) return false;
  if (uids !== undefined && !uids.includes(task.uid())) return false;
  return comms === undefined || comms.includes(text(task.comm()));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
