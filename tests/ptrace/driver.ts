/** A program of its own that traces a command: what tests kill, run as other users, or let end in its own ways. Arguments: JSON of DriverJob. */
import { pathToFileURL } from 'node:url';
import { Engine } from '../../src/engine/index.ts';
import { PtraceSource, type SpawnOptions } from '../../src/sources/ptrace/index.ts';

export interface DriverJob {
  readonly worker: string;
  readonly probes: readonly string[];
  readonly command?: readonly string[];
  readonly options?: SpawnOptions;
  readonly attach?: number;
  /** What to do once the command runs: wait for its end (default), exit with code 7, or throw. */
  readonly then?: 'wait' | 'exit' | 'throw';
}

const job = JSON.parse(process.argv[2] ?? '{}') as DriverJob;
const engine = new Engine();
const source = await PtraceSource.create(engine, {
  worker: pathToFileURL(job.worker),
  onWarning: (text) => process.stderr.write(`warning: ${text}\n`),
});
engine.addSource(source);
const insns = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
const { fd } = engine.progLoad({ type: 2, insns, license: 'GPL' });
for (const func of job.probes) engine.linkCreate({ progFd: fd, target: { kind: 'kprobe', func, ret: false } });
try {
  if (job.attach !== undefined) await source.attachProcess(job.attach);
  const command = job.command === undefined ? undefined : await source.spawn(job.command, job.options);
  process.stderr.write(`ready ${command?.pid ?? job.attach}\n`);
  if (job.then === 'exit') process.exit(7);
  if (job.then === 'throw') throw new Error('thrown on purpose');
  const status = await command?.exit;
  await command?.allExited;
  if (command === undefined) await source.ended;
  await source.close();
  process.stderr.write(`status ${JSON.stringify({ ...status, runs: engine.progInfo(fd).runCount })}\n`);
} catch (error) {
  if (job.then === 'throw') throw error;
  const { name, message, hint } = error as { name: string; message: string; hint?: string };
  process.stderr.write(`error ${JSON.stringify({ name, message, hint })}\n`);
  await source.close();
}
