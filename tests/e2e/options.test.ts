/** The options of `bpfwright run`, each on real processes, and the commands beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { engineBtf } from '../../src/engine/index.ts';
import { findClang } from '../../src/tools/clang.ts';
import { bin, bpfwright, root, traceLines } from './support.ts';

const dir = mkdtempSync(join(tmpdir(), 'options-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const isRoot = process.getuid?.() === 0;
const hasClang = findClang() !== undefined;

const running: ChildProcess[] = [];
afterEach(() => {
  for (const c of running.splice(0)) c.kill('SIGKILL');
});

/** A process that executes something every 50 ms until it is killed. */
async function busy(): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sh', ['-c', 'echo ready; while :; do /bin/true; sleep 0.05; done'], { stdio: ['ignore', 'pipe', 'ignore'] });
  running.push(child);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  if (child.pid === undefined) throw new Error('sh did not start');
  return child as ChildProcess & { pid: number };
}

const status = (pid: number, field: string) =>
  new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

describe('run', () => {
  it('-p watches a running process and lets it go', async () => {
    const { pid } = await busy();
    const got = bpfwright(['run', '-q', '-p', String(pid), '--duration', '700ms', '--max-overhead', 'off', 'exec']);
    expect(got).toMatchObject({ status: 0, stderr: '' });
    expect(traceLines(got.stdout).map((l) => l.message)).toContain('executed /bin/true');
    expect(status(pid, 'TracerPid')).toBe('0');
    expect(status(pid, 'State')).not.toMatch(/stopped|tracing/);
  });

  it.runIf(hasClang)('a program that goes on without an end is stopped and named, compiled or not', () => {
    const source = join(dir, 'endless.bpf.c');
    writeFileSync(
      source,
      `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
unsigned long long n;
static long inner(unsigned long long i, void *c) { n++; return 0; }
static long outer(unsigned long long i, void *c) { bpf_loop(1 << 23, inner, 0, 0); return 0; }
SEC("tracepoint/syscalls/sys_enter_getppid") int endless(void *s) { bpf_loop(1 << 23, outer, 0, 0); return 3; }
char _license[] SEC("license") = "GPL";
`,
    );
    const command = [process.execPath, '-e', 'process.ppid; console.log("went on")'];
    for (const [how, reason] of [
      [[], /budget of loops and calls/],
      [['--no-jit'], /10000000 instructions/],
    ] as const) {
      const got = bpfwright(['run', ...how, source, '--', ...command]);
      expect(got).toMatchObject({ status: 0, stdout: 'went on\n', stderr: expect.stringMatching(reason) });
    }
  });

  it('-p of no process, and of a traced process, say what is wrong', async () => {
    expect(bpfwright(['run', '-p', '4194303', 'exec'])).toMatchObject({ status: 125, stderr: expect.stringMatching(/does not exist/) });
    const { pid } = await busy();
    const first = spawn(process.execPath, [bin, 'run', '-p', String(pid), '--max-overhead', 'off', 'exec'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    running.push(first);
    await new Promise((resolve) => first.stdout?.once('data', resolve));
    expect(bpfwright(['run', '-p', String(pid), 'exec'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/already traced by process \d+/),
    });
    first.kill('SIGINT');
    expect(await new Promise((resolve) => first.once('exit', (code) => resolve(code)))).toBe(0);
    expect(status(pid, 'TracerPid')).toBe('0');
  });

  it('the same process twice is one; threads of the kernel are refused by name', async () => {
    const { pid } = await busy();
    const args = ['run', '-q', '-p', String(pid), '-p', String(pid), '--duration', '300ms', '--max-overhead', 'off', 'exec'];
    expect(bpfwright(args)).toMatchObject({ status: 0 });
    expect(bpfwright(['run', '-q', '-p', '2', 'exec'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/kernel|does not exist/),
    });
  });

  it('a signal ends the watch when the command has ended and an attached process has not', async () => {
    const { pid } = await busy();
    const child = spawn(
      process.execPath,
      [bin, 'run', '-q', '-o', '/dev/null', '-p', String(pid), '--max-overhead', 'off', 'exec', '--', 'echo', 'done'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    running.push(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const again = setInterval(() => child.kill('SIGINT'), 500);
    expect(await ended).toBe(0);
    clearInterval(again);
    expect(status(pid, 'TracerPid')).toBe('0');
  });

  it('a place that tracing cannot produce is refused', () => {
    const bytes = readFileSync(join(root, 'examples/exec.bpf.o'));
    const file = join(dir, 'uprobe.bpf.o');
    for (let at = bytes.indexOf('kprobe/do_execve'); at >= 0; at = bytes.indexOf('kprobe/do_execve', at + 1))
      bytes.write('uprobe', at, 'latin1');
    writeFileSync(file, bytes);
    const got = bpfwright(['run', file, '--', 'true']);
    expect(got.status).toBe(125);
    expect(got.stderr).toMatch(/nothing to attach: trace_exec \(uprobe\/do_execve\)/);
  });

  it('--duration ends tracing; the command runs on and its status is kept', () => {
    const got = bpfwright(['run', '-q', '--duration', '300ms', 'exec', '--', 'sh', '-c', '/bin/true; sleep 1; /bin/true; exit 9']);
    expect(got.status).toBe(9);
    expect(traceLines(got.stderr).filter((l) => l.message === 'executed /bin/true')).toHaveLength(1);
  });

  it('--dump-maps and --set: counts are right and typed', () => {
    const script = 'echo abc; echo abcdef; echo abcdefghi';
    const text = bpfwright(['run', '-q', '--dump-maps', 'writes', '--', 'sh', '-c', script]);
    expect(text.stderr).toMatch(/^map writes_by_pid \(hash, 1 element\):\n {2}\d+: \{ \.calls = 3, \.bytes = 21 \}\n$/);
    const json = bpfwright(['run', '-q', '--json', '--set', 'min_bytes=7', '--dump-maps', 'writes', '--', 'sh', '-c', script]);
    expect(JSON.parse(json.stderr)).toMatchObject({ type: 'map', map: 'writes_by_pid', value: { calls: '2', bytes: '17' } });
  });

  it('--help lists the variables of a program', () => {
    expect(bpfwright(['run', 'writes', '--help']).stdout).toMatch(/min_bytes +__u64, default 0/);
  });

  it.each([
    ['an unknown variable', ['--set', 'nope=1', 'writes'], /no variable 'nope'[\s\S]*min_bytes/],
    ['a value that does not fit', ['--set', 'min_bytes=-1', 'writes'], /min_bytes: -1 does not fit/],
    ['a malformed setting', ['--set', 'min_bytes', 'writes'], /NAME=VALUE/],
    ['an unknown program', ['nowhere'], /no bundled program 'nowhere'[\s\S]*exec/],
    ['a missing file', ['./nowhere.bpf.o'], /does not exist/],
    ['a file that is no object', ['package.json'], /package\.json[\s\S]*ELF/i],
    ['a bad duration', ['--duration', 'soon', 'exec'], /duration[\s\S]*500ms/],
    ['a command without --', ['exec', 'ls'], /comes after --: bpfwright run exec -- ls/],
    ['an unknown host', ['--host', 'moon', 'exec'], /engine/],
  ])('%s is one clear sentence', (_name, args, expected) => {
    const got = bpfwright(['run', ...args, '--', 'true']);
    expect(got.status).toBe(125);
    expect(got.stderr).toMatch(expected);
    expect(got.stderr).not.toMatch(/\bat .*\.js:\d+/);
  });

  it('--also loads a second program', () => {
    const got = bpfwright(['run', '-q', '--dump-maps', '--also', 'writes', 'exec', '--', 'sh', '-c', 'echo x; /bin/true']);
    expect(traceLines(got.stderr).map((l) => l.message)).toContain('executed /bin/true');
    expect(got.stderr).toContain('.calls = 1, .bytes = 2');
  });

  it('--comm, --uid, --pid and --no-follow narrow what is printed', () => {
    const script = ['sh', '-c', '/bin/true; env /bin/true'];
    const messages = (args: string[]) =>
      traceLines(bpfwright(['run', '-q', ...args, 'exec', '--', ...script]).stderr).map((l) => `${l.comm} ${l.message}`);
    expect(messages(['--comm', 'env'])).toEqual([expect.stringMatching(/^env executed \/.*true$/)]);
    expect(messages(['--uid', '54321'])).toEqual([]);
    expect(messages(['--pid', '1'])).toEqual([]);
    expect(messages(['--no-follow'])).toEqual([expect.stringMatching(/executed .*\/sh$/)]);
  });

  it('-o writes a file; standard error stays the command’s', () => {
    const file = join(dir, 'out');
    const got = bpfwright(['run', '-q', '-o', file, 'exec', '--', 'sh', '-c', 'echo mine >&2']);
    expect(got).toMatchObject({ status: 0, stderr: 'mine\n' });
    expect(traceLines(readFileSync(file, 'utf8'))).toHaveLength(1);
  });

  it.skipIf(!isRoot)('--user and sudo: the command and its files are the user’s', () => {
    expect(bpfwright(['run', '-q', '-o', '/dev/null', '--user', '65534', 'exec', '--', 'id', '-u']).stdout).toBe('65534\n');
    expect(bpfwright(['run', '-q', '-o', '/dev/null', 'exec', '--', 'id', '-u'], { env: { SUDO_UID: '65534' } }).stdout).toBe('65534\n');
    expect(
      bpfwright(['run', '-q', '-o', '/dev/null', '--user', 'root', 'exec', '--', 'id', '-u'], { env: { SUDO_UID: '65534' } }).stdout,
    ).toBe('0\n');
    expect(bpfwright(['run', '--user', '65534', '-o', '/not-yours', 'exec', '--', 'true']).stderr).toMatch(
      /-o \/not-yours cannot be opened/,
    );
    expect(existsSync('/not-yours')).toBe(false);
  });

  it('a file name with a newline is exact in a pipe and escaped in JSON', () => {
    const name = join(dir, 'new\nline');
    writeFileSync(name, '#!/bin/sh\n', { mode: 0o755 });
    expect(bpfwright(['run', '-q', 'exec', '--', name]).stderr).toContain(`executed ${name}\n`);
    const json = bpfwright(['run', '-q', '--json', 'exec', '--', name]).stderr.split('\n')[0] ?? '';
    expect(JSON.parse(json)).toMatchObject({ message: `executed ${name}` });
  });

  it.skipIf(!hasClang)('compiles a .bpf.c by itself', () => {
    const got = bpfwright(['run', '-q', join(root, 'examples/exec.bpf.c'), '--', '/bin/true']);
    expect(traceLines(got.stderr).map((l) => l.message)).toEqual(['executed /bin/true']);
    const bad = join(dir, 'bad.bpf.c');
    writeFileSync(bad, 'int main( {\n');
    expect(bpfwright(['run', bad, '--', 'true'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/could not compile[\s\S]*bad\.bpf\.c:1/),
    });
  });

  it('says what to install where there is no clang', () => {
    const got = bpfwright(['run', join(root, 'examples/exec.bpf.c'), '--', 'true'], { env: { CLANG: '/nonexistent/clang' } });
    expect(got).toMatchObject({ status: 125, stderr: expect.stringMatching(/needs a clang[\s\S]*apt install clang/) });
  });
});

describe('beside run', () => {
  it('alone lists the bundled programs', () => {
    expect(bpfwright([]).stdout).toMatch(/exec +Prints every program that is executed/);
  });

  it('prog dump shows source lines, helpers and maps by name', () => {
    const got = bpfwright(['prog', 'dump', 'writes', 'count_writes']);
    expect(got.stdout).toMatch(
      /; __u32 pid = bpf_get_current_pid_tgid\(\) >> 32; @ writes\.bpf\.c:\d+\n +\d+: \(85\) call bpf_get_current_pid_tgid#14/,
    );
    expect(got.stdout).toMatch(/\/\/ map writes_by_pid/);
    expect(bpfwright(['prog', 'dump', 'writes', 'nope']).stderr).toMatch(/count_writes/);
    const rows = bpfwright(['prog', 'dump', '--json', 'exec']).stdout.trimEnd().split('\n');
    expect(JSON.parse(rows[0] ?? '')).toMatchObject({ type: 'insn', program: 'trace_exec', index: 0 });
  });

  it('verify says accepted or why not, by exit code and at source lines', () => {
    expect(bpfwright(['verify', 'exec', 'writes', 'opens', 'failures', 'dispatch'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^accepted +exec trace_exec\n/),
    });
    const bad = bpfwright(['verify', '--json', 'testdata/objects/core-kinds.bpf.o', '--prog', 'fields']);
    expect(bad.status).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({
      type: 'verify',
      program: 'fields',
      verdict: 'rejected',
      errno: 'EACCES',
      diagnostics: [{ location: { insn: expect.any(Number) } }],
    });
    expect(bpfwright(['verify', 'package.json']).status).toBe(2);
  });

  it('btf relocs explains relocations, against other types too', () => {
    const dir = mkdtempSync(join(tmpdir(), 'types-'));
    const types = join(dir, 'types.btf');
    // The engine's own types, as a file: what it lacks has no counterpart.
    writeFileSync(types, engineBtf().bytes);
    const got = bpfwright(['btf', 'relocs', 'testdata/objects/core-engine.bpf.o', '--btf', types, '--json', '--prog', 'unguarded']);
    rmSync(dir, { recursive: true });
    expect(got.status).toBe(1);
    expect(JSON.parse(got.stdout.split('\n')[0] ?? '')).toMatchObject({ type: 'relocation', program: 'unguarded', action: 'poisoned' });
    expect(bpfwright(['btf', 'relocs', 'exec'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/relocations against /) });
  });

  it('verify says what kernel releases lack', () => {
    const got = bpfwright(['verify', '--kernel', '4.4,6.1', '--json', 'opens']);
    expect(got.status).toBe(1);
    const rows = got.stdout
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l) as { type: string; release?: string; diagnostics: { code: string }[] });
    expect(rows.filter((r) => r.type === 'release').map((r) => [r.release, r.diagnostics.length > 0])).toEqual([
      ['4.4', true],
      ['6.1', false],
    ]);
    expect(rows.find((r) => r.release === '4.4')?.diagnostics.map((d) => d.code)).toContain('release-program-type');
    expect(bpfwright(['verify', '--kernel', '6.1', 'opens']).status).toBe(0);
    expect(bpfwright(['verify', '--kernel', 'six', 'opens'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/no kernel release/),
    });
    expect(bpfwright(['verify', '--kernel', '99.1', 'opens'])).toMatchObject({ status: 125, stderr: expect.stringMatching(/up to 6\.18/) });
    expect(bpfwright(['verify', '--log-level', '99', 'opens'])).toMatchObject({ status: 125, stderr: expect.stringMatching(/1, 2 and 4/) });
  });

  it('verify writes annotations and SARIF', () => {
    const object = 'testdata/objects/core-kinds.bpf.o';
    expect(bpfwright(['verify', '--format', 'github', '--prog', 'fields', object]).stdout).toMatch(/^::error file=/);
    const sarif = bpfwright(['verify', '--format', 'sarif', object, 'exec', 'nope.bpf.o']);
    expect(sarif.status).toBe(2);
    expect(JSON.parse(sarif.stdout)).toMatchObject({ version: '2.1.0', runs: [{ tool: { driver: { name: 'bpfwright' } } }] });
    expect(bpfwright(['verify', '--json', '--format', 'sarif', 'exec']).status).toBe(125);
  });

  it('prog dump --wasm shows the translation with its instructions', () => {
    expect(bpfwright(['prog', 'dump', '--wasm', 'exec']).stdout).toMatch(/^\(module[\s\S]*;; 0: [\s\S]*return/);
  });

  it('prog run fires what the kernel cannot test-run', () => {
    const ctx = join(dir, 'ctx');
    writeFileSync(ctx, new Uint8Array(168));
    const got = bpfwright(['prog', 'run', 'exec', '--prog', 'trace_exec', '--ctx-in', ctx, '--json']);
    expect(JSON.parse(got.stdout)).toMatchObject({ type: 'test_run', program: 'trace_exec', retval: 0 });
    expect(traceLines(got.stderr).map((l) => l.message)).toEqual(['executed ']);
    expect(bpfwright(['prog', 'run', 'opens']).stderr).toMatch(/--prog/);
  });

  it('prog run reads bounded input', () => {
    expect(bpfwright(['prog', 'run', 'exec', '--ctx-in', '/dev/zero'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/more than 1048576 bytes/),
    });
    expect(bpfwright(['prog', 'run', 'exec', '--data-in', '/etc/hostname'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/takes no packet/),
    });
  });

  it('feature gives a cause and a remedy for every no', () => {
    const rows = bpfwright(['feature', '--json'], { env: { CLANG: '/nonexistent' } })
      .stdout.trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l) as Record<string, unknown>);
    expect(rows.map((r) => r.name)).toEqual(expect.arrayContaining(['node', 'ptrace', 'memfd', 'bpf', 'clang']));
    for (const r of rows) if (r.ok === false) expect(r).toMatchObject({ cause: expect.any(String), remedy: expect.any(String) });
    expect(rows.find((r) => r.name === 'clang')).toMatchObject({ ok: false });
  });
});
