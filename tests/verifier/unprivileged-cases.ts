/** Programs whose verdict depends on the loader's capabilities: one that is kept within each rule, and one that breaks it. */
import type { Case } from './cases.ts';

const row = (name: string, text: string, more: Partial<Case> = {}): Case => ({ name, text, ...more });
const END = '\nr0 = 0\nexit';
/** r0 = value of the array or the program ends; 48 bytes. */
const VALUE = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[fd:$array]
  call bpf_map_lookup_elem
  if r0 != 0 goto +1
  exit
`;
/** The same with r6 an unknown byte of the value. */
const INDEX = `${VALUE}
  r6 = *(u8 *)(r0 + 0)
`;
const SKB_LENGTH = 'r6 = *(u32 *)(r1 + 0)\n';

export const UNPRIVILEGED_CASES: readonly Case[] = [
  // Addresses that the program may not learn.
  row('leak into map', `r6 = r1${VALUE}*(u64 *)(r0 + 0) = r6${END}`),
  row('no leak into map', `r6 = 7${VALUE}*(u64 *)(r0 + 0) = r6${END}`),
  row('leak into ctx', `*(u32 *)(r1 + 48) = r1${END}`),
  row('leak into ctx, whole', `*(u64 *)(r1 + 48) = r10${END}`),
  row('leak as argument', `r1 = r10\nr2 = r10\nr3 = r10\ncall bpf_map_lookup_elem${END}`),
  row('leak as flags', `r9 = r10${VALUE}r2 = r10\nr2 += -4\nr3 = r0\nr4 = r9\nr1 = map[fd:$array]\ncall bpf_map_update_elem${END}`),
  row('leak as return value', 'r0 = r10\nexit'),
  row('leak of map pointer', 'r0 = map[fd:$array]\nexit'),
  row('partial copy', `w2 = w1${END}`),
  row('sign-extended copy', `r2 = (s32)r1${END}`),
  row('pointer compared with pointer', `r2 = r10\nif r1 == r2 goto +0${END}`),
  row('pointer compared with constant', `if r1 == 5 goto +0${END}`),
  row('constant compared with pointer', `r2 = 5\nif r2 == r1 goto +0${END}`),
  row('pointer compared with zero', `if r1 == 0 goto +0${END}`),
  row('maybe NULL compared with zero', `${VALUE}r1 = *(u8 *)(r0 + 0)${END}`),
  row(
    'maybe NULL compared with one',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\nif r0 == 1 goto +0${END}`,
  ),
  row('32-bit comparison of pointer', `if w1 == 0 goto +0${END}`),
  row('neg of pointer', `r1 = -r1${END}`),
  row('be of pointer', `r1 = be64 r1${END}`),
  row('xor of pointer', `r1 ^= 1${END}`),
  row('mul of pointer', `r1 *= 2${END}`),
  row('pointer minus pointer', `r2 = r1\nr2 -= r1${END}`),
  row('pointer minus pointer 32', `r2 = r1\nw2 -= w1${END}`),
  row('pointer plus 32', `w1 += 4${END}`),
  row('corrupt spill', `*(u64 *)(r10 - 8) = r1\n*(u32 *)(r10 - 8) = 0${END}`),
  row('corrupt spill, high byte', `*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 1) = 0${END}`),
  row('overwrite spill whole', `*(u64 *)(r10 - 8) = r1\n*(u64 *)(r10 - 8) = 0${END}`),
  row('atomic add to spill', `*(u64 *)(r10 - 8) = r1\nr2 = 1\nlock *(u64 *)(r10 - 8) += r2${END}`),
  row('atomic add of pointer', `${VALUE}r1 = r10\nlock *(u64 *)(r0 + 0) += r1${END}`),
  row('xchg of pointer', `${VALUE}r1 = r10\nr1 = xchg_64(r0 + 0, r1)${END}`),
  row('cmpxchg with pointer', `r6 = r10${VALUE}r7 = r0\nr0 = r6\nr1 = 1\nr0 = cmpxchg_64(r7 + 0, r0, r1)${END}`),
  row('helper reads spilled pointer', `*(u64 *)(r10 - 8) = r1\nr2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem${END}`),
  row(
    'store of packet pointer',
    `r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 8\nif r4 > r3 goto +1\n*(u64 *)(r2 + 0) = r10${END}`,
    {
      type: 3,
    },
  ),
  row(
    'packet compared with its end',
    `r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 8\nif r4 > r3 goto +1\nr0 = *(u64 *)(r2 + 0)${END}`,
    {
      type: 3,
    },
  ),
  row(
    'packet offset unknown',
    `${'r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = *(u32 *)(r1 + 0)\nr4 &= 7\nr2 += r4\n'}r5 = r2\nr5 += 8\nif r5 > r3 goto +1\nr0 = *(u64 *)(r2 + 0)${END}`,
    {
      type: 3,
    },
  ),
  row(
    'leak into reserved memory',
    `r1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +4\n*(u64 *)(r0 + 0) = r10\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
  ),
  row('map pointer written', `r1 = map[fd:$array]\n*(u32 *)(r1 + 0) = 0${END}`),

  // Stack.
  row('uninitialised stack', 'r0 = *(u64 *)(r10 - 8)\nexit'),
  row('uninitialised stack within the frame', '*(u64 *)(r10 - 16) = 0\nr0 = *(u64 *)(r10 - 8)\nexit'),
  row('half initialised stack', '*(u32 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\nexit'),
  row('initialised stack', '*(u64 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\nexit'),
  row('initialised in parts', '*(u32 *)(r10 - 8) = 0\n*(u32 *)(r10 - 4) = 1\nr0 = *(u64 *)(r10 - 8)\nexit'),
  row('uninitialised key', `r2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem${END}`),
  row(
    'scalar spill loses its value',
    `${SKB_LENGTH}r6 &= 7\n*(u64 *)(r10 - 8) = r6\nr7 = *(u64 *)(r10 - 8)\nif r7 > 7 goto +1${END}\nr0 = *(u64 *)(r7 + 0)\nexit`,
  ),
  row(
    'constant spill loses its value',
    '*(u64 *)(r10 - 8) = 5\nr7 = *(u64 *)(r10 - 8)\nif r7 != 5 goto +2\nr0 = 0\nexit\nr0 = *(u64 *)(r7 + 0)\nexit',
  ),
  row(
    'zero on the stack is known',
    '*(u64 *)(r10 - 8) = 0\nr7 = *(u64 *)(r10 - 8)\nif r7 != 0 goto +2\nr0 = 0\nexit\nr0 = *(u64 *)(r7 + 0)\nexit',
  ),
  row(
    'variable stack read',
    `${SKB_LENGTH}*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr6 &= 7\nr2 = r10\nr2 += -16\nr2 += r6\nr0 = *(u8 *)(r2 + 0)\nexit`,
  ),
  row(
    'variable stack write',
    `${SKB_LENGTH}*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr6 &= 7\nr2 = r10\nr2 += -16\nr2 += r6\n*(u8 *)(r2 + 0) = 1${END}`,
  ),
  row('stack pointer plus constant register', `*(u64 *)(r10 - 16) = 0\nr6 = 8\nr2 = r10\nr2 += -16\nr2 += r6\n*(u64 *)(r2 + 0) = 1${END}`),
  row('stack pointer leaves its frame', `r2 = r10\nr2 += -600\nr2 += 592\n*(u64 *)(r2 + 0) = 1${END}`),
  row('stack pointer above its frame', `r2 = r10\nr2 += 8\nr2 += -16\n*(u64 *)(r2 + 0) = 1${END}`),
  row('stack pointer at the frame', `r2 = r10\nr2 += 0\nr2 += -16\n*(u64 *)(r2 + 0) = 1${END}`),
  row('stack pointer minus', `r2 = r10\nr2 -= 8\n*(u64 *)(r2 + 0) = 1${END}`),
  row('stack pointer minus register', `r3 = 8\nr2 = r10\nr2 -= r3\n*(u64 *)(r2 + 0) = 1${END}`),
  row('helper fills the stack', 'r2 = 0\nr3 = r10\nr3 += -8\nr4 = 8\ncall bpf_skb_load_bytes\nr0 = *(u64 *)(r10 - 8)\nexit'),
  row(
    'helper fills the stack on a path that is not taken',
    `r6 = 0\nif r6 == 0 goto +6\nr2 = 0\nr3 = r10\nr3 += -8\nr4 = 8\ncall bpf_skb_load_bytes\nr0 = *(u64 *)(r10 - 8)${END}`,
  ),
  row(
    'helper fills the stack after a known jump',
    `r6 = 0\nr7 = r1\nif r6 == 0 goto +1\nr6 = 1\nr1 = r7\nr2 = 0\nr3 = r10\nr3 += -8\nr4 = 8\ncall bpf_skb_load_bytes\nr0 = *(u64 *)(r10 - 8)${END}`,
  ),

  // Offsets that are masked at run time.
  row('value plus index', `${INDEX}r6 &= 15\nr0 += r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('value plus index, too far', `${INDEX}r0 += r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('value plus index, bounded by jump', `${INDEX}if r6 > 40 goto +2\nr0 += r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('value plus index, used too wide', `${INDEX}if r6 > 40 goto +2\nr0 += r6\nr0 = *(u64 *)(r0 + 7)${END}`),
  row('value plus index, then minus', `${INDEX}r6 &= 7\nr0 += r6\nr0 -= r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('value plus 16 minus index', `${INDEX}r6 &= 7\nr0 += 16\nr0 -= r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('value minus index', `${INDEX}r6 &= 7\nr0 -= r6\nr0 = *(u8 *)(r0 + 7)${END}`),
  row('value plus mixed sign', `${INDEX}if r6 s> 7 goto +3\nif r6 s< -7 goto +2\nr0 += r6\nr0 = *(u8 *)(r0 + 8)${END}`),
  row(
    'value plus unknown sign',
    `${VALUE}r6 = *(u64 *)(r0 + 0)\nif r6 s> 7 goto +4\nif r6 s< -7 goto +3\nr0 += 16\nr0 += r6\nr0 = *(u8 *)(r0 + 8)${END}`,
  ),
  row(
    'value plus negative',
    `${VALUE}r6 = *(u64 *)(r0 + 0)\nif r6 s> -1 goto +4\nif r6 s< -7 goto +3\nr0 += 16\nr0 += r6\nr0 = *(u8 *)(r0 + 8)${END}`,
  ),
  row('index plus value', `${INDEX}r6 &= 15\nr6 += r0\nr0 = *(u8 *)(r6 + 0)${END}`),
  row('index minus value', `${INDEX}r6 &= 15\nr6 -= r0${END}`),
  row('value plus constant', `${VALUE}r0 += 40\nr0 = *(u64 *)(r0 + 0)${END}`),
  row('value plus constant, beyond', `${VALUE}r0 += 48\nr0 = *(u64 *)(r0 - 8)${END}`),
  row('value plus constant register', `${VALUE}r6 = 40\nr0 += r6\nr0 = *(u64 *)(r0 + 0)${END}`),
  row('value plus constant register, beyond', `${VALUE}r6 = 48\nr0 += r6\nr0 = *(u64 *)(r0 - 8)${END}`),
  row('value plus large index', `${VALUE}r6 = *(u32 *)(r0 + 0)\nr0 += r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('value minus constant', `${VALUE}r0 += 8\nr0 -= 8\nr0 = *(u64 *)(r0 + 0)${END}`),
  row('value minus constant, before', `${VALUE}r0 -= 8\nr0 = *(u64 *)(r0 + 8)${END}`),
  row('ctx plus register', `r2 = 0\nr1 += r2\nr0 = *(u32 *)(r1 + 0)\nexit`),
  row('ctx plus constant', `r1 += 0\nr0 = *(u32 *)(r1 + 0)\nexit`),
  row('scalar or pointer at one addition', `${SKB_LENGTH}r7 = 8\nr2 = 0\nif r6 == 0 goto +1\nr2 = r10\nr2 += r7${END}`),
  row('pointer or scalar at one addition', `${SKB_LENGTH}r7 = -8\nr2 = r10\nif r6 == 0 goto +1\nr2 = 5\nr2 += r7${END}`),
  row(
    'different limits at one addition',
    `${INDEX}r6 &= 7\nr7 = *(u8 *)(r0 + 1)\nr1 = r0\nif r7 == 0 goto +1\nr1 += 8\nr1 += r6\nr0 = *(u8 *)(r1 + 0)${END}`,
  ),
  row(
    'same limit at one addition',
    `${INDEX}r6 &= 7\nr7 = *(u8 *)(r0 + 1)\nr1 = r0\nif r7 == 0 goto +1\nr8 = 1\nr1 += r6\nr0 = *(u8 *)(r1 + 0)${END}`,
  ),
  row(
    'different indices at one addition',
    `${INDEX}r6 &= 7\nr7 = *(u8 *)(r0 + 1)\nr1 = r0\nif r7 == 0 goto +1\nr6 &= 3\nr1 += r6\nr0 = *(u8 *)(r1 + 0)${END}`,
  ),
  row(
    'constant or index at one addition',
    `${INDEX}r6 &= 7\nr7 = *(u8 *)(r0 + 1)\nr1 = r0\nif r7 == 0 goto +1\nr6 = 3\nr1 += r6\nr0 = *(u8 *)(r1 + 0)${END}`,
  ),
  row('scalar additions', `${SKB_LENGTH}r7 = *(u32 *)(r1 + 4)\nr7 += r6\nr7 -= r6\nr0 = r7\nexit`),

  // Paths that only a mispredicting processor takes.
  row('dead code is followed', `r0 = 0\nif r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 0)\nexit`),
  row('dead code with an unknown register', `r0 = 0\nif r0 != 0 goto +1\nexit\nr0 = *(u64 *)(r0 + 0)\nexit`),
  row('dead code that leaks', `r0 = 0\nif r0 == 0 goto +1\nr0 = r10\nexit`),
  row('dead code with a loop', `r0 = 0\nif r0 == 0 goto +2\nr0 += 1\nif r0 < 5 goto -2\nexit`),
  row('dead jump by two registers', `r0 = 0\nr1 = 0\nif r0 == r1 goto +1\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit`),
  row('dead jump in dead code', `r6 = 0\nr7 = 1\nr0 = 0\nif r6 == 0 goto +2\nif r7 == 1 goto +1\nr0 = *(u64 *)(r6 + 0)\nexit`),
  row('index beyond its test', `${INDEX}r7 = 0\nif r6 > 40 goto +1\nr7 = r6\nr0 += r7\nr0 = *(u8 *)(r0 + 0)${END}`),
  row('bounds known by a constant', `${VALUE}r6 = 3\nif r6 < 40 goto +1\nr6 = 100\nr0 += r6\nr0 = *(u8 *)(r0 + 0)${END}`),
  row(
    'store to the stack on a dead path',
    `r6 = 0\n*(u64 *)(r10 - 8) = 1\nif r6 == 0 goto +2\n*(u64 *)(r10 - 8) = r10\nr6 = 2\nr0 = 0\nexit`,
  ),
  row(
    'store of a pointer, then load',
    `r6 = 0\nif r6 == 0 goto +1\nr6 = 1\n*(u64 *)(r10 - 8) = r1\nr1 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r1 + 0)\nexit`,
  ),
  row('many dead branches', `r6 = 0\nr0 = 0\n${'if r6 == 0 goto +1\nr0 += 1\n'.repeat(12)}exit`),
  row('many dead branches that meet', `r6 = 0\nr7 = *(u32 *)(r1 + 0)\nr0 = 0\n${'if r7 == 0 goto +1\nif r6 == 0 goto +0\n'.repeat(8)}exit`),

  // Instructions and helpers.
  row('loop', `r0 = 0\nr0 += 1\nif r0 < 5 goto -2\nexit`),
  row('loop by goto', `r0 = 0\ngoto +1\nr0 += 1\nif r0 < 5 goto -2\nexit`),
  row('may_goto', `r0 = 0\nmay_goto +1\ngoto -2\nexit`),
  row('subprogram', `call +1\nexit\nr0 = 0\nexit`),
  row('recursion to the start', `call -1\nexit`),
  row('call to nowhere', `call +7\nr0 = 0\nexit`),
  row('unreachable', `r0 = 0\nexit\nr0 = 1\nexit`),
  row(
    'precision of an index',
    `${SKB_LENGTH}r7 = 0\nif r6 > 5 goto +1\nr7 = 1\nr2 = r10\nr2 += -16\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr7 <<= 3\nr0 = *(u64 *)(r2 + 0)\nexit`,
  ),
  row('branches that meet', `${SKB_LENGTH}r0 = 0\n${'if r6 == 1 goto +1\nr0 += 1\n'.repeat(10)}exit`),
  row('helper of no tier', `call bpf_ktime_get_ns${END}`),
  row('helper of CAP_BPF', `call bpf_jiffies64${END}`),
  row('helper of CAP_PERFMON', `call bpf_get_current_task${END}`),
  row('helper of sockets', `r1 = 0\ncall bpf_skc_to_tcp_sock${END}`),
  row('trace_printk', `*(u64 *)(r10 - 8) = 0x41\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_trace_printk${END}`),
  row(
    'ring buffer',
    `r1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +4\n*(u64 *)(r0 + 0) = 1\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
  ),
  row(
    'ring buffer, memory moved',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +6\nr6 = 8\nr7 = r0\nr7 += r6\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
  ),
  row('tail call', `r2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${END}`),
  row('tail call, unknown index', `${SKB_LENGTH}r2 = map[fd:$progs]\nr3 = r6\ncall bpf_tail_call${END}`),
  row('perf output', `*(u64 *)(r10 - 8) = 0\nr2 = map[fd:$perf]\nr3 = 0\nr4 = r10\nr4 += -8\nr5 = 8\ncall bpf_perf_event_output${END}`),
  row('queue', `*(u64 *)(r10 - 8) = 0\nr1 = map[fd:$queue]\nr2 = r10\nr2 += -8\nr3 = 0\ncall bpf_map_push_elem${END}`),
  row('packet load', `r6 = r1\nr0 = *(u8 *)skb[0]\nexit`),
  row('as many instructions as anybody may load', `${'r0 = 0\n'.repeat(4095)}exit`),
  row('more instructions than anybody may load', `${'r0 = 0\n'.repeat(4096)}exit`),
  row('test_state_freq', `${SKB_LENGTH}r0 = 0\nif r6 == 1 goto +1\nr0 = 1\nexit`, { flags: 8 }),

  // Contexts.
  row('cgroup_skb data', `r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr0 = 1\nexit`, { type: 8 }),
  row('cgroup_skb len', `r2 = *(u32 *)(r1 + 0)\nr0 = 1\nexit`, { type: 8 }),
  row('cgroup_skb tstamp', `r2 = *(u64 *)(r1 + 152)\nr0 = 1\nexit`, { type: 8 }),
  row('cgroup_skb tstamp written', `r2 = 1\n*(u64 *)(r1 + 152) = r2\nr0 = 1\nexit`, { type: 8 }),
  row('cgroup_skb mark written', `r2 = 1\n*(u32 *)(r1 + 8) = r2\nr0 = 1\nexit`, { type: 8 }),
  row('socket_filter cb written', `r2 = 1\n*(u32 *)(r1 + 48) = r2${END}`),
  row('socket_filter sk', `r2 = *(u64 *)(r1 + 168)\nif r2 == 0 goto +1\nr0 = *(u32 *)(r2 + 0)${END}`),
  row('socket_filter sk, fullsock', `r1 = *(u64 *)(r1 + 168)\nif r1 == 0 goto +1\ncall bpf_sk_fullsock${END}`),
  row('tc', `r0 = *(u32 *)(r1 + 0)\nexit`, { type: 3 }),
  row('kprobe', `r0 = *(u64 *)(r1 + 0)\nexit`, { type: 2 }),
  row('sk_reuseport', `r0 = *(u32 *)(r1 + 16)\nexit`, { type: 21, attach: 39 }),
  row('sk_lookup', `r0 = 1\nexit`, { type: 30, attach: 36 }),
  row('syscall', END, { type: 31, flags: 16 }),
];
