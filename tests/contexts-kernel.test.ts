/**
 * Accesses to contexts and calls of helpers compared with the live kernel, by brute force: every offset, width and direction, and every helper
 * with either licence, for every program type whose context is a structure and for every attach type that changes its rules. BPF_CONTEXTS=full asks everything, otherwise a sample that moves with the seed.
 */
import { describe, expect, it } from 'vitest';
import { HELPERS } from '../src/helpers/index.ts';
import { ATTACH_TYPE as A, PROGRAM_TYPES } from '../src/programs/index.ts';
import { kernel } from './support/kernel.ts';
import { random } from './support/random.ts';
import { Pair } from './support/verifier.ts';

const { bpf, reason } = kernel;
const FULL = process.env.BPF_CONTEXTS === 'full';
const SEED = Number(process.env.BPF_CONTEXTS_SEED ?? 1);
/** Share of the accesses that a sample asks. */
const ONE_IN = FULL ? 1 : 24;

/** Attach types that change what may be accessed, by program type; 0 for the rest. */
const ATTACH_TYPES: Readonly<Record<number, readonly number[]>> = {
  2: [0, A.TRACE_KPROBE_MULTI, A.TRACE_KPROBE_SESSION, A.TRACE_UPROBE_MULTI, A.TRACE_UPROBE_SESSION],
  6: [0, A.XDP_DEVMAP, A.XDP_CPUMAP, A.XDP],
  8: [A.CGROUP_INET_INGRESS, A.CGROUP_INET_EGRESS],
  9: [A.CGROUP_INET_SOCK_CREATE, A.CGROUP_INET_SOCK_RELEASE, A.CGROUP_INET4_POST_BIND, A.CGROUP_INET6_POST_BIND],
  13: [0, A.CGROUP_SOCK_OPS],
  14: [0, A.SK_SKB_STREAM_PARSER, A.SK_SKB_VERDICT],
  18: [
    A.CGROUP_INET4_BIND,
    A.CGROUP_INET6_BIND,
    A.CGROUP_INET4_CONNECT,
    A.CGROUP_INET6_CONNECT,
    A.CGROUP_UNIX_CONNECT,
    A.CGROUP_INET4_GETPEERNAME,
    A.CGROUP_INET6_GETPEERNAME,
    A.CGROUP_UNIX_GETPEERNAME,
    A.CGROUP_INET4_GETSOCKNAME,
    A.CGROUP_INET6_GETSOCKNAME,
    A.CGROUP_UDP4_SENDMSG,
    A.CGROUP_UDP6_SENDMSG,
    A.CGROUP_UNIX_SENDMSG,
    A.CGROUP_UDP4_RECVMSG,
    A.CGROUP_UDP6_RECVMSG,
    A.CGROUP_UNIX_RECVMSG,
  ],
  21: [0, A.SK_REUSEPORT_SELECT, A.SK_REUSEPORT_SELECT_OR_MIGRATE],
  25: [A.CGROUP_GETSOCKOPT, A.CGROUP_SETSOCKOPT],
  30: [A.SK_LOOKUP],
  32: [A.NETFILTER],
};
/** Programs that get a socket of each kind in r0. */
const SOCKETS: Readonly<Record<string, { readonly type: number; readonly text: string; readonly size: number }>> = {
  'a socket of any kind': { type: 3, text: 'r0 = *(u64 *)(r1 + 168)', size: 80 },
  'a full socket': { type: 3, text: 'r1 = *(u64 *)(r1 + 168)\nr0 = r1\nif r1 == 0 goto +1\ncall sk_fullsock', size: 80 },
  'a TCP socket': { type: 3, text: 'r1 = *(u64 *)(r1 + 168)\nr0 = r1\nif r1 == 0 goto +1\ncall tcp_sock', size: 120 },
  'an XDP socket': {
    type: 6,
    text: 'r3 = 0\n*(u32 *)(r10 - 4) = r3\nr2 = r10\nr2 += -4\nr1 = map[fd:$xsks]\ncall map_lookup_elem',
    size: 8,
  },
};
/** Halves of 64-bit counters pass the kernel's check and then cannot be converted: it refuses them all the same. */
const KERNEL_BUG = 'verifier bug: error during ctx access conversion';
/** Types whose contexts BTF describes. */
const TYPED = [26, 27, 28, 29];
const SYSCALL = 31;
const WIDTHS = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' } as const;
/** Helpers that kernels are built without, or keep from everybody when they are locked down. */
const CONFIGURED = ['override_return', 'probe_write_user'];
/** Ways to touch the context at an offset. */
const WAYS: readonly ((width: string, at: number) => string)[] = [
  (width, at) => `r2 = *(${width} *)(r1 ${at < 0 ? '-' : '+'} ${Math.abs(at)})`,
  (width, at) => `r2 = 1\n*(${width} *)(r1 ${at < 0 ? '-' : '+'} ${Math.abs(at)}) = r2`,
  (width, at) => `*(${width} *)(r1 ${at < 0 ? '-' : '+'} ${Math.abs(at)}) = 1`,
];

