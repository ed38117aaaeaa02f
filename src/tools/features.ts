/** What works on this machine and why not: facts gathered from the system, as data. Printing is the command line's. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { findClang } from './clang.ts';
import { packageRoot } from './package-root.ts';

/** One thing that works here or not. A `no` always has its cause and its remedy. */
export interface Feature {
  readonly name: string;
  readonly ok: boolean;
  /** What was found: a version, a setting. */
  readonly detail: string;
  readonly cause?: string;
  readonly remedy?: string;
}

/** CAP_* numbers of uapi linux/capability.h that matter here. */
const CAPS = { SYS_PTRACE: 19, SYS_ADMIN: 21, SETUID: 7, NET_ADMIN: 12, PERFMON: 38, BPF: 39 } as const;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function statusField(name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(read('/proc/self/status') ?? '')?.[1];
}

function has(cap: keyof typeof CAPS): boolean {
  const mask = BigInt(`0x${statusField('CapEff') ?? '0'}`);
  return ((mask >> BigInt(CAPS[cap])) & 1n) === 1n;
}

const yes = (name: string, detail: string): Feature => ({ name, ok: true, detail });
const no = (name: string, detail: string, cause: string, remedy: string): Feature => ({ name, ok: false, detail, cause, remedy });

function node(): Feature {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const detail = `v${process.versions.node}`;
  if (major > 20 || (major === 20 && minor >= 19)) return yes('node', detail);
  return no('node', detail, 'bpfwright needs Node 20.19 or newer', 'install a newer Node.js');
}

function platform(): Feature {
  const detail = `${process.platform} ${process.arch}`;
  if (process.platform === 'linux' && process.arch === 'x64') return yes('platform', detail);
  return no(
    'platform',
    detail,
    'real processes are traced on Linux x86-64 only',
    'loading, test runs, fire() and disassembly work here; use Linux on x86-64 for `run`',
  );
}

function libc(): Feature {
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  const glibc = header?.glibcVersionRuntime;
  if (glibc !== undefined) return yes('libc', `glibc ${glibc}`);
  return no(
    'libc',
    process.platform === 'linux' ? 'musl or another libc' : 'none',
    'tracing calls glibc by FFI',
    'use a glibc distribution (Debian, Ubuntu, Fedora) for `run`',
  );
}

function ptrace(): Feature {
  if (process.platform !== 'linux') return no('ptrace', process.platform, 'ptrace of this kind is Linux only', 'use Linux for `run`');
  const tracer = statusField('TracerPid') ?? '0';
  if (tracer !== '0') {
    return no(
      'ptrace',
      `traced by ${tracer}`,
      'this process has a tracer already; its children may have it too (strace -f, a debugger)',
      'run bpfwright outside that tracer',
    );
  }
  const scope = read('/proc/sys/kernel/yama/ptrace_scope');
  if (scope === '3')
    return no('ptrace', 'yama ptrace_scope 3', 'Yama forbids all ptrace until reboot', 'boot with kernel.yama.ptrace_scope at most 1');
  if (scope === '2' && !has('SYS_PTRACE')) {
    return no(
      'ptrace',
      'yama ptrace_scope 2',
      'Yama allows ptrace to CAP_SYS_PTRACE only',
      'sysctl kernel.yama.ptrace_scope=1, or run as root',
    );
  }
  return yes('ptrace', scope === undefined ? 'no Yama' : `yama ptrace_scope ${scope}`);
}

function attach(): Feature {
  const scope = read('/proc/sys/kernel/yama/ptrace_scope') ?? '0';
  if (process.platform !== 'linux') return no('attach', process.platform, 'attaching with -p is Linux only', 'use Linux');
  if (scope === '0' || has('SYS_PTRACE')) return yes('attach', has('SYS_PTRACE') ? 'any process' : 'processes of the same user');
  return no(
    'attach',
    `yama ptrace_scope ${scope}`,
    'Yama allows tracing of descendants only',
    'start the command with bpfwright, or sysctl kernel.yama.ptrace_scope=0',
  );
}

