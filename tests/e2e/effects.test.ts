/** Programs that act on real processes: signals, memory that is written, and the numbers of a pid namespace. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findClang } from '../../src/tools/clang.ts';
import { bpfwright, traceLines } from './support.ts';

const dir = mkdtempSync(join(tmpdir(), 'effects-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const source = (name: string, body: string): string => {
  const file = join(dir, `${name}.bpf.c`);
  writeFileSync(
    file,
    `#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n#include <bpf/bpf_core_read.h>\n` +
      `struct bpf_pidns_info { __u32 pid; __u32 tgid; };\nstruct task_struct { int tgid; } __attribute__((preserve_access_index));\n` +
      `SEC("tracepoint/syscalls/sys_enter_mkdir")\nint enter(struct syscall_trace_enter *ctx) {\n${body}\n  return 0;\n}\nchar LICENSE[] SEC("license") = "GPL";\n`,
  );
  return file;
};

/** A shell whose child makes directory `a` in a directory of its own. */
const mkdir = (work: string): string[] => ['sh', '-c', `cd ${work} && perl -e 'mkdir "a"; print "made\\n"'; echo $?`];

describe.skipIf(findClang() === undefined)('programs act on the process', () => {
  it.each(['bpf_send_signal', 'bpf_send_signal_thread'])('%s kills it', (helper) => {
    const work = mkdtempSync(join(dir, 'w-'));
    const got = bpfwright(['run', '-q', source(helper, `  ${helper}(9);`), '--', ...mkdir(work)]);
    expect(got.stdout).toMatch(/^137$/m);
    expect(got.stdout).not.toContain('made');
  });

  it('bpf_probe_write_user changes the path that it is about to make, where that is allowed', () => {
    const file = source('write', '  char other[2] = "b";\n  bpf_probe_write_user((void *)ctx->args[0], other, sizeof(other));');
    const work = mkdtempSync(join(dir, 'w-'));
    expect(bpfwright(['run', '-q', file, '--', ...mkdir(work)])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/bpf_probe_write_user changes the traced process/),
    });
    expect(bpfwright(['run', '-q', '--allow', 'probe_write_user', file, '--', ...mkdir(work)]).stdout).toBe('made\n0\n');
    expect([existsSync(join(work, 'a')), existsSync(join(work, 'b'))]).toEqual([false, true]);
  });

  it('bpf_get_ns_current_pid_tgid and the task object agree with the process', () => {
    const { dev, ino } = statSync('/proc/self/ns/pid', { bigint: true });
    const file = source(
      'pids',
      `  struct bpf_pidns_info ns = {};\n  struct task_struct *task = bpf_get_current_task_btf();\n` +
        `  bpf_get_ns_current_pid_tgid(${dev}, ${ino}, &ns, sizeof(ns));\n` +
        `  bpf_printk("%d %d %d", ns.tgid, task->tgid, (int)(bpf_get_current_pid_tgid() >> 32));`,
    );
    const work = mkdtempSync(join(dir, 'w-'));
    const got = bpfwright(['run', '-q', file, '--', ...mkdir(work)]);
    const [pids = []] = traceLines(got.stderr).map((l) => l.message.split(' '));
    expect(pids).toEqual(Array(3).fill(pids[0]));
    expect(pids[0]).toMatch(/^[1-9]\d*$/);
  });
});
