/** Dynptrs that kernel functions make, change, copy and slice. */
import type { Case } from '../cases.ts';
import { call, END, fp, RANDOM, row, TYPE, VALUE } from './text.ts';

const { CGROUP_SKB, KPROBE, SOCKET, SYSCALL, TC, TRACEPOINT, XDP } = TYPE;
/** A dynptr of the packet at fp - 16; r6 is the context. */
const SKB = `\nr6 = r1\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}`;
const META = `\nr6 = r1\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb_meta')}`;
const XDPD = `\nr6 = r1\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_xdp')}`;
/** A dynptr of 48 bytes of a map value at fp - 16. */
const LOCAL = `${VALUE}r1 = r0\nr2 = 48\nr3 = 0${fp(4, -16)}call bpf_dynptr_from_mem\n`;
/** A dynptr of a ring buffer at fp - 16. */
const RING = `\nr1 = map[fd:$ring]\nr2 = 64\nr3 = 0${fp(4, -16)}call bpf_ringbuf_reserve_dynptr\n`;
const SUBMIT = `${fp(1, -16)}r2 = 0\ncall bpf_ringbuf_submit_dynptr\n`;
/** A slice of `size` bytes in r0, through a buffer at fp - 32. */
const SLICE = (size: string, buffer = fp(3, -32), name = 'bpf_dynptr_slice'): string =>
  `${fp(1, -16)}r2 = 0${buffer}r4 = ${size}${call(name)}`;
const RDWR = (size: string, buffer = fp(3, -32)): string => SLICE(size, buffer, 'bpf_dynptr_slice_rdwr');
const NONE = '\nr3 = 0\n';
/** A call with the dynptr at fp - 16 as its only argument. */
const ONE = (name: string): string => `${fp(1, -16)}${call(name)}`;
const CLONE = (to = -40): string => `${fp(1, -16)}${fp(2, to)}${call('bpf_dynptr_clone')}`;

