/** Open-coded iterators: their states, the loops that they bound, and how they end. */
import type { Case } from '../cases.ts';
import { call, DESTROY, END, fp, LOOP, NEW, NEXT, RANDOM, row, TYPE, VALUE } from './text.ts';

const { KPROBE, SYSCALL, TC, XDP, RAW_TRACEPOINT, UPROBE_SLEEPABLE } = TYPE;
const TASK = '\nr2 = 0\nr3 = 0';
const RCU_LOCK = call('bpf_rcu_read_lock');
const RCU_UNLOCK = call('bpf_rcu_read_unlock');

export const ITERATOR_CASES: readonly Case[] = [
  row('iterator of numbers', LOOP('r1 = *(u32 *)(r0 + 0)', 1) + END),
  row('iterator of numbers in xdp', LOOP('r1 = *(u32 *)(r0 + 0)', 1) + END, XDP),
  row('iterator of numbers in a kprobe', LOOP('r1 = *(u32 *)(r0 + 0)', 1) + END, KPROBE),
  row('iterator is leaked', NEW() + END),
  row('iterator is leaked after next', `${NEW()}${NEXT()}${END}`),
  row('iterator is destroyed at once', NEW() + DESTROY() + END),
  row('iterator is moved on before it is made', NEXT() + END),
  row('iterator is destroyed before it is made', DESTROY() + END),
  row('iterator is moved on after its end', `${NEW()}${DESTROY()}${NEXT()}${END}`),
  row('iterator is destroyed twice', NEW() + DESTROY() + DESTROY() + END),
  row('iterator is made twice', NEW() + NEW() + DESTROY() + END),
  row('iterator is made again after its end', NEW() + DESTROY() + NEW() + DESTROY() + END),
  row('element is not checked', `${NEW()}${NEXT()}r1 = *(u32 *)(r0 + 0)${DESTROY()}${END}`),
  row('element is written', LOOP('*(u32 *)(r0 + 0) = 1', 1) + END),
  row('element beyond', LOOP('r1 = *(u32 *)(r0 + 4)', 1) + END),
  row('element before', LOOP('r1 = *(u32 *)(r0 - 4)', 1) + END),
  row('element wide', LOOP('r1 = *(u64 *)(r0 + 0)', 1) + END),
  row('element by byte', LOOP('r1 = *(u8 *)(r0 + 3)', 1) + END),
  row(
    'element is used after the end',
    `r6 = 0${NEW()}${NEXT()}if r0 == 0 goto +1\nr6 = r0${DESTROY()}if r6 == 0 goto +1\nr6 = *(u32 *)(r6 + 0)${END}`,
  ),
  row(
    'element after next',
    `${NEW()}${NEXT()}if r0 == 0 goto +7\nr6 = r0${NEXT()}if r0 == 0 goto +2\nr1 = *(u32 *)(r6 + 0)\nr1 = *(u32 *)(r0 + 0)${DESTROY()}${END}`,
  ),
  row('two elements', `${NEW()}${NEXT()}if r0 == 0 goto +4${NEXT()}r1 = 0${DESTROY()}${END}`),
  row('iterator in the middle of the stack', LOOP('r1 = *(u32 *)(r0 + 0)', 1, -64) + END),
  row('iterator at the bottom', LOOP('r1 = *(u32 *)(r0 + 0)', 1, -512) + END),
  row('iterator below the stack', NEW(-520) + DESTROY(-520) + END),
  row('iterator at an odd offset', NEW(-12) + DESTROY(-12) + END),
  row('iterator at fp', NEW(0) + DESTROY(0) + END),
  row('iterator above fp', NEW(8) + END),
  row('iterator is moved on at fp', `${NEW(-8)}${NEXT(0)}${DESTROY()}${END}`),
  row('iterator is moved on at another offset', `${NEW(-16)}${NEXT(-8)}${DESTROY(-16)}${END}`),
  row('iterator at a variable offset', `${RANDOM}r0 &= 8\nr6 = r0${fp(1, -16)}r1 += r6\nr2 = 0\nr3 = 10${call('bpf_iter_num_new')}${END}`),
  row(
    'iterator is moved on at a variable offset',
    `${RANDOM}r0 &= 8\nr6 = r0${NEW()}${fp(1, -16)}r1 += r6${call('bpf_iter_num_next')}${DESTROY()}${END}`,
  ),
  row('iterator in a map value', `${VALUE}r1 = r0\nr2 = 0\nr3 = 1${call('bpf_iter_num_new')}${END}`),
  row('iterator in the context', `r2 = 0\nr3 = 1${call('bpf_iter_num_new')}${END}`),
  row('iterator is a number', `r1 = 7\nr2 = 0\nr3 = 1${call('bpf_iter_num_new')}${END}`),
  row('iterator is nothing', `r0 = 0\nr1 = 0${call('bpf_iter_num_new')}${END}`),
  row('next of a map value', `${VALUE}r1 = r0${call('bpf_iter_num_next')}${END}`),
  row('next of a number', `r1 = 7${call('bpf_iter_num_next')}${END}`),
  row('destroy of the context', `${call('bpf_iter_num_destroy')}${END}`),
  row('start is a pointer', `${fp(1, -8)}r2 = r10\nr3 = 1${call('bpf_iter_num_new')}${END}`),
  row('end is missing', `r6 = r1${RANDOM}${fp(1, -8)}r2 = 0${call('bpf_iter_num_new')}${END}`),
  row('bounds are unknown', `${RANDOM}r6 = r0${RANDOM}r3 = r0\nr2 = r6${fp(1, -8)}${call('bpf_iter_num_new')}${NEXT()}${DESTROY()}${END}`),
  row('overwritten iterator', `${NEW()}*(u64 *)(r10 - 8) = 0${DESTROY()}${END}`),
  row('overwritten iterator and exit', `${NEW()}*(u64 *)(r10 - 8) = 0${END}`),
  row('partly overwritten iterator', `${NEW()}*(u8 *)(r10 - 1) = 0${DESTROY()}${END}`),
  row('partly overwritten iterator, low byte', `${NEW()}*(u8 *)(r10 - 8) = 0${DESTROY()}${END}`),
  row('overwritten by a pointer', `${NEW()}*(u64 *)(r10 - 8) = r10${DESTROY()}${END}`),
  row(
    'overwritten at a variable offset',
    `${RANDOM}r0 &= 7\nr6 = r0${NEW()}r1 = r10\nr1 += -16\nr1 += r6\n*(u8 *)(r1 + 0) = 1${DESTROY()}${END}`,
  ),
  row(
    'overwritten at a variable offset for sure',
    `${RANDOM}r0 &= 7\nr6 = r0${NEW()}r1 = r10\nr1 += -8\nr1 += r6\n*(u8 *)(r1 + 0) = 1${DESTROY()}${END}`,
  ),
  row('iterator is read', `${NEW()}r6 = *(u64 *)(r10 - 8)${DESTROY()}${END}`),
  row('iterator is read by byte', `${NEW()}r6 = *(u8 *)(r10 - 5)${DESTROY()}${END}`),
  row('iterator is read by a helper', `${NEW()}${fp(1, -16)}r2 = 16\nr3 = r10${call('bpf_iter_num_next')}${END}`),
  row(
    'iterator as helper memory',
    `${NEW()}*(u64 *)(r10 - 16) = 0${fp(2, -8)}r1 = map[fd:$hash]\ncall bpf_map_lookup_elem\nr0 = 0${DESTROY()}${END}`,
  ),
  row('iterator as helper output', `r6 = r1${NEW()}r1 = r6\nr2 = 0${fp(3, -8)}r4 = 8\ncall bpf_skb_load_bytes${DESTROY()}${END}`),
  row('iterator is of another kind', `${NEW(-8)}${fp(1, -8)}${call('bpf_iter_bits_next')}${DESTROY()}${END}`),
  row('iterator is destroyed as another kind', `${NEW(-8)}${fp(1, -8)}${call('bpf_iter_task_destroy')}${END}`),
  row('iterator where a dynptr is', `r6 = r1\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${NEW(-8)}${DESTROY(-8)}${END}`),
  row('dynptr where an iterator is', `r6 = r1${NEW(-8)}r1 = r6\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${DESTROY(-8)}${END}`),

  row(
    'nested loops',
    `${NEW(-8)}${NEXT(-8)}if r0 == 0 goto +${20}${NEW(-16)}${NEXT(-16)}if r0 == 0 goto +1\ngoto -5${DESTROY(-16)}goto -${22}${DESTROY(-8)}${END}`,
  ),
  row('two iterators', `${NEW(-8)}${NEW(-16)}${NEXT(-8)}${NEXT(-16)}${DESTROY(-8)}${DESTROY(-16)}${END}`),
  row('two iterators in another order', `${NEW(-8)}${NEW(-16)}${DESTROY(-8)}${DESTROY(-16)}${END}`),
  row('one of two iterators is leaked', `${NEW(-8)}${NEW(-16)}${DESTROY(-8)}${END}`),
  row('loop that counts', `r6 = 0${LOOP('r6 += 1', 1)}r0 = r6\nexit`),
  row(
    'loop that counts on the stack',
    `*(u64 *)(r10 - 16) = 0${LOOP('r1 = *(u64 *)(r10 - 16)\nr1 += 1\n*(u64 *)(r10 - 16) = r1', 3)}r0 = *(u64 *)(r10 - 16)\nexit`,
  ),
  row('loop that sums', `r6 = 0${LOOP('r1 = *(u32 *)(r0 + 0)\nr6 += r1', 2)}r0 = r6\nexit`),
  row(
    'loop with a bounded index',
    `${VALUE}r7 = r0\nr6 = 0${LOOP('if r6 > 40 goto +4\nr1 = r7\nr1 += r6\n*(u8 *)(r1 + 0) = 1\nr6 += 1', 5)}${END}`,
  ),
  row(
    'loop with an index that is not tested',
    `${VALUE}r7 = r0\nr6 = 0${LOOP('r1 = r7\nr1 += r6\n*(u8 *)(r1 + 0) = 1\nr6 += 1', 4)}${END}`,
  ),
  row('loop with a constant that changes', `r6 = 1${LOOP('r6 += 1\nr6 &= 7', 2)}r0 = r6\nexit`),
  row('loop that leaves a pointer', `r6 = 0${LOOP('r6 = r0', 1)}if r6 == 0 goto +1\nr6 = *(u32 *)(r6 + 0)${END}`),
  row(
    'loop that needs a first value',
    `r6 = 0\nr7 = 0${VALUE}r8 = r0${LOOP('if r7 != 0 goto +3\nr7 = 1\nr6 = 7\ngoto +3\nr1 = r8\nr1 += r6\n*(u8 *)(r1 + 0) = 1', 7)}${END}`,
  ),
  row('loop with a break', `${LOOP('r1 = *(u32 *)(r0 + 0)\nif r1 == 3 goto +1', 2)}${END}`),
  row('loop with an endless loop inside', LOOP('goto -1', 1) + END),
  row('loop with a counting loop inside', LOOP('r1 = 0\nr1 += 1\nif r1 != 5 goto -2', 3) + END),
  row('loop with a call', LOOP('call bpf_get_prandom_u32', 1) + END),
  row('loop with a random path', `r6 = 0${LOOP('call bpf_get_prandom_u32\nif r0 == 0 goto +1\nr6 += 2', 3)}r0 = r6\nexit`),
  row('loop that spills the element', `${LOOP('*(u64 *)(r10 - 16) = r0\nr1 = *(u64 *)(r10 - 16)\nr1 = *(u32 *)(r1 + 0)', 3)}${END}`),
  row(
    'iterator state is compared',
    `r6 = 0${RANDOM}if r0 == 0 goto +11${NEW()}${NEXT()}if r0 == 0 goto +0\ngoto +5${NEW()}${DESTROY()}${END}`,
  ),
  row('iterator on one path', `${RANDOM}if r0 == 0 goto +5${NEW()}${DESTROY()}${END}`),
  row('iterator is destroyed on one path', `${NEW()}${RANDOM}if r0 == 0 goto +3${DESTROY()}${END}`),

  row('iterator in a callee', `r1 = r10\nr1 += -8\ncall pc+2${END}\nr2 = 0\nr3 = 10${call('bpf_iter_num_new')}r0 = 0\nexit`),
  row(
    'iterator made by a callee',
    `r6 = r10\nr6 += -8\nr1 = r6\ncall pc+4\nr1 = r6${call('bpf_iter_num_destroy')}${END}\nr2 = 0\nr3 = 10${call('bpf_iter_num_new')}r0 = 0\nexit`,
  ),
  row('iterator moved by a callee', `${NEW()}${fp(1, -8)}call pc+5${DESTROY()}${END}${call('bpf_iter_num_next')}r0 = 0\nexit`),
  row(
    'loop in a callee',
    `${NEW()}${fp(1, -8)}call pc+5${DESTROY()}${END}\nr6 = r1\nr1 = r6${call('bpf_iter_num_next')}if r0 != 0 goto -3\nr0 = 0\nexit`,
  ),
  row('callee leaves with its own iterator', `call pc+2${END}${NEW()}r0 = 0\nexit`),

  row(
    'iterator of bits',
    `*(u64 *)(r10 - 24) = 7${fp(1, -16)}${fp(2, -24)}r3 = 1${call('bpf_iter_bits_new')}${fp(1, -16)}${call('bpf_iter_bits_next')}if r0 == 0 goto +1\nr1 = *(u32 *)(r0 + 0)${fp(1, -16)}${call('bpf_iter_bits_destroy')}${END}`,
  ),
  row('iterator of bits needs two slots', `*(u64 *)(r10 - 24) = 7${fp(1, -8)}${fp(2, -24)}r3 = 1${call('bpf_iter_bits_new')}${END}`),
  row(
    'iterator of bits of a number',
    `${fp(1, -16)}r2 = 7\nr3 = 1${call('bpf_iter_bits_new')}${fp(1, -16)}${call('bpf_iter_bits_destroy')}${END}`,
  ),
  row(
    'iterator of bits, second slot overwritten',
    `${fp(1, -16)}r2 = 7\nr3 = 1${call('bpf_iter_bits_new')}*(u64 *)(r10 - 8) = 0${fp(1, -16)}${call('bpf_iter_bits_destroy')}${END}`,
  ),
  row(
    'iterator of bits at its second slot',
    `${fp(1, -16)}r2 = 7\nr3 = 1${call('bpf_iter_bits_new')}${fp(1, -8)}${call('bpf_iter_bits_destroy')}${END}`,
  ),
  row(
    'numbers in the second slot of bits',
    `${fp(1, -16)}r2 = 7\nr3 = 1${call('bpf_iter_bits_new')}${NEXT(-8)}${fp(1, -16)}${call('bpf_iter_bits_destroy')}${END}`,
  ),
  row('iterator of bits over one of numbers', `${NEW(-8)}${fp(1, -16)}r2 = 7\nr3 = 1${call('bpf_iter_bits_new')}${DESTROY(-8)}${END}`),

  row(
    'iterator of tasks',
    `${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_next')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${fp(1, -24)}${call('bpf_iter_task_destroy')}${END}`,
    KPROBE,
  ),
  row('iterator of tasks in tc', `${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_destroy')}${END}`, TC),
  row(
    'iterator of tasks without rcu',
    `${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_destroy')}${END}`,
    SYSCALL,
  ),
  row(
    'iterator of tasks with rcu',
    `${RCU_LOCK}${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_next')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${fp(1, -24)}${call('bpf_iter_task_destroy')}${RCU_UNLOCK}${END}`,
    SYSCALL,
  ),
  row(
    'iterator of tasks is moved after rcu',
    `${RCU_LOCK}${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${RCU_UNLOCK}${fp(1, -24)}${call('bpf_iter_task_next')}${fp(1, -24)}${call('bpf_iter_task_destroy')}${END}`,
    SYSCALL,
  ),
  row(
    'iterator of tasks is destroyed after rcu',
    `${RCU_LOCK}${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${RCU_UNLOCK}${fp(1, -24)}${call('bpf_iter_task_destroy')}${END}`,
    SYSCALL,
  ),
  row(
    'iterator of tasks in another rcu section',
    `${RCU_LOCK}${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${RCU_UNLOCK}${RCU_LOCK}${fp(1, -24)}${call('bpf_iter_task_next')}${fp(1, -24)}${call('bpf_iter_task_destroy')}${RCU_UNLOCK}${END}`,
    SYSCALL,
  ),
  row('iterator of tasks of a number', `${fp(1, -24)}r2 = 5\nr3 = 0${call('bpf_iter_task_new')}${END}`, KPROBE),
  row(
    'iterator of the current task',
    `call bpf_get_current_task_btf\nr2 = r0${fp(1, -24)}r3 = 0${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_destroy')}${END}`,
    KPROBE,
  ),
  row(
    'iterator of a task that may be none',
    `r1 = 1${call('bpf_task_from_pid')}r6 = r0\nr2 = r0${fp(1, -24)}r3 = 0${call('bpf_iter_task_new')}${END}`,
    TYPE.TRACEPOINT,
  ),
  row(
    'iterated task is used after rcu',
    `r7 = 0${RCU_LOCK}${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_next')}if r0 == 0 goto +1\nr7 = r0${fp(1, -24)}${call('bpf_iter_task_destroy')}${RCU_UNLOCK}if r7 == 0 goto +2\nr1 = r7${call('bpf_task_acquire')}${END}`,
    SYSCALL,
  ),
  row(
    'iterated task is acquired',
    `r7 = 0${RCU_LOCK}${fp(1, -24)}${TASK}${call('bpf_iter_task_new')}${fp(1, -24)}${call('bpf_iter_task_next')}if r0 == 0 goto +3\nr1 = r0${call('bpf_task_acquire')}r7 = r0${fp(1, -24)}${call('bpf_iter_task_destroy')}${RCU_UNLOCK}if r7 == 0 goto +2\nr1 = r7${call('bpf_task_release')}${END}`,
    SYSCALL,
  ),
  row(
    'iterator of vmas',
    `call bpf_get_current_task_btf\nr2 = r0${fp(1, -8)}r3 = 0${call('bpf_iter_task_vma_new')}${fp(1, -8)}${call('bpf_iter_task_vma_next')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${fp(1, -8)}${call('bpf_iter_task_vma_destroy')}${END}`,
    RAW_TRACEPOINT,
  ),
  row('iterator of vmas of nothing', `${fp(1, -8)}r2 = 0\nr3 = 0${call('bpf_iter_task_vma_new')}${END}`, RAW_TRACEPOINT),
  row('iterator of groups of nothing', `${fp(1, -24)}r2 = 0\nr3 = 0${call('bpf_iter_css_new')}${END}`, RAW_TRACEPOINT),
  row('iterator of groups of a number', `${fp(1, -24)}r2 = 9\nr3 = 0${call('bpf_iter_css_new')}${END}`, RAW_TRACEPOINT),
  row('iterator of tasks of a group', `${fp(1, -24)}r2 = 0\nr3 = 0${call('bpf_iter_css_task_new')}${END}`, RAW_TRACEPOINT),
  row('iterator of tasks of a group, sleeping', `${fp(1, -24)}r2 = 9\nr3 = 0${call('bpf_iter_css_task_new')}${END}`, SYSCALL),
  row(
    'iterator of caches',
    `${fp(1, -8)}${call('bpf_iter_kmem_cache_new')}${fp(1, -8)}${call('bpf_iter_kmem_cache_next')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${fp(1, -8)}${call('bpf_iter_kmem_cache_destroy')}${END}`,
    SYSCALL,
  ),
  row('iterator of caches where nothing sleeps', `${fp(1, -8)}${call('bpf_iter_kmem_cache_new')}${END}`, KPROBE),
  row(
    'iterator of buffers',
    `${fp(1, -8)}${call('bpf_iter_dmabuf_new')}${fp(1, -8)}${call('bpf_iter_dmabuf_next')}if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 0)${fp(1, -8)}${call('bpf_iter_dmabuf_destroy')}${END}`,
    SYSCALL,
  ),
  row(
    'iterator of caches in a sleeping uprobe',
    `${fp(1, -8)}${call('bpf_iter_kmem_cache_new')}${fp(1, -8)}${call('bpf_iter_kmem_cache_destroy')}${END}`,
    UPROBE_SLEEPABLE,
  ),
  row('iterator of caches within rcu', `${RCU_LOCK}${fp(1, -8)}${call('bpf_iter_kmem_cache_new')}${RCU_UNLOCK}${END}`, SYSCALL),
];
