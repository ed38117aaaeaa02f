/** Helpers that read clocks. */
import type { HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const TIME_HELPERS = [
  {
    id: 5,
    name: 'ktime_get_ns',
    since: '4.1',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives nanoseconds since boot, time in suspend left out.',
  },
  {
    id: 118,
    name: 'jiffies64',
    since: '5.6',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: "Gives the kernel's 64-bit tick counter.",
  },
  {
    id: 125,
    name: 'ktime_get_boot_ns',
    since: '5.8',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives nanoseconds since boot, time in suspend included.',
  },
  {
    id: 160,
    name: 'ktime_get_coarse_ns',
    since: '5.11',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives the time of the last tick in nanoseconds since boot: cheaper and coarser.',
  },
  {
    id: 208,
    name: 'ktime_get_tai_ns',
    since: '6.1',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives nanoseconds of International Atomic Time.',
  },
] as const satisfies readonly HelperProto[];

/** Ticks per second of the kernel that the engine plays (CONFIG_HZ of most distributions' x86-64 kernels). */
const HZ = 250n;
/** The counter starts five minutes before its low 32 bits wrap (include/linux/jiffies.h INITIAL_JIFFIES). */
const INITIAL_JIFFIES = 0x1_0000_0000n - 300n * HZ;

/** Nanoseconds of a tick: what the coarse clock advances by. */
const TICK = 1_000_000_000n / HZ;

/** The wall clock. A kernel that nobody told the leap seconds has the same as its atomic time. */
function realtime(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/** Clocks, from the engine's. */
export const TIME_IMPLS = {
  ktime_get_ns: (call) => call.clock.monotonic(),
  jiffies64: (call) => INITIAL_JIFFIES + (call.clock.monotonic() * HZ) / 1_000_000_000n,
  ktime_get_boot_ns: (call) => call.clock.boottime(),
  ktime_get_coarse_ns(call) {
    const now = call.clock.monotonic();
    return now - (now % TICK);
  },
  ktime_get_tai_ns: (call) => call.clock.tai?.() ?? realtime(),
} satisfies HelperImpls<(typeof TIME_HELPERS)[number]['name']>;