if (bpf === undefined) {
  describe('contexts', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf);
  // A kernel may be built without some types.
  const exists = (type: number): boolean =>
    pair.kernel({ text: 'r0 = 1\nexit', type, attach: ATTACH_TYPES[type]?.[0] ?? 0, ...(type === SYSCALL ? { flags: 16 } : {}) }).errno ===
    undefined;
  const rows = PROGRAM_TYPES.filter((row) => row.id !== 0 && !TYPED.includes(row.id) && exists(row.id));
  const cases = rows.flatMap((row) => (ATTACH_TYPES[row.id] ?? [0]).map((attach) => [row.name, row.id, attach] as const));
  it.each(cases)('%s (%i), attach type %i', (_, type, attach) => {
    const next = random(SEED * 1000 + type * 64 + attach);
    const ctx = PROGRAM_TYPES.find((row) => row.id === type)?.ctx;
    const size = ctx === undefined || !('size' in ctx) ? 16 : Math.min(ctx.size, 256);
    const different: unknown[] = [];
    for (let at = -8; at < size + 9; at++) {
      for (const width of Object.values(WIDTHS)) {
        for (const way of WAYS) {
          if (next(ONE_IN) !== 0) continue;
          const text = `${way(width, at)}\nr0 = 1\nexit`;
          const question = { text, type, attach, level: 2, ...(type === SYSCALL ? { flags: 16 } : {}) };
          const [ours, theirs] = [pair.ours(question), pair.kernel(question)];
          if (ours.errno === theirs.errno && ours.log === theirs.log) continue;
          different.push({ text, ours: [ours.errno, tail(ours.log)], kernel: [theirs.errno, tail(theirs.log)] });
        }
      }
    }
    expect(different).toEqual([]);
  });

  it.each(cases)('helpers of %s (%i), attach type %i', (_, type, attach) => {
    const next = random(SEED * 1000 + type * 64 + attach + 1);
    const different: unknown[] = [];
    for (const { id, name } of HELPERS) {
      for (const license of ['GPL', 'MIT']) {
        if (CONFIGURED.includes(name) || next(ONE_IN) !== 0) continue;
        const question = { text: `call ${id}\nr0 = 1\nexit`, type, attach, license, ...(type === SYSCALL ? { flags: 16 } : {}) };
        const [ours, theirs] = [pair.ours(question), pair.kernel(question)];
        if (ours.errno === theirs.errno && ours.message === theirs.message) continue;
        different.push({ name, license, ours: [ours.errno, ours.message], kernel: [theirs.errno, theirs.message] });
      }
    }
    expect(different).toEqual([]);
  });

  it.each(Object.entries(SOCKETS))('%s', (_, { type, text, size }) => {
    const next = random(SEED * 1000 + size);
    const different: unknown[] = [];
    for (let at = -8; at < size + 9; at++) {
      for (const width of Object.values(WIDTHS)) {
        for (const way of WAYS) {
          if (next(ONE_IN) !== 0) continue;
          const access = way(width, at).replaceAll('r1', 'r0').replaceAll('r2', 'r3');
          const question = { text: `${text}\nif r0 == 0 goto +${access.split('\n').length}\n${access}\nr0 = 1\nexit`, type };
          const [ours, theirs] = [pair.ours(question), pair.kernel(question)];
          if (ours.errno === theirs.errno && ours.message === theirs.message) continue;
          if (theirs.message.startsWith(KERNEL_BUG) && ours.errno !== undefined) continue;
          different.push({ access, ours: [ours.errno, ours.message], kernel: [theirs.errno, theirs.message] });
        }
      }
    }
    expect(different).toEqual([]);
  });
}

/** The log from the first instruction on, without what has its own tests. */
function tail(log: string): string {
  return log.slice(log.indexOf('\n0: R1')).slice(0, 400);
}
