/** The headline: a C program on do_execve prints every exec of real commands, which behave as they do untraced. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bpfwright, has, renumber, root, run, traceLines } from './support.ts';

const exec = join(root, 'examples', 'exec.bpf.o');
const tools = ['make', 'gcc', 'strace'].filter((t) => !has(t));

/** execve calls that strace saw, in order, failed ones included: the kernel's do_execve is entered for them too. */
function straceExecs(command: readonly string[]): { pid: number; path: string }[] {
  const file = join(mkdtempSync(join(tmpdir(), 'strace-')), 'log');
  run(['strace', '-f', '-qq', '-s', '4096', '-e', 'trace=execve', '-e', 'signal=none', '-o', file, ...command]);
  const out: { pid: number; path: string }[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const m = /^(\d+)\s+execve\("([^"]*)"/.exec(line);
    if (m) out.push({ pid: Number(m[1]), path: m[2] ?? '' });
  }
  return out;
}

describe('run examples/exec.bpf.o', () => {
  const build = ['sh', '-c', 'make -s -C examples/hello OUT=build/exec clean && make -C examples/hello OUT=build/exec'];

  it.skipIf(tools.length > 0)(
    `prints every exec of a real build that strace sees, once, in order${tools.length > 0 ? ` (needs ${tools.join(', ')})` : ''}`,
    () => {
      const expected = straceExecs(build);
      const got = bpfwright(['run', exec, '--', ...build]);
      expect(got.status).toBe(0);
      const lines = traceLines(got.stderr).map((l) => ({ pid: l.pid, path: l.message.replace(/^executed /, '') }));
      expect(expected.length).toBeGreaterThan(10);
      expect(renumber(lines).map((l) => `${l.pid} ${l.path.replace(/\/tmp\/\S+/, '')}`)).toEqual(
        renumber(expected).map((l) => `${l.pid} ${l.path.replace(/\/tmp\/\S+/, '')}`),
      );
    },
  );

  it('leaves the output and the exit status of the command alone', () => {
    const command = ['sh', '-c', 'echo out; echo err >&2; /bin/true; exit 7'];
    const traced = bpfwright(['run', exec, '--', ...command]);
    expect(traced).toMatchObject({ status: 7, stdout: 'out\n' });
    expect(traced.stderr).toContain('err\n');
    expect(traceLines(traced.stderr).map((l) => l.message)).toEqual([expect.stringMatching(/^executed .*\/sh$/), 'executed /bin/true']);
  });

  it('prints the 4.4 form on request', () => {
    const got = bpfwright(['run', '--trace-format', '4.4', exec, '--', 'sh', '-c', '/bin/true']);
    const last = got.stderr.trimEnd().split('\n').at(-1);
    expect(last).toMatch(/^ {14}sh-\d+ *\[\d{3}\] d\.\.1 +\d+\.\d{6}: : executed \/bin\/true$/);
  });

  it('prints one JSON object per line', () => {
    const got = bpfwright(['run', '--json', '-o', '-', 'exec', '--', '/bin/true']);
    const rows = got.stdout
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l) as Record<string, unknown>);
    expect(rows[0]).toMatchObject({
      type: 'trace',
      message: 'executed /bin/true',
      pid: expect.any(Number),
      cpu: expect.any(Number),
      timestamp: expect.stringMatching(/^\d+$/),
    });
  });

  it.each([
    [['sh', '-c', 'exit 3'], { status: 3, signal: null }],
    [['sh', '-c', 'kill -TERM $$'], { status: null, signal: 'SIGTERM' }],
    [['sh', '-c', 'kill -SEGV $$'], { status: null, signal: 'SIGSEGV' }],
    [['sh', '-c', 'kill -KILL $$'], { status: null, signal: 'SIGKILL' }],
    [['/nonexistent/program'], { status: 127, signal: null }],
    [['/etc/passwd'], { status: 126, signal: null }],
    [['no-such-command-anywhere'], { status: 127, signal: null }],
  ])('ends as %j does', (command, expected) => {
    expect(bpfwright(['run', 'exec', '--', ...command])).toMatchObject(expected);
  });

  it('names the choices when there is nothing to trace', () => {
    const got = bpfwright(['run', 'exec']);
    expect(got.status).toBe(125);
    expect(got.stderr).toMatch(/-- command/);
    expect(got.stderr).toMatch(/-p/);
  });
});
