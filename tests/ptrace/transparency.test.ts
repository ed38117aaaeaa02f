/** docs/transparency.md, entry by entry: what a process can notice. And as a user without rights: that everything else works. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DriverJob } from './driver.ts';
import { compile, driverFile, has, procStatus, runTraced, scratchFolder, tracing, until, untraceable, workerFile } from './support.ts';

const folder = untraceable === undefined ? scratchFolder() : '';
const gcc = has('gcc');
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

/** The driver as user nobody, or why that cannot be tried. */
async function asNobody(job: Omit<DriverJob, 'worker'>): Promise<{ stdout: string; stderr: string }> {
  const script = JSON.stringify({ ...job, worker: await workerFile() });
  const args = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', process.execPath, await driverFile(), script];
  const { stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8', cwd: '/', env: { PATH: '/usr/bin:/bin' } });
  return { stdout, stderr };
}

const nobodyCan =
  isRoot &&
  has('setpriv') &&
  spawnSync('setpriv', ['--reuid', `${NOBODY}`, process.execPath, '-e', `require('fs').readFileSync('${import.meta.filename}')`]).status ===
    0;

const FILTER = `
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
  struct sock_filter f[] = {{0x20, 0, 0, 0}, {0x15, 0, 1, SYS_getppid}, {6, 0, 0, SECCOMP_RET_TRACE}, {6, 0, 0, SECCOMP_RET_ALLOW}};
  struct sock_fprog p = {4, f};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, 2, &p);
  puts(syscall(SYS_getppid) > 0 ? "passed" : errno == ENOSYS ? "ENOSYS" : "other");
}`;

const EPOLL = `
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
int main(void) {
  struct epoll_event e;
  int fd = epoll_create1(0);
  puts("up"); fflush(stdout);
  int n = epoll_wait(fd, &e, 1, 20000);
  puts(n < 0 && errno == EINTR ? "EINTR" : "other"); fflush(stdout);
  n = epoll_wait(fd, &e, 1, 1000);
  puts(n == 0 ? "timeout" : "again");
}`;

const INT80 = `
#include <unistd.h>
int main(void) {
  long r;
  for (int i = 0; i < 5; i++) __asm__ volatile("int $0x80" : "=a"(r) : "a"(4), "b"(-1), "c"(0), "d"(0) : "memory");
  for (int i = 0; i < 3; i++) __asm__ volatile("syscall" : "=a"(r) : "a"(0x40000001), "D"(-1), "S"(0), "d"(0) : "rcx", "r11", "memory");
  return 0;
}`;

describe.skipIf(untraceable !== undefined)('what tracing cannot hide', () => {
  test('TracerPid', async () => {
    await using t = await tracing();
    const { stdout } = await runTraced(t, ['grep', 'TracerPid', '/proc/self/status']);
    expect(stdout).not.toMatch(/TracerPid:\s+0$/m);
  });

  test('Seccomp field: only where programs want system calls', async () => {
    await using t = await tracing();
    const look = ['grep', '-E', '^(Seccomp|NoNewPrivs):', '/proc/self/status'];
    expect((await runTraced(t, look)).stdout).toMatch(/Seccomp:\s+0/);
    t.count('kprobe/do_execve');
    const { stdout } = await runTraced(t, look);
    expect(stdout).toMatch(/Seccomp:\s+2/);
    if (isRoot) expect(stdout).toMatch(/NoNewPrivs:\s+0/);
    expect((await runTraced(t, look, { stops: 'every' })).stdout).toMatch(/Seccomp:\s+0/);
  });

  test.skipIf(!has('strace'))('No second tracer', async () => {
    await using t = await tracing();
    const { stderr, status } = await runTraced(t, ['strace', '-o', '/dev/null', 'true']);
    expect(stderr).toContain('Operation not permitted');
    expect(status.code).not.toBe(0);
  });

  test('One more process', async () => {
    await using t = await tracing();
    t.count('kprobe/do_execve');
    const children = readdirSync('/proc/self/task').flatMap((tid) =>
      readFileSync(`/proc/self/task/${tid}/children`, 'latin1').trim().split(' '),
    );
    const names = children.filter(Boolean).map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    expect(names.filter((name) => name.startsWith('bpfwright-doorbell'))).toHaveLength(1);
  });

  test.skipIf(!gcc)("The command's own RET_TRACE filters", async () => {
    const program = compile(folder, 'filter', FILTER);
    expect(spawnSync(program, { encoding: 'utf8' }).stdout).toBe('ENOSYS\n');
    await using t = await tracing();
    expect((await runTraced(t, [program])).stdout).toBe('ENOSYS\n');
    t.count('kprobe/do_execve');
    expect((await runTraced(t, [program])).stdout).toBe('passed\n');
  });

  test.skipIf(!gcc)('One EINTR', async () => {
    const program = compile(folder, 'epoll', EPOLL);
    const child = spawn('sh', ['-c', `${program} & echo $!; wait`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    await until(() => text.includes('up'), 'the program');
    const pid = Number(/^\d+$/m.exec(text)?.[0]);
    await until(() => procStatus(pid, 'State')?.[0] === 'S', 'its wait');
    await using t = await tracing();
    t.count('kprobe/sys_write');
    await t.source.attachProcess(pid);
    await until(() => text.includes('timeout') || text.includes('again'), 'the second wait');
    expect(text).toContain('EINTR\ntimeout');
  });

  test.skipIf(!gcc || process.arch !== 'x64')('i386 and x32 calls are seen', async () => {
    const program = compile(folder, 'int80', INT80);
    for (const stops of ['auto', 'every'] as const) {
      await using t = await tracing();
      const writes = t.count('kprobe/ksys_write');
      await runTraced(t, [program], { stops });
      expect(writes(), stops).toBeGreaterThanOrEqual(5);
    }
  });
});

describe.skipIf(untraceable !== undefined || !nobodyCan)('without rights', () => {
  const files = { stdio: [0, 1, 2] };

  for (const launcher of ['memfd', 'file', 'shell'] as const) {
    test(`a command runs under the tracer, launcher ${launcher}`, async () => {
      const { stdout, stderr } = await asNobody({
        probes: ['do_execve'],
        command: ['sh', '-c', 'id -u; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; exit 5'],
        options: { ...files, launcher },
      });
      expect(stdout).toMatch(/^65534\n/);
      expect(stdout).toMatch(launcher === 'shell' ? /NoNewPrivs:\s+0\nSeccomp:\s+0/ : /NoNewPrivs:\s+1\nSeccomp:\s+2/);
      expect(stderr).toContain('"code":5');
      expect(stderr).toContain('"runs":3');
    });
  }

  test('Set-user-ID programs lose their rights, with one warning', async () => {
    const id = join(folder, 'setuid-id');
    copyFileSync('/usr/bin/id', id);
    chmodSync(id, 0o4755);
    chmodSync(folder, 0o755);
    const { stdout, stderr } = await asNobody({ probes: [], command: ['sh', '-c', `${id} -u; ${id} -u`], options: files });
    expect(stdout).toBe('65534\n65534\n');
    expect(stderr.match(/warning: .*setuid-id runs without its set-user-ID rights/g)).toHaveLength(1);
  });

  test('processes of others are refused by name', async () => {
    const { stderr } = await asNobody({ probes: [], attach: process.pid });
    expect(stderr).toMatch(/belongs to user 0, not to 65534|refuses to trace|Yama forbids/);
  });

  test('a command may run as another user, who needs no rights', async () => {
    await using t = await tracing();
    t.count('kprobe/do_execve');
    const { stdout } = await runTraced(t, ['sh', '-c', 'id -u; id -G; grep NoNewPrivs /proc/self/status'], {
      user: { uid: NOBODY, gid: NOBODY, groups: [NOBODY] },
    });
    expect(stdout).toMatch(/^65534\n65534\nNoNewPrivs:\s+0\n$/);
  });

  test('only root may choose the user', async () => {
    const { stderr } = await asNobody({ probes: [], command: ['true'], options: { ...files, user: { uid: 1, gid: 1, groups: [1] } } });
    expect(stderr).toContain('the command cannot be given the user asked for');
  });
});
