/** Which kernel functions may be called at all, and their arguments and results by kind. */
import { describeFunctions } from '../../support/functions.ts';
import type { Case } from '../cases.ts';
import { call, END, fp, NEW, RANDOM, row, TYPE, VALUE } from './text.ts';

const { CGROUP_SKB, KPROBE, RAW_TRACEPOINT, SOCKET, SYSCALL, TC, TRACEPOINT, XDP } = TYPE;
const RCU = call('bpf_rcu_read_lock');
const UNRCU = call('bpf_rcu_read_unlock');
/** A task by number in r0, or NULL. */
const TASK = `\nr1 = 1${call('bpf_task_from_pid')}`;
const RELEASE = call('bpf_task_release');
const CURRENT = '\ncall bpf_get_current_task_btf\n';
/** A mask of CPUs in r6, or the end. */
const MASK = `${call('bpf_cpumask_create')}if r0 != 0 goto +2${END}\nr6 = r0\n`;
const UNMASK = `r1 = r6${call('bpf_cpumask_release')}`;
const RESERVE = '\nr1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n';
const SKB_LOOKUP = (tuple: string, size: string, opts: string, optsSize: string): string =>
  `${tuple}r3 = ${size}${opts}r5 = ${optsSize}${call('bpf_skb_ct_lookup')}`;