function seccomp(): Feature {
  const actions = read('/proc/sys/kernel/seccomp/actions_avail');
  if (actions?.split(' ').includes('trace')) return yes('seccomp', 'filters with trace');
  return no(
    'seccomp',
    actions ?? 'none',
    'the kernel has no seccomp filters',
    'nothing to do: every system call is stopped instead, which is slower',
  );
}

function memfd(): Feature {
  const noexec = read('/proc/sys/vm/memfd_noexec') ?? '0';
  if (noexec !== '2') return yes('memfd', `vm.memfd_noexec ${noexec}`);
  return no('memfd', 'vm.memfd_noexec 2', 'files in memory may not be executed', 'nothing to do: a temporary file is used instead');
}

function packageTree(): Feature {
  const root = packageRoot();
  try {
    accessSync(root, constants.W_OK);
    return yes('package-tree', 'writable (never written)');
  } catch {
    return yes('package-tree', 'read-only');
  }
}

function identity(): Feature {
  const held = (Object.keys(CAPS) as (keyof typeof CAPS)[]).filter(has).map((c) => `CAP_${c}`);
  return yes('identity', `uid ${process.getuid?.() ?? '?'}, ${held.length === 0 ? 'no capabilities (none needed)' : held.join(' ')}`);
}

function bpf(): Feature {
  if (process.platform !== 'linux')
    return no('bpf', process.platform, 'bpf(2) is Linux only', 'nothing to do: the engine does not need it');
  if (has('BPF') || has('SYS_ADMIN')) return yes('bpf', has('BPF') ? 'CAP_BPF' : 'CAP_SYS_ADMIN');
  const sysctl = read('/proc/sys/kernel/unprivileged_bpf_disabled');
  return no(
    'bpf',
    `unprivileged_bpf_disabled ${sysctl ?? 'unknown'}`,
    'no CAP_BPF',
    'nothing to do for the engine; the real kernel needs root or CAP_BPF',
  );
}

function perf(): Feature {
  const paranoid = read('/proc/sys/kernel/perf_event_paranoid');
  if (paranoid === undefined) return no('perf', 'absent', 'the kernel has no perf events', 'use a kernel with CONFIG_PERF_EVENTS');
  if (Number(paranoid) <= 2 || has('PERFMON') || has('SYS_ADMIN')) return yes('perf', `perf_event_paranoid ${paranoid}`);
  return no('perf', `perf_event_paranoid ${paranoid}`, 'perf events are reserved to CAP_PERFMON', 'sysctl kernel.perf_event_paranoid=2');
}

function tracefs(): Feature {
  for (const dir of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']) if (existsSync(`${dir}/events`)) return yes('tracefs', dir);
  return no(
    'tracefs',
    'absent or unreadable',
    'tracefs is not mounted, or only root may read it',
    'nothing to do for the engine; as root: mount -t tracefs none /sys/kernel/tracing',
  );
}

function btf(): Feature {
  if (existsSync('/sys/kernel/btf/vmlinux')) return yes('btf', '/sys/kernel/btf/vmlinux');
  return no('btf', 'absent', 'the kernel was built without CONFIG_DEBUG_INFO_BTF', 'nothing to do for the engine');
}

function clang(): Feature {
  const found = findClang();
  if (found !== undefined) return yes('clang', `${found.path}: ${found.version}`);
  return no(
    'clang',
    'none with the BPF target',
    'no clang, clang-11 … clang-24 on PATH compiles for BPF',
    'apt install clang (or dnf, apk); needed for .bpf.c files only',
  );
}

/** Everything that is looked at, in the order it is printed. */
export function features(): Feature[] {
  return [node, platform, libc, ptrace, attach, seccomp, memfd, packageTree, identity, bpf, perf, tracefs, btf, clang].map((f) => f());
}
