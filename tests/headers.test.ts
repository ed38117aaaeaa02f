/** The headers that ship with the package: programs compile with them and with libbpf's own, and their structures are the kernel's. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Btf } from '../src/btf/index.ts';
import { parseElf } from '../src/elf/index.ts';
import { HELPERS } from '../src/helpers/index.ts';
import { findClang } from '../src/tools/clang.ts';
import { packageRoot } from '../src/tools/package-root.ts';

const root = packageRoot();
const clang = findClang();
const KERNEL_BTF = '/sys/kernel/btf/vmlinux';
const dir = mkdtempSync(join(tmpdir(), 'bpfwright-headers-'));
/** Include folders by whose bpf/*.h they hold; vmlinux.h is ours in both. */
const include = { own: join(root, 'include'), libbpf: join(dir, 'include') };

beforeAll(() => {
  cpSync(join(root, 'include', 'vmlinux.h'), join(include.libbpf, 'vmlinux.h'), { recursive: true });
  cpSync(join(root, 'include', 'generated'), join(include.libbpf, 'generated'), { recursive: true });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const PROLOGUE =
  '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\nchar LICENSE[] SEC("license") = "GPL";\n';

/** Object bytes of C text after PROLOGUE; fails with the compiler's messages. */
function compile(text: string, headers: keyof typeof include = 'own', arch = 'x86', flags: readonly string[] = []): Uint8Array {
  const source = join(dir, 'x.bpf.c');
  const object = join(dir, 'x.bpf.o');
  writeFileSync(source, PROLOGUE + text);
  const run = spawnSync(
    clang?.path ?? 'clang',
    [
      '-O2',
      '-g',
      '-target',
      'bpfel',
      `-D__TARGET_ARCH_${arch}`,
      '-Wall',
      '-Werror',
      ...flags,
      '-I',
      include[headers],
      '-c',
      source,
      '-o',
      object,
    ],
    { encoding: 'utf8' },
  );
  expect(run.stderr).toBe('');
  expect(run.status).toBe(0);
  return readFileSync(object);
}

/** Programs that must compile with both sets of headers. */
const BOTH: readonly (readonly [name: string, text: string])[] = [
  [
    'arguments by number',
    'SEC("kprobe/f") int p(struct pt_regs *ctx) { return PT_REGS_PARM1(ctx) + PT_REGS_PARM2(ctx) + PT_REGS_PARM3(ctx) + PT_REGS_PARM4(ctx) + PT_REGS_PARM5(ctx); }',
  ],
  [
    'other registers',
    'SEC("kprobe/f") int p(struct pt_regs *ctx) { return PT_REGS_RC(ctx) + PT_REGS_SP(ctx) + PT_REGS_FP(ctx) + PT_REGS_IP(ctx); }',
  ],
  [
    'BPF_KPROBE',
    'SEC("kprobe/f") int BPF_KPROBE(p, int fd, struct filename *file, unsigned long flags) { return fd + !file + flags + !ctx; }',
  ],
  ['BPF_KPROBE without arguments', 'SEC("kprobe/f") int BPF_KPROBE(p) { return PT_REGS_PARM1(ctx); }'],
  ['BPF_KRETPROBE', 'SEC("kretprobe/f") int BPF_KRETPROBE(p, long result) { return result < 0; }'],
  ['BPF_KRETPROBE without a result', 'SEC("kretprobe/f") int BPF_KRETPROBE(p) { return PT_REGS_RC(ctx) != 0; }'],
  ['BPF_PROG', 'SEC("raw_tracepoint/sys_enter") int BPF_PROG(p, struct pt_regs *regs, long id) { return !regs + id; }'],
  ['bpf_printk', 'SEC("kprobe/f") int p(void *ctx) { bpf_printk("plain"); bpf_printk("%d %s %lx", 1, "two", 3L); return 0; }'],
  [
    'maps',
    `struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, struct filename); } m SEC(".maps");
     struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __array(values, int(void *)); } t SEC(".maps");
     SEC("kprobe/f") int p(void *ctx) { __u32 k = 1; bpf_tail_call(ctx, &t, k); return bpf_map_lookup_elem(&m, &k) != NULL; }`,
  ],
  [
    'globals and a subprogram',
    `const volatile int limit = 3; int hits; static __noinline int over(int n) { return n > limit; }
     SEC("kprobe/f") int p(struct pt_regs *ctx) { if (over(PT_REGS_RC(ctx))) __sync_fetch_and_add(&hits, 1); return 0; }`,
  ],
  [
    'tracepoint records',
    'SEC("tp/sched/sched_process_exec") int p(struct trace_event_raw_sched_process_exec *ctx) { return ctx->pid + (ctx->__data_loc_filename & 0xffff); }',
  ],
  [
    'packets',
    'SEC("xdp") int p(struct xdp_md *ctx) { return ctx->data < ctx->data_end ? XDP_PASS : XDP_DROP; } SEC("socket") int s(struct __sk_buff *skb) { return skb->len + skb->cb[0]; }',
  ],
];

describe.skipIf(clang === undefined)('programs compile (needs clang with the BPF target)', () => {
  for (const headers of ['own', 'libbpf'] as const) {
    const missing = headers === 'libbpf' && !existsSync('/usr/include/bpf/bpf_helpers.h');
    for (const arch of ['x86', 'arm64']) {
      it.skipIf(missing).each(BOTH)(`${headers} headers, ${arch}: %s`, (_, text) => {
        expect(parseElf(compile(text, headers, arch)).programs.length).toBeGreaterThan(0);
      });
    }
  }

  it('system-call arguments through the wrapper', () => {
    const bytes = compile(
      'SEC("ksyscall/write") int BPF_KSYSCALL(p, int fd, const char *buf, size_t n, long four) { return fd + !buf + n + four; }',
    );
    expect(parseElf(bytes).programs.map((p) => p.name)).toEqual(['p']);
  });

  it('bpf_printk without global data', () => {
    const bytes = compile('SEC("kprobe/f") int p(void *ctx) { bpf_printk("n %d", 1); return 0; }', 'own', 'x86', ['-DBPF_NO_GLOBAL_DATA']);
    expect(parseElf(bytes).programs.map((p) => p.references)).toEqual([[]]);
  });

  it('every helper of the table is declared by its number', () => {
    const text = readFileSync(join(include.own, 'generated', 'bpf_helper_defs.h'), 'utf8');
    const declared = [...text.matchAll(/\(\*const bpf_(\w+)\)\(.*\) = \(void \*\)(\d+);/g)].map(([, name, id]) => `${name} ${id}`);
    expect(declared).toEqual(HELPERS.map((helper) => `${helper.name} ${helper.id}`));
  });
});

/** Structures of vmlinux.h that the kernel's BTF knows by the same name. The last ones are prefixes: ours leave members out at the end. */
const STRUCTS = [
  'pt_regs',
  'trace_entry',
  'syscall_trace_enter',
  'syscall_trace_exit',
  'trace_event_raw_sys_enter',
  'trace_event_raw_sys_exit',
  'trace_event_raw_sched_process_exec',
  'trace_event_raw_sched_process_fork',
  'trace_event_raw_sched_process_exit',
  '__sk_buff',
  'xdp_md',
  'bpf_perf_event_data',
  'bpf_raw_tracepoint_args',
  'bpf_perf_event_value',
  'open_how',
  'kernel_clone_args',
  'filename',
];

/** Offsets and sizes of a structure's named members, those of anonymous members included. */
function layout(btf: Btf, id: number, base = 0): Map<string, string> {
  const out = new Map<string, string>();
  const type = btf.resolve(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return out;
  for (const member of type.members) {
    const at = base + member.bitOffset;
    if (member.name !== '')
      out.set(member.name, `bit ${at}, ${member.bitSize > 0 ? `${member.bitSize} bits` : `${btf.sizeOf(member.type)} bytes`}`);
    else for (const [name, place] of layout(btf, member.type, at)) out.set(name, place);
  }
  return out;
}

describe.skipIf(clang === undefined || !existsSync(KERNEL_BTF) || process.arch !== 'x64')(
  'vmlinux.h is laid out as the running kernel (needs clang and the kernel’s BTF)',
  () => {
    let own: Btf | undefined;
    let kernel: Btf | undefined;
    beforeAll(() => {
      own = parseElf(compile(STRUCTS.map((name) => `struct ${name} *ptr_${name};`).join('\n'))).btf;
      kernel = Btf.parse(readFileSync(KERNEL_BTF));
    });

    it.each(STRUCTS)('struct %s', (name) => {
      const ours = own?.find(name, 'struct');
      const theirs = kernel?.find(name, 'struct');
      if (own === undefined || kernel === undefined || ours === undefined) throw new Error(`our object has no BTF for struct ${name}`);
      if (theirs === undefined) return;
      const there = layout(kernel, theirs);
      for (const [member, place] of layout(own, ours)) expect(`${member}: ${there.get(member)}`).toBe(`${member}: ${place}`);
      if (name !== 'filename') expect(own.sizeOf(ours)).toBe(kernel.sizeOf(theirs));
    });
  },
);
