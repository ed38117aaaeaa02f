/** Regions: RCU, preemption, interrupts; what may be called in them, and where they end. */
import type { Case } from '../cases.ts';
import { call, END, fp, NEW, RANDOM, row, TYPE, VALUE } from './text.ts';

const { KPROBE, SOCKET, SYSCALL, TC, XDP } = TYPE;
const RCU = call('bpf_rcu_read_lock');
const UNRCU = call('bpf_rcu_read_unlock');
const OFF = call('bpf_preempt_disable');
const ON = call('bpf_preempt_enable');
const SAVE = (at = -8): string => `${fp(1, at)}${call('bpf_local_irq_save')}`;
const RESTORE = (at = -8): string => `${fp(1, at)}${call('bpf_local_irq_restore')}`;
/** copy_from_user, a helper that sleeps. */
const SLEEP = `${fp(1, -64)}r2 = 8\nr3 = 0\ncall bpf_copy_from_user\n`;
/** bpf_copy_from_user_str, a kfunc that sleeps. */
const KSLEEP = `${fp(1, -64)}r2 = 8\nr3 = 0\nr4 = 0${call('bpf_copy_from_user_str')}`;

export const REGION_CASES: readonly Case[] = [
  row('rcu lock', RCU + UNRCU + END),
  row('rcu lock in a socket filter', RCU + UNRCU + END, SOCKET),
  row('rcu lock in xdp', RCU + UNRCU + END, XDP),
  row('rcu lock is leaked', RCU + END),
  row('rcu lock twice', RCU + RCU + END),
  row('rcu unlock alone', UNRCU + END),
  row('rcu unlock twice', RCU + UNRCU + UNRCU + END),
  row('rcu lock again', RCU + UNRCU + RCU + UNRCU + END),
  row('rcu lock on one path', `${RANDOM}if r0 == 0 goto +1${RCU}${UNRCU}${END}`),
  row('rcu unlock on one path', `${RCU}${RANDOM}if r0 == 0 goto +1${UNRCU}${END}`),
  row('rcu lock and unlock on one path', `${RANDOM}if r0 == 0 goto +2${RCU}${UNRCU}${END}`),
  row('rcu lock is leaked by a callee', `call pc+2${END}${RCU}r0 = 0\nexit`),
  row('rcu lock by a callee', `call pc+3${UNRCU}${END}${RCU}r0 = 0\nexit`),
  row('rcu unlock by a callee', `${RCU}call pc+2${END}${UNRCU}r0 = 0\nexit`),
  row('sleeping helper in rcu', RCU + SLEEP + UNRCU + END, SYSCALL),
  row('sleeping kfunc in rcu', RCU + KSLEEP + UNRCU + END, SYSCALL),
  row('sleeping helper', SLEEP + END, SYSCALL),
  row('sleeping kfunc', KSLEEP + END, SYSCALL),
  row('sleeping helper where nothing sleeps', SLEEP + END, KPROBE),
  row('sleeping kfunc where nothing sleeps', KSLEEP + END, KPROBE),
  row('sleeping kfunc in tc', KSLEEP + END, TC),
  row('rcu lock and tail call', `r6 = r1${RCU}r1 = r6\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${UNRCU}${END}`),
  row('rcu lock and ld_abs', `r6 = r1${RCU}r0 = *(u8 *)skb[0]${UNRCU}${END}`),
  row('rcu lock is left on a path that loops', `r6 = 0${RCU}r6 += 1\nif r6 != 5 goto -2${UNRCU}${END}`),

  row('preemption', OFF + ON + END),
  row('preemption twice', OFF + OFF + ON + ON + END),
  row('preemption is left off', OFF + END),
  row('preemption is left off once', OFF + OFF + ON + END),
  row('preemption was on', ON + END),
  row('preemption on twice', OFF + ON + ON + END),
  row('preemption off on one path', `${RANDOM}if r0 == 0 goto +1${OFF}${ON}${END}`),
  row('preemption on on one path', `${OFF}${RANDOM}if r0 == 0 goto +1${ON}${END}`),
  row('sleeping helper without preemption', OFF + SLEEP + ON + END, SYSCALL),
  row('sleeping kfunc without preemption', OFF + KSLEEP + ON + END, SYSCALL),
  row('sleeping kfunc after preemption', OFF + ON + KSLEEP + END, SYSCALL),
  row('preemption off by a callee', `call pc+3${ON}${END}${OFF}r0 = 0\nexit`),
  row('preemption left off by a callee', `call pc+2${END}${OFF}r0 = 0\nexit`),
  row('preemption and tail call', `r6 = r1${OFF}r1 = r6\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${ON}${END}`),
  row('preemption and ld_abs', `r6 = r1${OFF}r0 = *(u8 *)skb[0]${ON}${END}`),
  row('preemption in a loop', `r6 = 0${OFF}${ON}r6 += 1\nif r6 != 3 goto -4${END}`),
  row('preemption off in a loop', `r6 = 0${OFF}r6 += 1\nif r6 != 3 goto -3${ON}${END}`),
  row('rcu and preemption', RCU + OFF + UNRCU + ON + END),
  row('preemption and iterator', OFF + NEW() + ON + END),

  row('interrupts', SAVE() + RESTORE() + END),
  row('interrupts in a socket filter', SAVE() + RESTORE() + END, SOCKET),
  row('interrupts are left off', SAVE() + END),
  row('interrupts were on', RESTORE() + END),
  row('interrupts twice', SAVE(-8) + SAVE(-16) + RESTORE(-16) + RESTORE(-8) + END),
  row('interrupts twice, one left', SAVE(-8) + SAVE(-16) + RESTORE(-16) + END),
  row('interrupts out of order', SAVE(-8) + SAVE(-16) + RESTORE(-8) + RESTORE(-16) + END),
  row('interrupts out of order of three', SAVE(-8) + SAVE(-16) + SAVE(-24) + RESTORE(-24) + RESTORE(-8) + END),
  row('interrupts into the same flag', SAVE() + SAVE() + RESTORE() + END),
  row('interrupts restored twice', SAVE() + RESTORE() + RESTORE() + END),
  row('interrupts again', SAVE() + RESTORE() + SAVE() + RESTORE() + END),
  row('flag is overwritten', `${SAVE()}*(u64 *)(r10 - 8) = 0${RESTORE()}${END}`),
  row('flag is overwritten and exit', `${SAVE()}*(u64 *)(r10 - 8) = 0${END}`),
  row('flag is partly overwritten', `${SAVE()}*(u8 *)(r10 - 3) = 0${RESTORE()}${END}`),
  row('flag is read', `${SAVE()}r6 = *(u64 *)(r10 - 8)${RESTORE()}${END}`),
  row('flag is copied', `${SAVE()}r6 = *(u64 *)(r10 - 8)\n*(u64 *)(r10 - 16) = r6${RESTORE(-16)}${END}`),
  row('flag at an odd offset', SAVE(-12) + END),
  row('flag is restored at an odd offset', SAVE(-16) + RESTORE(-12) + END),
  row('flag at another place', SAVE(-16) + RESTORE(-8) + END),
  row('flag below the stack', SAVE(-520) + END),
  row('flag at fp', SAVE(0) + END),
  row('flag above fp', SAVE(8) + END),
  row('flag at a variable offset', `${RANDOM}r0 &= 8\nr6 = r0${fp(1, -16)}r1 += r6${call('bpf_local_irq_save')}${END}`),
  row('flag in a map value', `${VALUE}r1 = r0${call('bpf_local_irq_save')}${END}`),
  row('flag in the context', `${call('bpf_local_irq_save')}${END}`),
  row('flag is a number', `r1 = 0${call('bpf_local_irq_save')}${END}`),
  row('flag is a number to restore', `r1 = 8${call('bpf_local_irq_restore')}${END}`),
  row('sleeping helper without interrupts', SAVE() + SLEEP + RESTORE() + END, SYSCALL),
  row('sleeping kfunc without interrupts', SAVE() + KSLEEP + RESTORE() + END, SYSCALL),
  row('sleeping kfunc after interrupts', SAVE() + RESTORE() + KSLEEP + END, SYSCALL),
  row('interrupts off on one path', `${RANDOM}if r0 == 0 goto +3${SAVE()}${RESTORE()}${END}`),
  row('interrupts on on one path', `${SAVE()}${RANDOM}if r0 == 0 goto +3${RESTORE()}${END}`),
  row('interrupts off by a callee', `r1 = r10\nr1 += -8\ncall pc+5${RESTORE()}${END}${call('bpf_local_irq_save')}r0 = 0\nexit`),
  row('interrupts off in a frame that is gone', `call pc+2${END}${SAVE()}r0 = 0\nexit`),
  row('interrupts and tail call', `r6 = r1${SAVE()}r1 = r6\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${RESTORE()}${END}`),
  row('interrupts and ld_abs', `r6 = r1${SAVE()}r0 = *(u8 *)skb[0]${RESTORE()}${END}`),
  row('interrupts and another path', `r6 = 0${SAVE()}${RANDOM}if r0 == 0 goto +1\nr6 = 1${RESTORE()}r0 = r6\nexit`),
  row('reference is leaked before regions are told', `r1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve${RCU}${OFF}${END}`),
  row('regions are told in order', `${OFF}${RCU}${SAVE()}${END}`),
  row('rcu is told before preemption', `${OFF}${RCU}${END}`),
  row(
    'reference is released in rcu',
    `r1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +5\nr6 = r0${RCU}r1 = r6\nr2 = 0\ncall bpf_ringbuf_discard\ngoto +1${RCU}${UNRCU}${END}`,
  ),
];
