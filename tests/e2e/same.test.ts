/** Commands behave traced as they do untraced: output, exit status, signals. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, bpfwright, type Finished, has, root, run } from './support.ts';

const dir = mkdtempSync(join(tmpdir(), 'same-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const jobControl = `set -m
sleep 0.2 & p=$!
kill -STOP $p; sleep 0.05; jobs | sed 's/  */ /g'
kill -CONT $p; wait -f $p; echo waited $?
(sleep 30) & p=$!; kill -TERM $p; wait $p; echo terminated $?
trap 'echo got usr1' USR1; kill -USR1 $$
sh -c 'kill -9 $$'; echo killed $?
echo a | tr a b | cat; echo "pipe \${PIPESTATUS[*]}"`;

const threads = `
import threading, subprocess, os, hashlib
out = []
def work(i):
    h = hashlib.sha256()
    for k in range(200):
        h.update(str(k * i).encode())
        os.getppid()
    out.append((i, h.hexdigest()[:8], subprocess.run(["/bin/echo", str(i)], capture_output=True).stdout.decode().strip()))
ts = [threading.Thread(target=work, args=(i,)) for i in range(12)]
[t.start() for t in ts]; [t.join() for t in ts]
for row in sorted(out): print(*row)
`;

/** Name, command, programs it needs. */
const rows: [string, string[], string[]][] = [
  [
    'make',
    [
      'sh',
      '-c',
      'make -s -C examples/hello OUT=build/same clean; make -C examples/hello OUT=build/same && ./examples/hello/build/same/hello',
    ],
    ['make', 'gcc'],
  ],
  ['npm', ['npm', '--version'], ['npm']],
  [
    'node',
    [process.execPath, '-e', 'const c = require("child_process"); console.log(c.execSync("echo child").toString()); process.exit(3)'],
    [],
  ],
  ['python', ['python3', '-c', threads], ['python3']],
  ['bash job control', ['bash', '-c', jobControl], ['bash']],
  ['a pipeline reading standard input', ['sh', '-c', 'cat | wc -c'], []],
  ['a failing command', ['sh', '-c', 'ls /nonexistent-file; exit 5'], []],
  ['alarm', ['python3', '-c', 'import signal, time\nsignal.alarm(1)\ntime.sleep(10)'], ['python3']],
  [
    'interrupted system calls',
    [
      'python3',
      '-c',
      'import signal, time, os\nsignal.signal(signal.SIGALRM, lambda *a: print("tick"))\nsignal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)\nt = time.time()\nwhile time.time() - t < 0.55: time.sleep(0.2)\nsignal.setitimer(signal.ITIMER_REAL, 0)',
    ],
    ['python3'],
  ],
];

/** bash names the pid of a killed child. */
function withoutPids(r: Finished): Finished {
  return { ...r, stderr: r.stderr.replace(/: +\d+ Killed/g, ': PID Killed') };
}

describe('traced and untraced', () => {
  it.each(rows)('%s', (_name, command, needs) => {
    const missing = needs.filter((n) => !has(n));
    if (missing.length > 0) {
      console.log(`skipped: needs ${missing.join(', ')}`);
      return;
    }
    const options = { input: 'some input\n' };
    const plain = run(command, options);
    const traced = bpfwright(['run', '-q', '-o', '/dev/null', 'exec', '--', ...command], options);
    expect(withoutPids(traced)).toEqual(withoutPids(plain));
  });

  it.skipIf(!has('gcc'))('a crashing program: signal and core status', () => {
    const source = join(dir, 'crash.c');
    const program = join(dir, 'crash');
    writeFileSync(source, '#include <stdio.h>\nint main(void) { puts("before"); fflush(stdout); volatile int *p = 0; return *p; }\n');
    expect(run(['gcc', '-o', program, source]).status).toBe(0);
    // The status word that a parent sees, core bit included.
    const status = 'import os, subprocess, sys\npid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)\nprint(os.waitpid(pid, 0)[1])';
    const plain = run(['python3', '-c', status, program]);
    const traced = bpfwright(['run', '-q', '-o', '/dev/null', 'exec', '--', 'python3', '-c', status, program]);
    expect(traced).toEqual(plain);
    const direct = bpfwright(['run', '-q', '-o', '/dev/null', 'exec', '--', program]);
    expect(direct).toMatchObject({ signal: 'SIGSEGV', stdout: 'before\n' });
  });

  it('words and environment entries that Node cannot express arrive byte for byte', () => {
    const script = (run: string) => `${run} printf '%s|' $'\\377\\376ab' plain | od -An -tx1; env '=x' ${run} true; echo $?`;
    const plain = run(['bash', '-c', script('')]);
    expect(plain.stdout).toContain('ff fe 61 62');
    expect(run(['bash', '-c', script(`${process.execPath} ${bin} run -q -o /dev/null exec --`)])).toEqual(plain);
  });

  it('a deleted working folder is one clear sentence', () => {
    const gone = join(dir, 'gone');
    const got = run(['bash', '-c', `mkdir ${gone}; cd ${gone}; rmdir ${gone}; ${process.execPath} ${bin} run exec -- true`]);
    expect(got.status).toBe(125);
    expect(got.stderr).toMatch(/current folder has been deleted/);
  });

  it.skipIf(!has('python3'))('the flags of shared descriptors are left alone', () => {
    const flags =
      'import fcntl, os, subprocess, sys\nr, w = os.pipe()\nos.set_blocking(r, False)\nsys.stdout.write(subprocess.run(sys.argv[1:] + ["python3", "-c", "import os; print(*map(os.get_blocking, range(3)))"], stdin=r, capture_output=True, text=True).stdout)\nprint(os.get_blocking(r))';
    const plain = run(['python3', '-c', flags]);
    expect(plain.stdout).toBe('False True True\nFalse\n');
    expect(run(['python3', '-c', flags, process.execPath, bin, 'run', '-q', '-o', '/dev/null', 'exec', '--'])).toEqual(plain);
  });

  it('descriptors above 2 reach the command', () => {
    const script = (run: string) => `cd ${dir}; exec 5>five; ${run} sh -c 'echo through 5 >&5; cat /dev/fd/6' 6<<< six; cat five`;
    const plain = run(['bash', '-c', script('')]);
    expect(plain.stdout).toBe('six\nthrough 5\n');
    expect(run(['bash', '-c', script(`${process.execPath} ${bin} run -q -o /dev/null exec --`)])).toEqual(plain);
  });

  it.skipIf(!has('make'))("make's jobserver is passed on", () => {
    const file = join(dir, 'Makefile');
    writeFileSync(
      file,
      `all:\n\t+@${process.execPath} ${bin} run -q -o /dev/null exec -- $(MAKE) -f ${file} sub\nsub: a b\na b:\n\t@echo $@\n.PHONY: all sub a b\n`,
    );
    const got = run(['make', '-j2', '-f', file]);
    expect(got).toMatchObject({ status: 0, stderr: '' });
  });

  it('a large output through pipes arrives whole', () => {
    const traced = bpfwright(['run', '-q', '-o', '/dev/null', 'exec', '--', 'sh', '-c', 'head -c 5000000 /dev/zero | tr "\\0" x']);
    expect(traced.stdout.length).toBe(5_000_000);
  });

  it('a closed output pipe ends printing, not the command', () => {
    const done = join(dir, 'done');
    run(
      [
        'sh',
        '-c',
        `${process.execPath} ${bin} run -o - exec -- sh -c 'for i in 1 2 3 4 5 6 7 8; do /bin/true; sleep 0.05; done; echo finished > ${done}' | head -n 1`,
      ],
      { cwd: root },
    );
    expect(run(['cat', done]).stdout).toBe('finished\n');
  });
});
