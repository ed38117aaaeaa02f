/** Life and death: who ends with whom, what is waited for, what is left running, and that nothing is ever left stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { DriverJob } from './driver.ts';
import { driverFile, has, procStatus, runTraced, scratchFolder, tracing, until, untraceable, workerFile } from './support.ts';

const started: ChildProcess[] = [];
const targets: number[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of targets.splice(0)) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
});

interface Target {
  readonly pid: number;
  /** Writes to its standard input. */
  say(text: string): void;
  output(): string;
}

/** A process that is not traced, and no child of this one: Node would take its stops away from the tracer. */
async function start(...command: readonly string[]): Promise<Target> {
  const child = spawn('sh', ['-c', 'exec 3<&0; "$@" <&3 & echo $!; wait', 'sh', ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await until(() => text.includes('\n'), `the start of ${command[0]}`);
  const pid = Number(text.slice(0, text.indexOf('\n')));
  targets.push(pid);
  return { pid, say: (line) => child.stdin.write(line), output: () => text };
}

interface Driver {
  readonly child: ChildProcess;
  /** The traced process. */
  readonly pid: number;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  text(): string;
}

async function drive(job: Omit<DriverJob, 'worker'>): Promise<Driver> {
  const child = spawn(process.execPath, [await driverFile(), JSON.stringify({ ...job, worker: await workerFile() })], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.push(child);
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on('exit', (code, signal) => resolve({ code, signal })),
  );
  await until(() => /^(ready|error)/m.test(text), 'the driver');
  return { child, pid: Number(/ready (\d+)/.exec(text)?.[1]), ended, text: () => text };
}

const alive = (pid: number): boolean => !['Z', 'X', undefined].includes(procStatus(pid, 'State')?.[0]);
const running = (pid: number): boolean => ['R', 'S', 'D'].includes(procStatus(pid, 'State')?.[0] ?? '');

describe.skipIf(untraceable !== undefined)('life and death', () => {
  test('orphans are waited for', async () => {
    await using t = await tracing();
    t.count('kprobe/do_execve');
    const command = await t.source.spawn(['sh', '-c', '(sleep 0.4; exit 3) & exit 2']);
    expect((await command.exit).code).toBe(2);
    const before = Date.now();
    await command.allExited;
    await t.source.ended;
    expect(Date.now() - before).toBeGreaterThan(100);
  });

  test('a command that does not exist, one that may not be executed', async () => {
    await using t = await tracing();
    const folder = scratchFolder();
    const plain = join(folder, 'plain');
    chmodSync(folder, 0o755);
    await expect(t.source.spawn(['no-such-command'])).rejects.toMatchObject({
      name: 'CommandError',
      reason: 'not-found',
      syscall: 'execve',
      code: 'ENOENT',
    });
    await expect(t.source.spawn(['./no/such/command'])).rejects.toMatchObject({ reason: 'not-found' });
    await expect(t.source.spawn(['/etc/passwd'])).rejects.toMatchObject({ reason: 'cannot-execute', code: 'EACCES' });
    await expect(t.source.spawn([plain])).rejects.toMatchObject({ reason: 'not-found' });
    await expect(t.source.spawn(['true'], { cwd: '/no/such/folder' })).rejects.toMatchObject({ syscall: 'chdir' });
    expect((await (await t.source.spawn(['true'])).exit).code).toBe(0);
  });

  test.each(['exit', 'throw'] as const)('when the tracer ends by %s its command ends', async (then) => {
    const d = await drive({ probes: ['do_execve'], command: ['sleep', '60'], then });
    expect((await d.ended).code).toBe(then === 'exit' ? 7 : 1);
    await until(() => !alive(d.pid), 'the end of the command');
  });

  test('kill -9 of the tracer ends its commands, children included', async () => {
    const d = await drive({ probes: ['do_execve'], command: ['sh', '-c', 'sleep 60 & sleep 61'] });
    const children = (): number[] =>
      readFileSync(`/proc/${d.pid}/task/${d.pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
    await until(() => children().length === 2, 'the sleeps');
    const all = [d.pid, ...children()];
    d.child.kill('SIGKILL');
    await until(() => all.every((pid) => !alive(pid)), 'the end of the commands');
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('%s of the tracer leaves attached processes running', async (signal) => {
    const target = await start('sh', '-c', 'while :; do :; done');
    const d = await drive({ probes: ['sys_write'], attach: target.pid });
    await until(() => procStatus(target.pid, 'TracerPid') !== '0', 'the tracer');
    d.child.kill(signal);
    await d.ended;
    await until(() => procStatus(target.pid, 'TracerPid') === '0', 'being let go');
    await until(() => running(target.pid), 'running on');
  });

  test('attach to a process with threads, hear it, let it go', async () => {
    const script =
      'import threading,os,time\ndef w():\n  while True: os.getppid(); time.sleep(0.002)\nfor _ in range(8): threading.Thread(target=w,daemon=True).start()\nprint("up",flush=True)\ninput()\nprint("bye",flush=True)';
    if (!has('python3')) return;
    const target = await start('python3', '-c', script);
    await until(() => target.output().includes('up'), 'python');
    await using t = await tracing();
    const calls = t.count('kprobe/sys_getppid');
    const attached = await t.source.attachProcess(target.pid);
    expect(attached.threads).toBe(9);
    await until(() => calls() > 100, 'calls of the threads');
    await attached.detach();
    expect(procStatus(target.pid, 'TracerPid')).toBe('0');
    const before = calls();
    expect(running(target.pid)).toBe(true);
    target.say('\n');
    await until(() => target.output().includes('bye'), 'the end');
    expect(calls()).toBe(before);
  });

  test('a stopped process is attached and let go without being woken', async () => {
    const target = await start('sleep', '60');
    process.kill(target.pid, 'SIGSTOP');
    await until(() => procStatus(target.pid, 'State')?.[0] === 'T', 'the stop');
    await using t = await tracing();
    t.count('kprobe/sys_write');
    const attached = await t.source.attachProcess(target.pid);
    await attached.detach();
    expect(procStatus(target.pid, 'TracerPid')).toBe('0');
    await until(() => procStatus(target.pid, 'State')?.[0] === 'T', 'being stopped again');
    process.kill(target.pid, 'SIGCONT');
    await until(() => running(target.pid), 'going on');
  });

  test('attach refusals are named', async () => {
    await using t = await tracing();
    await expect(t.source.attachProcess(2 ** 22 - 7)).rejects.toThrow('does not exist');
    await expect(t.source.attachProcess(process.pid)).rejects.toThrow('itself');
    const thread =
      readdirSync('/proc/self/task')
        .map(Number)
        .find((tid) => tid !== process.pid) ?? 0;
    await expect(t.source.attachProcess(thread)).rejects.toThrow(`${thread} is a thread of process ${process.pid}`);
    const own = spawn('sleep', ['60']);
    started.push(own);
    await expect(t.source.attachProcess(own.pid ?? 0)).rejects.toThrow('is a child of this process');
    const target = await start('sleep', '60');
    await using other = await tracing();
    const attached = await other.source.attachProcess(target.pid);
    await expect(t.source.attachProcess(target.pid)).rejects.toThrow(`already traced by process ${process.pid}`);
    await attached.detach();
    await (await t.source.attachProcess(target.pid)).detach();
  });

  test('SIGSTOP and SIGCONT from outside stop and continue the command', async () => {
    await using t = await tracing();
    t.count('kprobe/sys_write');
    const command = await t.source.spawn(['sleep', '60']);
    command.kill('SIGSTOP');
    // A group stop under a tracer shows as a tracing stop that it listens in.
    await until(() => 'Tt'.includes(procStatus(command.pid, 'State')?.[0] ?? ' '), 'the stop');
    command.kill('SIGCONT');
    await until(() => running(command.pid), 'going on');
    command.kill('SIGTERM');
    expect(await command.exit).toEqual({ code: 143, signal: 15, core: false });
  });

  test('programs attached while the command runs hear it, also beyond its filter; detached and disarmed ones do not', async () => {
    await using t = await tracing();
    const execs = t.count('kprobe/do_execve');
    const command = await t.source.spawn(['sh', '-c', 'while :; do /bin/true; done']);
    await until(() => execs() > 3, 'execs');
    const closes = t.count('kprobe/sys_close');
    await until(() => closes() > 3, 'calls that the filter lets pass');
    await t.source.disarm();
    const [a, b] = [execs(), closes()];
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([execs(), closes()]).toEqual([a, b]);
    await until(() => running(command.pid), 'going on');
    command.kill('SIGKILL');
    expect((await command.exit).signal).toBe(9);
  });

  test('without follow only the process itself is heard', async () => {
    await using t = await tracing({ follow: false });
    const execs = t.count('kprobe/do_execve');
    const traced = await runTraced(t, ['sh', '-c', '/bin/true; /bin/true; echo done']);
    expect(traced.stdout).toBe('done\n');
    expect(execs()).toBe(1);
  });

  test('too much overhead lets an attached process go, with a message', async () => {
    const target = await start('dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1');
    await using t = await tracing({ maxOverhead: 5 });
    t.count('kprobe/sys_write');
    const attached = await t.source.attachProcess(target.pid);
    await attached.ended;
    expect(t.warnings.join()).toMatch(/detached from process \d+: tracing took \d+ % of its time, more than the 5 % allowed/);
    expect(running(target.pid)).toBe(true);
  });

  test('close kills what was started and leaves no child behind', async () => {
    const t = await tracing();
    t.count('kprobe/sys_write');
    const command = await t.source.spawn(['sleep', '60']);
    await t[Symbol.asyncDispose]();
    await until(() => !alive(command.pid), 'the end of the command');
    expect(existsSync(`/proc/${command.pid}/exe`)).toBe(false);
  });
});
