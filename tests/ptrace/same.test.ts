/** Traced and untraced, commands behave the same: output, exit code, signals; with a filter, with every call stopped, and from each launcher. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, has, runTraced, runUntraced, scratchFolder, tracing, untraceable } from './support.ts';

const folder = untraceable === undefined ? scratchFolder() : '';
const gcc = has('gcc');

const MAKEFILE = `all: ${Array.from({ length: 12 }, (_, i) => `t${i}`).join(' ')}\nt%:\n\t@sh -c 'echo made $@ | cat; exit 0' > /dev/null; echo $@\nfail: ; @exit 3\n`;

const THREADS = `
import threading, subprocess
out = []
lock = threading.Lock()
def work(i):
    r = subprocess.run(['sh', '-c', 'exit %d' % (i % 7)])
    with lock: out.append((i, r.returncode))
ts = [threading.Thread(target=work, args=(i,)) for i in range(24)]
[t.start() for t in ts]; [t.join() for t in ts]
print(sorted(out))`;

const VFORKS = `
import os
n = 0
for i in range(300):
    p = os.posix_spawn('/bin/true', ['true'], {})
    n += os.waitpid(p, 0)[1] == 0
print(n)`;

const FORKS = `
import os
kids = []
for i in range(200):
    p = os.fork()
    if p == 0:
        os.execv('/bin/sh', ['sh', '-c', 'exit %d' % (i % 100)])
    kids.append(p)
print(sum(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in kids))`;

const JOBS = `
set -m
sleep 30 & p=$!
kill -STOP $p; wait $p; echo stopped $?
jobs | sed 's/ *sleep.*//'
kill -CONT $p; sleep 0.5; kill -TERM $p; wait $p; echo ended $?
sh -c 'kill -STOP $$; exit 5' & q=$!
wait $q; echo stopped $?; kill -CONT $q; sleep 0.5; wait $q; echo ended $?
`;

const EXEC_FROM_THREAD = `
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *other(void *p) { for (;;) pause(); }
static void *run(void *p) { usleep(20000); execl("/bin/sh", "sh", "-c", "echo from thread; exit 9", (char *)0); return 0; }
int main(void) { pthread_t t; for (int i = 0; i < 4; i++) pthread_create(&t, 0, other, 0); pthread_create(&t, 0, run, 0); for (;;) pause(); }`;

interface Row {
  readonly name: string;
  readonly argv: readonly string[];
  readonly needs?: string;
}

const rows: Row[] = [
  { name: 'sh with pipes and an exit code', argv: ['sh', '-c', 'echo a | tr a b; ls /nonexistent; exit 42'] },
  { name: 'killed by SIGKILL', argv: ['sh', '-c', 'kill -KILL $$'] },
  { name: 'killed by SIGTERM', argv: ['sh', '-c', 'kill -TERM $$; echo no'] },
  { name: 'traps signals', argv: ['sh', '-c', 'trap "echo got; exit 4" USR1; kill -USR1 $$; echo no'] },
  { name: 'SIGPIPE is not ignored', argv: ['bash', '-c', 'yes | head -1; declare -p PIPESTATUS'], needs: 'bash' },
  { name: 'no blocked or ignored signals', argv: ['sh', '-c', "grep -E '^Sig(Blk|Ign)' /proc/self/status"] },
  { name: 'open files', argv: ['sh', '-c', 'ls /proc/self/fd | wc -l'] },
  { name: 'bash job control', argv: ['bash', '-c', JOBS], needs: 'bash' },
  { name: 'make -j with recipes', argv: ['make', '-s', '-j4', '-O', '-f', join(folder, 'Makefile'), 'all'], needs: 'make' },
  { name: 'make with a failing recipe', argv: ['make', '-f', join(folder, 'Makefile'), 'fail'], needs: 'make' },
  { name: 'threads that start processes', argv: ['python3', '-c', THREADS], needs: 'python3' },
  { name: 'a storm of vforks', argv: ['python3', '-c', VFORKS], needs: 'python3' },
  { name: '200 forks at once', argv: ['python3', '-c', FORKS], needs: 'python3' },
  { name: 'node', argv: [process.execPath, '-e', 'console.log(require("child_process").execSync("echo x").toString()); process.exit(6)'] },
  { name: 'a script without #!', argv: [join(folder, 'script'), 'a', 'b'] },
];
if (gcc) rows.push({ name: 'exec from a thread', argv: [join(folder, 'execthread')] });

if (untraceable === undefined) {
  writeFileSync(join(folder, 'Makefile'), MAKEFILE);
  writeFileSync(join(folder, 'script'), 'echo script "$@"\n', { mode: 0o755 });
  if (gcc) compile(folder, 'execthread', EXEC_FROM_THREAD, ['-pthread']);
}

const sortLines = (text: string): string => text.split('\n').sort().join('\n');

/** Without what two untraced runs do not agree on either: the order of parallel lines, and which ended job bash still calls the current one. */
function comparable<T extends { readonly stdout: string; readonly stderr: string }>(run: T): T {
  return { ...run, stdout: sortLines(run.stdout), stderr: run.stderr.replace(/^\[1\][+-]/gm, '[1] ') };
}

describe.skipIf(untraceable !== undefined)('traced like untraced', () => {
  for (const stops of ['auto', 'every'] as const) {
    for (const row of rows) {
      test.skipIf(row.needs !== undefined && !has(row.needs))(`${row.name}, stops: ${stops}`, async () => {
        const plain = row.name.startsWith('a script without')
          ? { stdout: 'script a b\n', stderr: '', status: { code: 0, signal: undefined, core: false } }
          : await runUntraced(row.argv);
        await using t = await tracing();
        const execs = t.count('kprobe/do_execve');
        t.count('kretprobe/sys_write');
        t.count('tracepoint/sched/sched_process_exec');
        const traced = await runTraced(t, row.argv, { stops });
        expect(comparable(traced)).toEqual(comparable(plain));
        expect(execs()).toBeGreaterThan(0);
      });
    }
  }

  for (const launcher of ['memfd', 'file', 'shell'] as const) {
    test(`launcher ${launcher}`, async () => {
      await using t = await tracing();
      const writes = t.count('kprobe/sys_write');
      const execs = t.count('tracepoint/sched/sched_process_exec');
      const traced = await runTraced(t, ['sh', '-c', 'echo "$0 $1"; /bin/echo two; exit 8', 'x', 'y z'], { launcher });
      expect(traced).toEqual({ stdout: 'x y z\ntwo\n', stderr: '', status: { code: 8, signal: undefined, core: false } });
      expect(execs()).toBe(2);
      expect(writes()).toBe(2);
    });
  }

  test.skipIf(!gcc)('a crash keeps its signal and its core status', async () => {
    const crash = compile(folder, 'crash', 'int main(void) { return *(volatile int *)0; }');
    const shell = spawnSync('bash', ['-c', `ulimit -c unlimited; cd ${folder}; ${crash}; exit $?`]);
    await using t = await tracing();
    t.count('kprobe/sys_write');
    const traced = await runTraced(t, ['sh', '-c', `ulimit -c 0; exec ${crash}`]);
    expect(traced.status).toEqual({ code: 139, signal: 11, core: false });
    expect(shell.status).toBe(139);
  });

  test('environment and working directory', async () => {
    await using t = await tracing();
    const traced = await runTraced(t, ['sh', '-c', 'pwd; echo $X'], { cwd: '/usr', env: { PATH: process.env.PATH, X: 'ü' } });
    expect(traced.stdout).toBe('/usr\nü\n');
  });
});