export const CALL_CASES: readonly Case[] = [
  row('function that is none', 'call kfunc 1\nr0 = 0\nexit'),
  row('function beyond all types', 'call kfunc 100000000\nr0 = 0\nexit'),
  row('function by a negative number', 'call kfunc -1\nr0 = 0\nexit'),
  row('function that was not found', 'call kfunc 0\nr0 = 0\nexit'),
  row('function that was not found, in dead code', 'r0 = 0\nif r0 == 0 goto +1\ncall kfunc 0\nexit'),
  row('function that was not found, on one path', `${RANDOM}if r0 == 0 goto +1\ncall kfunc 0\nr0 = 0\nexit`),
  row('function that was not found, and what it returns', 'call kfunc 0\nexit'),
  row('function that was not found, and then a leak', `call kfunc 0${RESERVE}r0 = 0\nexit`),
  row('function of a module', 'call kfunc 5, 1\nr0 = 0\nexit'),
  row('function of a module with a negative index', 'call kfunc 5, -1\nr0 = 0\nexit'),
  row('absent function of a module', 'call kfunc 0, 1\nr0 = 0\nexit'),
  row('kernel function that is no kfunc', `${call('schedule')}${END}`),
  row('kernel function in dead code', `r0 = 0\nif r0 == 0 goto +1${call('schedule')}exit`),
  row('kfunc of another type', `${call('bpf_cpumask_create')}${END}`, TC),
  row('kfunc of another type in a socket filter', `${TASK}${END}`, SOCKET),
  row('kfunc without a fitting license', `${RCU}${UNRCU}${END}`, { license: 'MIT' }),
  row('kfunc without a fitting license in dead code', `r0 = 0\nexit${RCU}exit`, { license: 'MIT' }),
  row('kfunc for devices', `${fp(2, -8)}${call('bpf_xdp_metadata_rx_timestamp')}${END}`, XDP),
  row('kfunc of sessions', `${call('bpf_session_is_return')}${END}`, KPROBE),
  row('kfunc of sessions in a session', `${call('bpf_session_is_return')}r0 &= 1\nexit`, { type: 2, attach: 56 }),
  row('cookie of a session', `${call('bpf_session_cookie')}*(u64 *)(r0 + 0) = 1${END}`, { type: 2, attach: 56 }),
  row('cookie of a session, beyond', `${call('bpf_session_cookie')}*(u64 *)(r0 + 8) = 1${END}`, { type: 2, attach: 56 }),
  row('trap', `${call('__bpf_trap')}${END}`),
  row('trap in dead code', `r0 = 0\nif r0 == 0 goto +1${call('__bpf_trap')}exit`),
  row('kfunc with a number as destination register', 'r0 = 0\nexit'),
  row('registers after a kfunc', `r6 = 1\nr1 = 1${RCU}${UNRCU}r0 = r1\nexit`),
  row('saved registers after a kfunc', `r6 = 1${RCU}${UNRCU}r0 = r6\nexit`),
  row('result of a function that returns nothing', `${RCU}${UNRCU}exit`),
  row('result of a function that returns a number', `${NEW()}r6 = r0${fp(1, -8)}${call('bpf_iter_num_destroy')}r0 = r6\nexit`),

  // Numbers.
  row('number', `${TASK}if r0 == 0 goto +2\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('number that is a pointer', `r1 = r10${call('bpf_task_from_pid')}${END}`, TRACEPOINT),
  row('number that is the context', `${call('bpf_task_from_pid')}${END}`, TRACEPOINT),
  row('number that is missing', `call bpf_get_prandom_u32${call('bpf_task_from_pid')}${END}`, TRACEPOINT),
  row('constant that is unknown', `r6 = r1${RANDOM}r2 = r0\nr1 = r6${call('bpf_rdonly_cast')}${END}`),
  row('constant that is known', `r2 = 0${call('bpf_rdonly_cast')}${END}`),
  row('constant that is a pointer', `r2 = r1${call('bpf_rdonly_cast')}${END}`),

  // Context.
  row('context', `r2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('context that is a number', `r1 = 0\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('context that is the stack', `r1 = r10\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('context that moved', `r1 += 8\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('context that moved back', `r1 += -8\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('context that is missing', `${RANDOM}r2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),
  row('context of xdp', `r2 = 0${fp(3, -16)}${call('bpf_dynptr_from_xdp')}${END}`, XDP),
  row('context in a tracing program', `r2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`, TRACEPOINT),
  row('context that may be NULL', `${VALUE}r1 = r0\nr2 = 0${fp(3, -16)}${call('bpf_dynptr_from_skb')}${END}`),

  // References to objects.
  row('task', `${TASK}if r0 == 0 goto +2\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('task is leaked', `${TASK}${END}`, TRACEPOINT),
  row('task is leaked after its check', `${TASK}if r0 == 0 goto +0${END}`, TRACEPOINT),
  row('task is released unchecked', `${TASK}r1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('task is released twice', `${TASK}if r0 == 0 goto +5\nr6 = r0\nr1 = r6${RELEASE}r1 = r6${RELEASE}${END}`, TRACEPOINT),
  row('task is used after its release', `${TASK}if r0 == 0 goto +4\nr6 = r0\nr1 = r6${RELEASE}r1 = *(u64 *)(r6 + 0)${END}`, TRACEPOINT),
  row('task is read', `${TASK}if r0 == 0 goto +3\nr6 = *(u64 *)(r0 + 0)\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('task is read unchecked', `${TASK}r6 = *(u64 *)(r0 + 0)${END}`, TRACEPOINT),
  row('task is written', `${TASK}if r0 == 0 goto +3\n*(u64 *)(r0 + 0) = 0\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('task with an offset is released', `${TASK}if r0 == 0 goto +3\nr1 = r0\nr1 += 8${RELEASE}${END}`, TRACEPOINT),
  row(
    'task with an unknown offset is released',
    `${TASK}if r0 == 0 goto +6\nr6 = r0${RANDOM}r0 &= 7\nr1 = r6\nr1 += r0${RELEASE}${END}`,
    KPROBE,
  ),
  row('current task is released', `${CURRENT}r1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('current task is acquired', `${CURRENT}r1 = r0${call('bpf_task_acquire')}if r0 == 0 goto +2\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('current task is acquired and leaked', `${CURRENT}r1 = r0${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('number is released', `r1 = 1${RELEASE}${END}`, TRACEPOINT),
  row('NULL is released', `r1 = 0${RELEASE}${END}`, TRACEPOINT),
  row('stack is released', `r1 = r10${RELEASE}${END}`, TRACEPOINT),
  row('context is released', `${RELEASE}${END}`, TRACEPOINT),
  row('map value is released', `${VALUE}r1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('ring buffer memory is released as a task', `${RESERVE}if r0 == 0 goto +2\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row('number is acquired', `r1 = 1${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('NULL is acquired', `r1 = 0${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('stack is acquired', `r1 = r10${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('nothing is acquired', `${RANDOM}${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('map value is acquired', `${VALUE}r1 = r0${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('unchecked task is acquired', `${TASK}r1 = r0${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('pointer of a task is acquired', `${CURRENT}r1 = *(u64 *)(r0 + 2000)${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('task with an offset is acquired', `${CURRENT}r1 = r0\nr1 += 8${call('bpf_task_acquire')}${END}`, TRACEPOINT),
  row('mask for a task', `${MASK}r1 = r6${call('bpf_task_acquire')}${UNMASK}${END}`, SYSCALL),
  row('task for a mask', `${CURRENT}r1 = r0${call('bpf_cpumask_first')}${END}`, SYSCALL),
  row('task for a group', `${CURRENT}r1 = r0${call('bpf_cgroup_acquire')}${END}`, TRACEPOINT),
  row('group', `r1 = 1${call('bpf_cgroup_from_id')}if r0 == 0 goto +2\nr1 = r0${call('bpf_cgroup_release')}${END}`, TRACEPOINT),
  row('group is released as a task', `r1 = 1${call('bpf_cgroup_from_id')}if r0 == 0 goto +2\nr1 = r0${RELEASE}${END}`, TRACEPOINT),
  row(
    'task under a group',
    `r1 = 1${call('bpf_cgroup_from_id')}if r0 == 0 goto +7\nr6 = r0${CURRENT}r1 = r0\nr2 = r6${call('bpf_task_under_cgroup')}r1 = r6${call('bpf_cgroup_release')}${END}`,
    KPROBE,
  ),
  row('task under NULL', `${CURRENT}r1 = r0\nr2 = 0${call('bpf_task_under_cgroup')}${END}`, TRACEPOINT),
  row('task under a task', `${CURRENT}r1 = r0\nr2 = r0${call('bpf_task_under_cgroup')}${END}`, TRACEPOINT),
  row(
    'tasks by two paths',
    `${RANDOM}if r0 == 0 goto +2${TASK}goto +2\nr1 = 1${call('bpf_task_from_vpid')}if r0 == 0 goto +2\nr1 = r0${RELEASE}${END}`,
    KPROBE,
  ),
  row('key', `r1 = 0${call('bpf_lookup_system_key')}if r0 == 0 goto +2\nr1 = r0${call('bpf_key_put')}${END}`, TRACEPOINT),
  row('key where nothing sleeps', `r1 = 0\nr2 = 0${call('bpf_lookup_user_key')}${END}`, TRACEPOINT),
  row('reference in a loop', `r6 = 3${TASK}if r0 == 0 goto +2\nr1 = r0${RELEASE}r6 += -1\nif r6 != 0 goto -7${END}`, TRACEPOINT),
  row('reference in a loop is leaked', `r6 = 3${TASK}r6 += -1\nif r6 != 0 goto -4${END}`, TRACEPOINT),
  row('reference is spilled', `${TASK}*(u64 *)(r10 - 8) = r0\nif r0 == 0 goto +2\nr1 = *(u64 *)(r10 - 8)${RELEASE}${END}`, TRACEPOINT),
  row('reference is released by a callee', `${TASK}if r0 == 0 goto +2\nr1 = r0\ncall pc+2${END}${RELEASE}r0 = 0\nexit`, TRACEPOINT),
  row('reference of a callee', `call pc+4\nif r0 == 0 goto +2\nr1 = r0${RELEASE}${END}${TASK}exit`, TRACEPOINT),
  row('reference and tail call', `r6 = r1${TASK}r1 = r6\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${END}`, TRACEPOINT),

  // RCU.
  row(
    'rcu pointer of a task',
    `${RCU}${CURRENT}r1 = r0${call('bpf_task_acquire')}r6 = r0${UNRCU}if r6 == 0 goto +2\nr1 = r6${RELEASE}${END}`,
    SYSCALL,
  ),
  row('caches by address', `r1 = r10${call('bpf_get_kmem_cache')}${END}`, TRACEPOINT),
  row('caches by number', `r1 = 7${call('bpf_get_kmem_cache')}if r0 == 0 goto +1\nr0 = *(u32 *)(r0 + 8)${END}`, TRACEPOINT),
  row('caches by number, unchecked', `r1 = 7${call('bpf_get_kmem_cache')}r0 = *(u32 *)(r0 + 8)${END}`, TRACEPOINT),

  // Masks of CPUs: structures that begin with others.
  row('mask', MASK + UNMASK + END, SYSCALL),
  row('mask is leaked', `${call('bpf_cpumask_create')}${END}`, SYSCALL),
  row('mask stands for what it begins with', `${MASK}r1 = r6${call('bpf_cpumask_first')}${UNMASK}${END}`, SYSCALL),
  row('mask is set', `${MASK}r1 = 0\nr2 = r6${call('bpf_cpumask_set_cpu')}${UNMASK}${END}`, SYSCALL),
  row('mask of NULL is set', `r1 = 0\nr2 = 0${call('bpf_cpumask_set_cpu')}${END}`, SYSCALL),
  row(
    'two masks',
    `${MASK}r7 = r6${call('bpf_cpumask_create')}if r0 == 0 goto +8\nr8 = r0\nr1 = r6\nr2 = r8\nr3 = r6${call('bpf_cpumask_and')}r1 = r8${call('bpf_cpumask_release')}${UNMASK}${END}`,
    SYSCALL,
  ),
  row('mask of a task is set', `${RCU}${CURRENT}r2 = r0\nr1 = 0${call('bpf_cpumask_set_cpu')}${UNRCU}${END}`, SYSCALL),
  row('mask is acquired', `${MASK}r1 = r6${call('bpf_cpumask_acquire')}r1 = r0${call('bpf_cpumask_release')}${UNMASK}${END}`, SYSCALL),
  row('mask from memory', `${MASK}*(u64 *)(r10 - 8) = 1\nr1 = r6${fp(2, -8)}r3 = 8${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),
  row('mask from too little memory', `${MASK}r1 = r6${fp(2, -8)}r3 = 16${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),
  row('mask from memory of a negative size', `${MASK}r1 = r6${fp(2, -8)}r3 = -1${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),
  row(
    'mask from memory of an unknown size',
    `${MASK}${RANDOM}r3 = r0\nr1 = r6${fp(2, -8)}${call('bpf_cpumask_populate')}${UNMASK}${END}`,
    SYSCALL,
  ),
  row(
    'mask from memory of a masked size',
    `${MASK}${RANDOM}r3 = r0\nr3 &= 7\nr1 = r6${fp(2, -8)}${call('bpf_cpumask_populate')}${UNMASK}${END}`,
    SYSCALL,
  ),
  row('mask from NULL and nothing', `${MASK}r1 = r6\nr2 = 0\nr3 = 0${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),
  row('mask from NULL', `${MASK}r1 = r6\nr2 = 0\nr3 = 8${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),
  row('mask from a pointer as size', `${MASK}r1 = r6${fp(2, -8)}r3 = r10${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),
  row(
    'mask from a map value',
    `${VALUE}r7 = r0${call('bpf_cpumask_create')}if r0 == 0 goto +7\nr6 = r0\nr1 = r6\nr2 = r7\nr3 = 48${call('bpf_cpumask_populate')}${UNMASK}${END}`,
    SYSCALL,
  ),
  row(
    'mask from beyond a map value',
    `${VALUE}r7 = r0${call('bpf_cpumask_create')}if r0 == 0 goto +7\nr6 = r0\nr1 = r6\nr2 = r7\nr3 = 49${call('bpf_cpumask_populate')}${UNMASK}${END}`,
    SYSCALL,
  ),
  row('mask from a task', `${MASK}${CURRENT}r1 = r6\nr2 = r0\nr3 = 8${call('bpf_cpumask_populate')}${UNMASK}${END}`, SYSCALL),

  // Memory of a known type, and with a size.
  row('connection', SKB_LOOKUP(fp(2, -16), '12', fp(4, -64), '16') + `if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`),
  row('connection is leaked', SKB_LOOKUP(fp(2, -16), '12', fp(4, -64), '16') + END),
  row('connection with a wrong tuple', SKB_LOOKUP('\nr2 = 5\n', '12', fp(4, -64), '16') + END),
  row('connection with NULL as tuple', SKB_LOOKUP('\nr2 = 0\n', '12', fp(4, -64), '16') + END),
  row('connection with a tuple beyond', SKB_LOOKUP(fp(2, -8), '12', fp(4, -64), '16') + END),
  row(
    'connection with an unknown size',
    `r6 = r1${RANDOM}r3 = r0\nr1 = r6${fp(2, -16)}${fp(4, -64)}r5 = 16${call('bpf_skb_ct_lookup')}${END}`,
  ),
  row(
    'connection with a bounded size',
    `r6 = r1${RANDOM}r3 = r0\nr3 &= 15\nr1 = r6${fp(2, -16)}${fp(4, -64)}r5 = 16${call('bpf_skb_ct_lookup')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row('connection of xdp in tc', `${fp(2, -16)}r3 = 12${fp(4, -64)}r5 = 16${call('bpf_xdp_ct_lookup')}${END}`),
  row(
    'connection of xdp',
    `${fp(2, -16)}r3 = 12${fp(4, -64)}r5 = 16${call('bpf_xdp_ct_lookup')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
    XDP,
  ),
  row(
    'new connection',
    `${fp(2, -16)}r3 = 12${fp(4, -64)}r5 = 16${call('bpf_skb_ct_alloc')}if r0 == 0 goto +5\nr1 = r0${call('bpf_ct_insert_entry')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row(
    'new connection is released',
    `${fp(2, -16)}r3 = 12${fp(4, -64)}r5 = 16${call('bpf_skb_ct_alloc')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row(
    'new connection is given a timeout',
    `${fp(2, -16)}r3 = 12${fp(4, -64)}r5 = 16${call('bpf_skb_ct_alloc')}if r0 == 0 goto +9\nr6 = r0\nr1 = r6\nr2 = 10${call('bpf_ct_set_timeout')}r1 = r6${call('bpf_ct_insert_entry')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row(
    'old connection is given a first timeout',
    SKB_LOOKUP(fp(2, -16), '12', fp(4, -64), '16') +
      `if r0 == 0 goto +6\nr6 = r0\nr1 = r6\nr2 = 10${call('bpf_ct_set_timeout')}r1 = r6${call('bpf_ct_release')}${END}`,
  ),
  row(
    'old connection is given a timeout',
    SKB_LOOKUP(fp(2, -16), '12', fp(4, -64), '16') +
      `if r0 == 0 goto +6\nr6 = r0\nr1 = r6\nr2 = 10${call('bpf_ct_change_timeout')}r1 = r6${call('bpf_ct_release')}${END}`,
  ),
  row(
    'connection is written',
    SKB_LOOKUP(fp(2, -16), '12', fp(4, -64), '16') + `if r0 == 0 goto +3\n*(u32 *)(r0 + 4) = 1\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row(
    'address for a connection',
    `${fp(2, -16)}r3 = 12${fp(4, -64)}r5 = 16${call('bpf_skb_ct_alloc')}if r0 == 0 goto +13\nr6 = r0\nr1 = r6${fp(2, -32)}r3 = 80\nr4 = 0${call('bpf_ct_set_nat_info')}r1 = r6${call('bpf_ct_insert_entry')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row(
    'packet as tuple',
    `r6 = r1\nr2 = *(u32 *)(r6 + 76)\nr3 = *(u32 *)(r6 + 80)\nr4 = r2\nr4 += 12\nif r4 > r3 goto +9\nr1 = r6\nr3 = 12${fp(4, -64)}r5 = 16${call('bpf_skb_ct_lookup')}if r0 == 0 goto +2\nr1 = r0${call('bpf_ct_release')}${END}`,
  ),
  row(
    'packet beyond as tuple',
    `r6 = r1\nr2 = *(u32 *)(r6 + 76)\nr3 = *(u32 *)(r6 + 80)\nr4 = r2\nr4 += 11\nif r4 > r3 goto +6\nr1 = r6\nr3 = 12${fp(4, -64)}r5 = 16${call('bpf_skb_ct_lookup')}${END}`,
  ),

  row(
    'transform state',
    `${fp(2, -64)}r3 = 36${call('bpf_xdp_get_xfrm_state')}if r0 == 0 goto +2\nr1 = r0${call('bpf_xdp_xfrm_state_release')}${END}`,
    XDP,
  ),
  row('packet data is pulled', `r2 = 8${call('bpf_xdp_pull_data')}${END}`, XDP),
  row(
    'packet pointer after data is pulled',
    `r6 = r1\nr7 = *(u32 *)(r6 + 0)\nr8 = *(u32 *)(r6 + 4)\nr2 = r7\nr2 += 1\nif r2 > r8 goto +4\nr1 = r6\nr2 = 8${call('bpf_xdp_pull_data')}r0 = *(u8 *)(r7 + 0)${END}`,
    XDP,
  ),
  row(
    'packet is pulled by a callee',
    `r6 = r1\nr7 = *(u32 *)(r6 + 0)\nr8 = *(u32 *)(r6 + 4)\nr2 = r7\nr2 += 1\nif r2 > r8 goto +4\nr1 = r6\nr2 = 8\ncall pc+3\nr0 = *(u8 *)(r7 + 0)${END}${call('bpf_xdp_pull_data')}r0 = 0\nexit`,
    XDP,
  ),

  // Maps.
  row('map', `r1 = map[fd:$hash]${call('bpf_map_sum_elem_count')}${END}`),
  row('map that is a number', `r1 = 1${call('bpf_map_sum_elem_count')}${END}`),
  row('map that is NULL', `r1 = 0${call('bpf_map_sum_elem_count')}${END}`),
  row('map that is a value', `${VALUE}r1 = r0${call('bpf_map_sum_elem_count')}${END}`),
  row('map that is a task', `${CURRENT}r1 = r0${call('bpf_map_sum_elem_count')}${END}`, TRACEPOINT),

  // Strings and what is ignored.
  row('string of a number', `r1 = 5${call('bpf_strlen')}${END}`),
  row('string of the context', `${call('bpf_strlen')}${END}`),
  row('string of nothing', `${RANDOM}${call('bpf_strlen')}${END}`),
  row('strings', `r1 = r10\nr2 = r10${call('bpf_strcmp')}exit`),
  row('character that is a pointer', `r1 = r10\nr2 = r10${call('bpf_strchr')}exit`),
  row('character that is missing', `r6 = r1${RANDOM}r1 = r6${call('bpf_strchr')}exit`),
  row('string and count', `r1 = r10\nr2 = 7${call('bpf_strnlen')}exit`),
  row('output to a stream', `r1 = 1\nr2 = r10\nr3 = 0\nr4 = 0${call('bpf_stream_vprintk_impl')}${END}`),
  row('output to a stream from a writable map', `${VALUE}r2 = r0\nr1 = 1\nr3 = 0\nr4 = 0${call('bpf_stream_vprintk_impl')}${END}`),
  row('output to a stream of NULL', `r1 = 1\nr2 = 0\nr3 = 0\nr4 = 0${call('bpf_stream_vprintk_impl')}${END}`),

  // Casts.
  row('context as the kernel has it', `${call('bpf_cast_to_kern_ctx')}r1 = *(u32 *)(r0 + 112)${END}`),
  row('context as the kernel has it, written', `${call('bpf_cast_to_kern_ctx')}*(u32 *)(r0 + 112) = 1${END}`),
  row('context of xdp as the kernel has it', `${call('bpf_cast_to_kern_ctx')}r1 = *(u64 *)(r0 + 0)${END}`, XDP),
  row('context of a kprobe as the kernel has it', `${call('bpf_cast_to_kern_ctx')}r1 = *(u64 *)(r0 + 0)${END}`, KPROBE),
  row('context of a tracepoint as the kernel has it', `${call('bpf_cast_to_kern_ctx')}${END}`, TRACEPOINT),
  row('context of a raw tracepoint as the kernel has it', `${call('bpf_cast_to_kern_ctx')}${END}`, RAW_TRACEPOINT),
  row('context of a system call as the kernel has it', `${call('bpf_cast_to_kern_ctx')}${END}`, SYSCALL),
  row('context of a group as the kernel has it', `${call('bpf_cast_to_kern_ctx')}r1 = *(u32 *)(r0 + 112)${END}`, CGROUP_SKB),
  row('stack as the kernel has the context', `r1 = r10${call('bpf_cast_to_kern_ctx')}${END}`),
  row('moved context as the kernel has it', `r1 += 4${call('bpf_cast_to_kern_ctx')}${END}`),
  row('pointer to anything', `r2 = 0${call('bpf_rdonly_cast')}r1 = *(u64 *)(r0 + 100)${END}`),
  row('pointer to anything, written', `r2 = 0${call('bpf_rdonly_cast')}*(u64 *)(r0 + 100) = 1${END}`),
  row('pointer to anything, before', `r2 = 0${call('bpf_rdonly_cast')}r1 = *(u64 *)(r0 - 100)${END}`),
  row(
    'pointer to anything, moved',
    `r6 = r1${RANDOM}r7 = r0\nr1 = r6\nr2 = 0${call('bpf_rdonly_cast')}r0 += r7\nr1 = *(u64 *)(r0 + 0)${END}`,
  ),
  row('pointer to no type', `r2 = 100000000${call('bpf_rdonly_cast')}${END}`),
  row(
    'pointer to a huge type',
    `r2 = 0x1_0000_0000 ll${call('bpf_rdonly_cast')}${END}`.replaceAll('_', '').replaceAll('bpfrdonlycast', 'bpf_rdonly_cast'),
  ),
  row('pointer to an integer', `r2 = 1${call('bpf_rdonly_cast')}${END}`),
  row('number as a structure', `r1 = 5\nr2 = 0${call('bpf_rdonly_cast')}r1 = *(u64 *)(r0 + 0)${END}`),

  // Functions with several references.
  row('signal to a task', `${CURRENT}r1 = r0\nr2 = 10\nr3 = 0\nr4 = 0${call('bpf_send_signal_task')}${END}`, TRACEPOINT),
  row('signal to NULL', `r1 = 0\nr2 = 10\nr3 = 0\nr4 = 0${call('bpf_send_signal_task')}${END}`, TRACEPOINT),
  row('signal that is a pointer', `${CURRENT}r1 = r0\nr2 = r10\nr3 = 0\nr4 = 0${call('bpf_send_signal_task')}${END}`, TRACEPOINT),
  row(
    'cipher',
    `r1 = r10\nr1 += -320\nr2 = 320${fp(3, -328)}${call('bpf_crypto_ctx_create')}if r0 == 0 goto +2\nr1 = r0${call('bpf_crypto_ctx_release')}${END}`,
    SYSCALL,
  ),
  row('cipher with an error beyond', `r1 = r10\nr1 += -320\nr2 = 320${fp(3, -2)}${call('bpf_crypto_ctx_create')}${END}`, SYSCALL),
  row(
    'cipher with no error',
    `r1 = r10\nr1 += -320\nr2 = 320\nr3 = 0${call('bpf_crypto_ctx_create')}if r0 == 0 goto +2\nr1 = r0${call('bpf_crypto_ctx_release')}${END}`,
    SYSCALL,
  ),
  row('cipher with a number as error', `r1 = r10\nr1 += -320\nr2 = 320\nr3 = 8${call('bpf_crypto_ctx_create')}${END}`, SYSCALL),
  row('user string', `${fp(1, -16)}r2 = 8\nr3 = 0\nr4 = 0${call('bpf_copy_from_user_str')}${END}`, SYSCALL),
  row('user string to read-only memory', `r1 = map[fd:$hash]\nr2 = 8\nr3 = 0\nr4 = 0${call('bpf_copy_from_user_str')}${END}`, SYSCALL),
  row('user string of a task', `${CURRENT}r4 = r0${fp(1, -16)}r2 = 8\nr3 = 0\nr5 = 0${call('bpf_copy_from_user_task_str')}${END}`, SYSCALL),
  row('user string of NULL', `r4 = 0${fp(1, -16)}r2 = 8\nr3 = 0\nr5 = 0${call('bpf_copy_from_user_task_str')}${END}`, SYSCALL),
  row('arena without an arena', `r1 = map[fd:$hash]\nr2 = 0\nr3 = 1\nr4 = 0\nr5 = 0${call('bpf_arena_alloc_pages')}${END}`, SYSCALL),
  row('tracepoint for tests', `r1 = 1${call('bpf_modify_return_test_tp')}exit`),
];

/** Subprograms that kernel functions are called in, described by BTF. */
export const CALLEE_CASES: readonly Case[] = [
  row(
    `sleeping global function in rcu`,
    `${RCU}call pc+2${UNRCU}${END}${fp(1, -16)}r2 = 8\nr3 = 0\nr4 = 0${call('bpf_copy_from_user_str')}r0 = 0\nexit`,
    {
      ...SYSCALL,
      functions: describeFunctions([
        { insn: 0, linkage: 'global', params: ['void *'] },
        { insn: 5, linkage: 'global' },
      ]),
    },
  ),
  row(`sleeping global function`, `call pc+2${END}${fp(1, -16)}r2 = 8\nr3 = 0\nr4 = 0${call('bpf_copy_from_user_str')}r0 = 0\nexit`, {
    ...SYSCALL,
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['void *'] },
      { insn: 3, linkage: 'global' },
    ]),
  }),
  row(`global function in rcu`, `${RCU}call pc+3${UNRCU}${END}\nr0 = 0\nexit`, {
    ...TC,
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'] },
      { insn: 5, linkage: 'global' },
    ]),
  }),
  row(`global function leaves rcu`, `${RCU}call pc+3${UNRCU}${END}${RCU}r0 = 0\nexit`, {
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'] },
      { insn: 5, linkage: 'global' },
    ]),
  }),
  row(`global function with preemption off`, `${call('bpf_preempt_disable')}call pc+3${call('bpf_preempt_enable')}${END}\nr0 = 0\nexit`, {
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'] },
      { insn: 5, linkage: 'global' },
    ]),
  }),
  row('global function that leaks a reference', `call pc+2${END}${TASK}r0 = 0\nexit`, {
    ...TRACEPOINT,
    functions: describeFunctions([
      { insn: 0, linkage: 'global' },
      { insn: 3, linkage: 'global' },
    ]),
  }),
];