export const DYNPTR_CASES: readonly Case[] = [
  row('packet', SKB + END),
  row('packet in a socket filter', SKB + END, SOCKET),
  row('packet of a group', SKB + END, CGROUP_SKB),
  row('packet twice', SKB + SKB.replace('r6 = r1', 'r1 = r6') + END),
  row('packet with flags', `r2 = 1${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('packet with unknown flags', `r6 = r1${RANDOM}r2 = r0\nr1 = r6${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('packet metadata', META + END),
  row('packet of xdp', XDPD + END, XDP),
  row('packet of xdp in tc', XDPD + END, TC),
  row('packet in xdp', SKB + END, XDP),
  row('place that is too small', `r2 = 0${fp(3, -8)}${call('bpf_dynptr_from_skb')}${END}`),
  row('place at an odd offset', `r2 = 0${fp(3, -20)}${call('bpf_dynptr_from_skb')}${END}`),
  row('place at an unknown offset', `r6 = r1${RANDOM}r0 &= 8\nr1 = r6\nr2 = 0${fp(3, -32)}r3 += r0${call('bpf_dynptr_from_skb')}${END}`),
  row('place below the stack', `r2 = 0${fp(3, -520)}${call('bpf_dynptr_from_skb')}${END}`),
  row('place in a map value', `r6 = r1${VALUE}r1 = r6\nr2 = 0\nr3 = r0${call('bpf_dynptr_from_skb')}${END}`),
  row('place that is the context', `r2 = 0\nr3 = r1${call('bpf_dynptr_from_skb')}${END}`),
  row('place that is a number', `r2 = 0\nr3 = 8${call('bpf_dynptr_from_skb')}${END}`),

  row('size', SKB + ONE('bpf_dynptr_size') + 'exit'),
  row('size of none', ONE('bpf_dynptr_size') + 'exit'),
  row('size of what has ended', `${RING}${SUBMIT}${ONE('bpf_dynptr_size')}exit`),
  row('size at the second slot', `${SKB}${fp(1, -8)}${call('bpf_dynptr_size')}exit`),
  row('size at an odd offset', `${SKB}${fp(1, -12)}${call('bpf_dynptr_size')}exit`),
  row('size at an unknown offset', `${SKB}${RANDOM}r0 &= 8${fp(1, -24)}r1 += r0${call('bpf_dynptr_size')}exit`),
  row('size of a number', `r1 = 5${call('bpf_dynptr_size')}exit`),
  row('size of the context', `${call('bpf_dynptr_size')}exit`),
  row('size of a map value', `${VALUE}r1 = r0${call('bpf_dynptr_size')}exit`),
  row('size of what was overwritten', `${SKB}*(u64 *)(r10 - 16) = 0${ONE('bpf_dynptr_size')}exit`),
  row('size of what was partly overwritten', `${SKB}*(u8 *)(r10 - 1) = 0${ONE('bpf_dynptr_size')}exit`),
  row('null', SKB + ONE('bpf_dynptr_is_null') + 'exit'),
  row('read-only', SKB + ONE('bpf_dynptr_is_rdonly') + 'exit'),
  row('adjusted', `${SKB}${fp(1, -16)}r2 = 1\nr3 = 4${call('bpf_dynptr_adjust')}${END}`),
  row('adjusted by a pointer', `${SKB}${fp(1, -16)}r2 = r10\nr3 = 4${call('bpf_dynptr_adjust')}${END}`),
  row(
    'adjusted, a slice stays',
    `${SKB}${SLICE('8')}if r0 == 0 goto +6\nr7 = r0${fp(1, -16)}r2 = 1\nr3 = 4${call('bpf_dynptr_adjust')}r0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row('set', `${SKB}${fp(1, -16)}r2 = 0\nr3 = 4\nr4 = 1${call('bpf_dynptr_memset')}${END}`),
  row('set from a pointer', `${SKB}${fp(1, -16)}r2 = 0\nr3 = 4\nr4 = r10${call('bpf_dynptr_memset')}${END}`),
  row('copied', `${SKB}${CLONE()}${fp(1, -16)}r2 = 0${fp(3, -40)}r4 = 0\nr5 = 4${call('bpf_dynptr_copy')}${END}`),
  row('copied from none', `${SKB}${fp(1, -16)}r2 = 0${fp(3, -40)}r4 = 0\nr5 = 4${call('bpf_dynptr_copy')}${END}`),

  row('clone', SKB + CLONE() + END),
  row('clone of none', CLONE() + END),
  row('clone over itself', SKB + CLONE(-16) + END),
  row('clone over a part of itself', SKB + CLONE(-24) + END),
  row('clone at an odd offset', SKB + CLONE(-44) + END),
  row('clone is measured', `${SKB}${CLONE()}${fp(1, -40)}${call('bpf_dynptr_size')}exit`),
  row('clone of a ring buffer', RING + CLONE() + SUBMIT + END),
  row('clone of a ring buffer is submitted', `${RING}${CLONE()}${fp(1, -40)}r2 = 0\ncall bpf_ringbuf_submit_dynptr${END}`),
  row('clone of a ring buffer is submitted twice', `${RING}${CLONE()}${SUBMIT}${fp(1, -40)}r2 = 0\ncall bpf_ringbuf_submit_dynptr${END}`),
  row('clone of a ring buffer is used after its end', `${RING}${CLONE()}${SUBMIT}${fp(1, -40)}${call('bpf_dynptr_size')}exit`),
  row('clone of a ring buffer is leaked', RING + CLONE() + END),
  row('clone of a ring buffer is overwritten', `${RING}${CLONE()}*(u64 *)(r10 - 40) = 0${SUBMIT}${END}`),
  row(
    'clone over a ring buffer',
    `${RING}\nr1 = map[fd:$ring]\nr2 = 64\nr3 = 0${fp(4, -40)}call bpf_ringbuf_reserve_dynptr${CLONE()}${SUBMIT}${END}`,
  ),
  row('clone of memory', LOCAL + CLONE() + END),
  row(
    'clone of memory is written',
    `${LOCAL}${CLONE()}*(u64 *)(r10 - 48) = 1${fp(1, -40)}r2 = 0${fp(3, -48)}r4 = 8\nr5 = 0\ncall bpf_dynptr_write${END}`,
  ),

  row('slice', `${SKB}${SLICE('8')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${END}`),
  row('slice is not checked', `${SKB}${SLICE('8')}r1 = *(u64 *)(r0 + 0)${END}`),
  row('slice beyond', `${SKB}${SLICE('8')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 1)${END}`),
  row('slice before', `${SKB}${SLICE('8')}if r0 == 0 goto +1\nr1 = *(u8 *)(r0 - 1)${END}`),
  row('slice is written', `${SKB}${SLICE('8')}if r0 == 0 goto +1\n*(u64 *)(r0 + 0) = 1${END}`),
  row('slice without a buffer', `${SKB}${SLICE('8', NONE)}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${END}`),
  row('slice with too small a buffer', `${SKB}${SLICE('24', fp(3, -20))}${END}`),
  row('slice with a buffer over the dynptr', `${SKB}${SLICE('8', fp(3, -16))}${END}`),
  row('slice with a number as buffer', `${SKB}${SLICE('8', '\nr3 = 8\n')}${END}`),
  row(
    'slice with a map value as buffer',
    `r9 = r1${VALUE}r8 = r0\nr1 = r9${SKB}${SLICE('48', '\nr3 = r8\n')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 40)${END}`,
  ),
  row('slice with a map value that is too small', `r9 = r1${VALUE}r8 = r0\nr1 = r9${SKB}${SLICE('49', '\nr3 = r8\n')}${END}`),
  row('slice with the context as buffer', `${SKB}${SLICE('8', '\nr3 = r6\n')}${END}`),
  row('slice of an unknown size', `${SKB}${RANDOM}r4 = r0\nr4 &= 7${fp(1, -16)}r2 = 0${fp(3, -32)}${call('bpf_dynptr_slice')}${END}`),
  row('slice of an unknown size without a buffer', `${SKB}${RANDOM}r4 = r0${fp(1, -16)}r2 = 0\nr3 = 0${call('bpf_dynptr_slice')}${END}`),
  row('slice of nothing', `${SKB}${SLICE('0')}if r0 == 0 goto +1\nr1 = *(u8 *)(r0 + 0)${END}`),
  row('slice of a negative size', `${SKB}${SLICE('-1')}${END}`),
  row('slice of a negative size without a buffer', `${SKB}${SLICE('-1', NONE)}${END}`),
  row('slice of a pointer as size', `${SKB}${SLICE('r10')}${END}`),
  row(
    'slice at an unknown offset',
    `${SKB}${RANDOM}r2 = r0${fp(1, -16)}${fp(3, -32)}r4 = 8${call('bpf_dynptr_slice')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${END}`,
  ),
  row('slice of none', SLICE('8') + END),
  row(
    'slice after a write',
    `${SKB}${SLICE('8')}if r0 == 0 goto +9\nr7 = r0${fp(1, -16)}r2 = 0${fp(3, -32)}r4 = 8\nr5 = 0\ncall bpf_dynptr_write\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row(
    'slice after the packet changes',
    `${SKB}${SLICE('8')}if r0 == 0 goto +5\nr7 = r0\nr1 = r6\nr2 = 64\ncall bpf_skb_pull_data\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row(
    'slice after its dynptr is overwritten',
    `${SKB}${SLICE('8')}if r0 == 0 goto +3\nr7 = r0\n*(u64 *)(r10 - 8) = 0\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row(
    'slice of a clone after the packet changes',
    `${SKB}${CLONE()}${fp(1, -40)}r2 = 0\nr3 = 0\nr4 = 8${call('bpf_dynptr_slice')}if r0 == 0 goto +5\nr7 = r0\nr1 = r6\nr2 = 64\ncall bpf_skb_pull_data\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row('dynptr after the packet changes', `${SKB}r1 = r6\nr2 = 64\ncall bpf_skb_pull_data${ONE('bpf_dynptr_size')}exit`),
  row(
    'packet pointer after a write',
    `${SKB}r7 = *(u32 *)(r6 + 76)\nr8 = *(u32 *)(r6 + 80)\nr2 = r7\nr2 += 1\nif r2 > r8 goto +9\n*(u64 *)(r10 - 32) = 0${fp(1, -16)}r2 = 0${fp(3, -32)}r4 = 8\nr5 = 0\ncall bpf_dynptr_write\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row(
    'packet pointer after a write to memory',
    `r9 = r1${LOCAL}r6 = r9\nr7 = *(u32 *)(r6 + 76)\nr8 = *(u32 *)(r6 + 80)\nr2 = r7\nr2 += 1\nif r2 > r8 goto +9\n*(u64 *)(r10 - 32) = 0${fp(1, -16)}r2 = 0${fp(3, -32)}r4 = 8\nr5 = 0\ncall bpf_dynptr_write\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row('slice of xdp', `${XDPD}${SLICE('8')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${END}`, XDP),
  row(
    'slice of xdp after the packet changes',
    `${XDPD}${SLICE('8')}if r0 == 0 goto +5\nr7 = r0\nr1 = r6\nr2 = 8\ncall bpf_xdp_adjust_head\nr0 = *(u8 *)(r7 + 0)${END}`,
    XDP,
  ),
  row('slice of metadata', `${META}${SLICE('4', NONE)}if r0 == 0 goto +1\nr1 = *(u32 *)(r0 + 0)${END}`),
  row('slice of memory', `${LOCAL}${SLICE('8', NONE)}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${END}`),
  row(
    'slice of memory after its dynptr is overwritten',
    `${LOCAL}${SLICE('8', NONE)}if r0 == 0 goto +3\nr7 = r0\n*(u64 *)(r10 - 16) = 0\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row('slice of a ring buffer', `${RING}${SLICE('8', NONE)}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${SUBMIT}${END}`),
  row('slice of a ring buffer after its end', `${RING}${SLICE('8', NONE)}r7 = r0${SUBMIT}if r7 == 0 goto +1\nr1 = *(u64 *)(r7 + 0)${END}`),

  row('writable slice', `${SKB}${RDWR('8')}if r0 == 0 goto +1\n*(u64 *)(r0 + 0) = 1${END}`),
  row('writable slice beyond', `${SKB}${RDWR('8')}if r0 == 0 goto +1\n*(u64 *)(r0 + 8) = 1${END}`),
  row('writable slice in a socket filter', `${SKB}${RDWR('8')}${END}`, SOCKET),
  row('writable slice of a group', `${SKB}${RDWR('8')}${END}`, CGROUP_SKB),
  row('writable slice of memory in a kprobe', `${LOCAL}${RDWR('8', NONE)}${END}`, KPROBE),
  row('writable slice of memory in a system call', `${LOCAL}${RDWR('8', NONE)}${END}`, SYSCALL),
  row('writable slice is not checked', `${SKB}${RDWR('8')}*(u64 *)(r0 + 0) = 1${END}`),
  row('writable slice of a pointer', `${SKB}${RDWR('8')}if r0 == 0 goto +1\n*(u64 *)(r0 + 0) = r10${END}`),
  row('writable slice of memory', `${LOCAL}${RDWR('8', NONE)}if r0 == 0 goto +1\n*(u64 *)(r0 + 0) = 1${END}`),
  row('writable slice moved', `${SKB}${RDWR('8')}if r0 == 0 goto +2\nr0 += 4\n*(u32 *)(r0 + 0) = 1${END}`),
  row('slice as helper memory', `${SKB}${SLICE('8')}if r0 == 0 goto +4\nr2 = r0\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem${END}`),
  row('slice as helper output', `${SKB}${SLICE('8')}if r0 == 0 goto +5\nr3 = r0\nr1 = r6\nr2 = 0\nr4 = 8\ncall bpf_skb_load_bytes${END}`),
  row(
    'writable slice as helper output',
    `${SKB}${RDWR('8')}if r0 == 0 goto +5\nr3 = r0\nr1 = r6\nr2 = 0\nr4 = 8\ncall bpf_skb_load_bytes${END}`,
  ),
  row('data of a packet', `${SKB}${fp(1, -16)}r2 = 0\nr3 = 8\ncall bpf_dynptr_data\nif r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${END}`),
  row(
    'data of a ring buffer after its end',
    `${RING}${fp(1, -16)}r2 = 0\nr3 = 8\ncall bpf_dynptr_data\nr7 = r0${SUBMIT}if r7 == 0 goto +1\nr1 = *(u64 *)(r7 + 0)${END}`,
  ),
  row(
    'data of memory after its dynptr is overwritten',
    `${LOCAL}${fp(1, -16)}r2 = 0\nr3 = 8\ncall bpf_dynptr_data\nif r0 == 0 goto +3\nr7 = r0\n*(u64 *)(r10 - 16) = 0\nr0 = *(u8 *)(r7 + 0)${END}`,
  ),
  row(
    'kernel memory into a dynptr',
    `${LOCAL}${fp(1, -16)}r2 = 0\nr3 = 8\nr4 = 0${call('bpf_probe_read_kernel_dynptr')}${END}`,
    TRACEPOINT,
  ),
  row('kernel memory into none', `${fp(1, -16)}r2 = 0\nr3 = 8\nr4 = 0${call('bpf_probe_read_kernel_dynptr')}${END}`, TRACEPOINT),
  row('user memory into a dynptr', `${LOCAL}${fp(1, -16)}r2 = 0\nr3 = 8\nr4 = 0${call('bpf_copy_from_user_dynptr')}${END}`, SYSCALL),
  row(
    'user memory into a dynptr where nothing sleeps',
    `${LOCAL}${fp(1, -16)}r2 = 0\nr3 = 8\nr4 = 0${call('bpf_copy_from_user_dynptr')}${END}`,
    KPROBE,
  ),
  row(
    'user memory of a task into a dynptr',
    `${LOCAL}call bpf_get_current_task_btf\nr5 = r0${fp(1, -16)}r2 = 0\nr3 = 8\nr4 = 0${call('bpf_copy_from_user_task_dynptr')}${END}`,
    SYSCALL,
  ),
  row('dynptr in a callee', `${SKB}${fp(1, -16)}call pc+2${END}${call('bpf_dynptr_size')}exit`),
  row(
    'dynptr made by a callee',
    `r2 = r10\nr2 += -16\ncall pc+5${ONE('bpf_dynptr_size')}exit\nr3 = r2\nr2 = 0${call('bpf_dynptr_from_skb')}exit`,
  ),
  row('dynptr of a callee is gone', `call pc+1\nexit${SKB}r0 = 0\nexit`),
  row(
    'states of dynptrs differ',
    `r6 = r1${RANDOM}if r0 == 0 goto +5\nr1 = r6\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${ONE('bpf_dynptr_size')}exit`,
  ),
  row('cipher of dynptrs', `${LOCAL}${CLONE()}r1 = 0${fp(2, -16)}${fp(3, -40)}r4 = 0${call('bpf_crypto_encrypt')}${END}`),
];
