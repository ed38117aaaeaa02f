/** Programs that touch special fields of map values: one that keeps each rule, and one that breaks it. */
import type { Question } from '../support/verifier.ts';
import type { Case } from './cases.ts';

const TC = 3;
const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, text, type: TC, ...more });
const END = 'r0 = 0\nexit';

/** r0 = value of key 0 of a hash, not NULL; it is in r6 too. `then` follows; its jumps may go to the end by `goto out`. */
const value = (map: string, then: string): string => `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[fd:$${map}]
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r6 = r0
  ${then}
  out:
  r0 = 0
  exit
`;

/** r6 and r7 = two values. */
const two = (first: string, second: string, then: string): string => `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[fd:$${first}]
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r6 = r0
  r2 = r10
  r2 += -4
  r1 = map[fd:$${second}]
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r7 = r0
  ${then}
  out:
  r0 = 0
  exit
`;
/** Takes or gives back the lock at byte 8 of the value in a register. */
const lock = (reg = 'r6', off = 8): string => `r1 = ${reg}\nr1 += ${off}\ncall bpf_spin_lock\n`;
const unlock = (reg = 'r6', off = 8): string => `r1 = ${reg}\nr1 += ${off}\ncall bpf_spin_unlock\n`;

/** Loads, stores and atomics at each field. */
const ACCESS: readonly Case[] = [
  ['lock', 8, 4],
  ['reslock', 8, 4],
  ['timer', 8, 16],
  ['wq', 8, 16],
  ['tw', 8, 8],
  ['counted', 8, 4],
].flatMap(([map, offset, size]) => {
  const [name, at, bytes] = [String(map), Number(offset), Number(size)];
  return [
    row(`${name}: load`, value(name, `r1 = *(u32 *)(r6 + ${at})`)),
    row(`${name}: load of the last byte`, value(name, `r1 = *(u8 *)(r6 + ${at + bytes - 1})`)),
    row(`${name}: load before`, value(name, `r1 = *(u8 *)(r6 + ${at - 1})`)),
    row(`${name}: load across the start`, value(name, `r1 = *(u16 *)(r6 + ${at - 1})`)),
    row(`${name}: load after`, value(name, `r1 = *(u8 *)(r6 + ${at + bytes})`)),
    row(`${name}: store`, value(name, `*(u32 *)(r6 + ${at}) = 0`)),
    row(`${name}: store of a register`, value(name, `r1 = 7\n*(u8 *)(r6 + ${at}) = r1`)),
    row(`${name}: store before`, value(name, `*(u64 *)(r6 + 0) = 1`)),
    row(`${name}: atomic`, value(name, `r1 = 1\nlock *(u32 *)(r6 + ${at}) += r1`)),
    row(`${name}: variable offset over it`, value(name, `r1 = *(u64 *)(r6 + 0)\nr1 &= ${at}\nr6 += r1\nr1 = *(u8 *)(r6 + 0)`)),
    row(`${name}: variable offset below it`, value(name, `r1 = *(u64 *)(r6 + 0)\nr1 &= 7\nr6 += r1\nr1 = *(u8 *)(r6 + 0)`)),
    row(`${name}: helper memory over it`, value(name, `r1 = r6\nr2 = 12\nr3 = r10\ncall bpf_trace_printk`)),
    row(`${name}: helper memory before it`, value(name, `r1 = r6\nr2 = 8\nr3 = 0\ncall bpf_trace_printk`)),
    row(
      `${name}: value as a map's value`,
      value(name, `r1 = map[fd:$${name}]\nr2 = r10\nr2 += -4\nr3 = r6\nr4 = 0\ncall bpf_map_update_elem`),
    ),
    row(`${name}: value as a key`, value(name, `r1 = map[fd:$${name}]\nr2 = r6\nr2 += ${at}\ncall bpf_map_delete_elem`)),
    row(
      `${name}: update from the stack`,
      `*(u32 *)(r10 - 4) = 0\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 24) = 0\n*(u64 *)(r10 - 32) = 0\n*(u64 *)(r10 - 40) = 0\nr1 = map[fd:$${name}]\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -40\nr4 = 0\ncall bpf_map_update_elem\n${END}`,
    ),
    row(`${name}: other bytes of the value through a moved pointer`, value(name, `r6 += ${at + bytes}\nr1 = *(u8 *)(r6 + 0)`)),
    row(`${name}: its bytes through a moved pointer`, value(name, `r6 += ${at + bytes}\nr1 = *(u8 *)(r6 - 1)`)),
  ];
});

const LOCKS: readonly Case[] = [
  row('lock and unlock', value('lockhash', lock() + unlock())),
  row('lock of an array, constant key', value('lock', lock() + unlock())),
  row('lock without unlock', value('lockhash', lock())),
  row('lock on one path only', value('lockhash', `r7 = *(u64 *)(r6 + 0)\nif r7 == 0 goto l1\n${lock()}l1:\n`)),
  row('unlock without lock', value('lockhash', unlock())),
  row('lock twice', value('lockhash', lock() + lock())),
  row('unlock twice', value('lockhash', lock() + unlock() + unlock())),
  row('lock again later', value('lockhash', lock() + unlock() + lock() + unlock())),
  row('lock two values', two('lockhash', 'lockhash', lock('r6') + lock('r7'))),
  row('lock two values in turn', two('lockhash', 'lockhash', lock('r6') + unlock('r6') + lock('r7') + unlock('r7'))),
  row('unlock of another value', two('lockhash', 'lockhash', lock('r6') + unlock('r7'))),
  row('unlock of another map', two('lockhash', 'lockother', lock('r6') + unlock('r7'))),
  row('unlock by a copy', value('lockhash', `r7 = r6\n${lock('r6')}${unlock('r7')}`)),
  row('unlock by a spilled copy', value('lockhash', `*(u64 *)(r10 - 16) = r6\n${lock('r6')}r7 = *(u64 *)(r10 - 16)\n${unlock('r7')}`)),
  row('unlock of the same key looked up again', two('lock', 'lock', lock('r6') + unlock('r7'))),
  row('lock at a wrong offset', value('lockhash', lock('r6', 0))),
  row('lock past the value', value('lockhash', lock('r6', 16))),
  row('lock before its place', value('lockhash', lock('r6', 4))),
  row('lock at a negative offset', value('lockhash', lock('r6', -8))),
  row('lock at a variable offset', value('lockhash', `r2 = *(u64 *)(r6 + 0)\nr2 &= 8\nr1 = r6\nr1 += r2\ncall bpf_spin_lock`)),
  row('lock at a constant in a register', value('lockhash', `r2 = 8\nr1 = r6\nr1 += r2\ncall bpf_spin_lock\n${unlock()}`)),
  row('lock in a map without BTF', value('nobtf', `r1 = r6\ncall bpf_spin_lock`)),
  row('lock in a map without lock', value('plain', `r1 = r6\ncall bpf_spin_lock`)),
  row('unlock in a map without lock', value('plain', `r1 = r6\ncall bpf_spin_unlock`)),
  row('spin_lock of a resilient lock', value('reslock', lock())),
  row('lock of the stack', `*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall bpf_spin_lock\n${END}`),
  row('lock of the context', `call bpf_spin_lock\n${END}`),
  row('lock of a number', `r1 = 0\ncall bpf_spin_lock\n${END}`),
  row(
    'lock of an unchecked value',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$lockhash]\ncall bpf_map_lookup_elem\nr1 = r0\ncall bpf_spin_lock\n${END}`,
  ),
  row(
    'access under the lock',
    value('lockhash', `${lock()}r1 = *(u64 *)(r6 + 0)\n*(u64 *)(r6 + 0) = r1\n*(u32 *)(r6 + 12) = 5\n${unlock()}`),
  ),
  row('lock word under the lock', value('lockhash', `${lock()}r1 = *(u32 *)(r6 + 8)\n${unlock()}`)),
  row('helper under the lock', value('lockhash', `${lock()}call bpf_get_prandom_u32\n${unlock()}`)),
  row(
    'lookup under the lock',
    value('lockhash', `${lock()}r1 = map[fd:$lockhash]\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\n${unlock()}`),
  ),
  row('exit under the lock', value('lockhash', `${lock()}r0 = 0\nexit`)),
  row(
    'tail call under the lock',
    `r9 = r1\n${value('lockhash', `${lock()}r1 = r9\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call\n${unlock()}`)}`,
  ),
  row('ld_abs under the lock', `r9 = r1\n${value('lockhash', `r7 = r6\nr6 = r9\n${lock('r7')}r0 = *(u8 *)skb[0]\n${unlock('r7')}`)}`),
  row('ld_abs after the lock', `r9 = r1\n${value('lockhash', `r7 = r6\nr6 = r9\n${lock('r7')}${unlock('r7')}r0 = *(u8 *)skb[0]`)}`),
  row('loop under the lock', value('lockhash', `${lock()}r2 = 0\nl1:\nr2 += 1\nif r2 < 10 goto l1\n${unlock()}`)),
  row('lock in a branch, unlock after it', value('lockhash', `r7 = *(u64 *)(r6 + 0)\nif r7 == 0 goto l1\n${lock()}${unlock()}l1:\n`)),
  row(
    'locked on both paths',
    value('lockhash', `r7 = *(u64 *)(r6 + 0)\n${lock()}if r7 == 0 goto l1\n*(u64 *)(r6 + 0) = 5\nl1:\n${unlock()}`),
  ),
  row(
    'locked by different values on two paths',
    two('lockhash', 'lockhash', `r8 = *(u64 *)(r6 + 0)\nif r8 == 0 goto l1\n${lock('r6')}goto l2\nl1:\n${lock('r7')}l2:\n${unlock('r6')}`),
  ),
  row('socket filter', value('lockhash', lock() + unlock()), { type: 1 }),
  row('kprobe', value('lockhash', lock() + unlock()), { type: 2 }),
  row('tracepoint', value('lockhash', lock() + unlock()), { type: 5 }),
  row('perf event', value('lockhash', lock() + unlock()), { type: 7 }),
  row('raw tracepoint', value('lockhash', lock() + unlock()), { type: 17 }),
  row('XDP', value('lockhash', lock() + unlock()), { type: 6 }),
  row('cgroup skb', value('lockhash', lock() + unlock()), { type: 8 }),
  row('local lock of a function that is static', `${value('lockhash', `${lock()}call pc+8\n${unlock()}`)}r0 = 0\nexit`, {}),
  row('subprogram under the lock', `${value('lockhash', `${lock()}call sub\n${unlock()}`)}\nsub:\nr0 = 0\nexit`),
  row('global data', `r6 = map[fd:$bss][0]+0\n${lock()}${unlock()}${END}`),
  row('global data loaded twice', `r6 = map[fd:$bss][0]+8\nr7 = map[fd:$bss][0]+0\n${lock('r6', 0)}${unlock('r7')}${END}`),
  row('global data without unlock', `r6 = map[fd:$bss][0]+0\n${lock()}${END}`),
  row('global data at a wrong offset', `r6 = map[fd:$bss][0]+0\n${lock('r6', 0)}${END}`),
  row('global data and a value', value('lockhash', `r7 = map[fd:$bss][0]+0\n${lock('r7')}${unlock('r6')}`)),
  row('global data beside the lock', `r6 = map[fd:$bss][0]+0\nr1 = *(u64 *)(r6 + 0)\nr1 = *(u64 *)(r6 + 16)\n${END}`),
  row('global data over the lock', `r6 = map[fd:$bss][0]+0\nr1 = *(u32 *)(r6 + 8)\n${END}`),
  row(
    'value of an inner map',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$outer]\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr1 = r0\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr6 = r0\n${lock()}${unlock()}out:\n${END}`,
  ),
  row(
    'value of an inner map, unlocked by another',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$outer]\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr8 = r0\nr1 = r0\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr6 = r0\nr1 = r8\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr7 = r0\n${lock()}${unlock('r7')}out:\n${END}`,
  ),
];

const timer = (name: string, args: string): string => `r1 = r6\nr1 += 8\n${args}\ncall bpf_timer_${name}\n`;
const init = (map = 'timer'): string => timer('init', `r2 = map[fd:$${map}]\nr3 = 1`);

const TIMERS: readonly Case[] = [
  row('timer init', value('timer', init())),
  row('timer init with another map', value('timer', init('timerother'))),
  row('timer init with a map without timer', value('timer', init('plain'))),
  row('timer init at a wrong offset', value('timer', `r1 = r6\nr2 = map[fd:$timer]\nr3 = 1\ncall bpf_timer_init`)),
  row(
    'timer init at a variable offset',
    value('timer', `r1 = r6\nr2 = *(u64 *)(r6 + 0)\nr2 &= 8\nr1 += r2\nr2 = map[fd:$timer]\nr3 = 1\ncall bpf_timer_init`),
  ),
  row('timer in a map without BTF', value('nobtf', `r1 = r6\nr2 = map[fd:$nobtf]\nr3 = 1\ncall bpf_timer_init`)),
  row('timer in a map without timer', value('plain', `r1 = r6\nr2 = map[fd:$plain]\nr3 = 1\ncall bpf_timer_init`)),
  row(
    'timer on the stack',
    `*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr1 = r10\nr1 += -16\nr2 = map[fd:$timer]\nr3 = 1\ncall bpf_timer_init\n${END}`,
  ),
  row('timer start', value('timer', timer('start', 'r2 = 0\nr3 = 0'))),
  row('timer start at a wrong offset', value('timer', `r1 = r6\nr1 += 16\nr2 = 0\nr3 = 0\ncall bpf_timer_start`)),
  row('timer cancel', value('timer', timer('cancel', ''))),
  row(
    'timer cancel of an unchecked value',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$timer]\ncall bpf_map_lookup_elem\nr1 = r0\ncall bpf_timer_cancel\n${END}`,
  ),
  row('timer of kprobe', value('timer', init()), { type: 2 }),
  row('timer of tracepoint', value('timer', init()), { type: 5 }),
  row('timer of socket filter', value('timer', init()), { type: 1 }),
  row('timer of XDP', value('timer', init()), { type: 6 }),
  row('timer under a lock', value('all', `r1 = r6\ncall bpf_spin_lock\nr1 = r6\nr1 += 8\nr2 = 0\nr3 = 0\ncall bpf_timer_start`)),
  row('timer of a value with all', value('all', `r1 = r6\nr1 += 8\nr2 = map[fd:$all]\nr3 = 1\ncall bpf_timer_init`)),
  row('timer callback that is no function', value('timer', `r1 = r6\nr1 += 8\nr2 = 0\ncall bpf_timer_set_callback`)),
  row(
    'timer of an inner map',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$outertimer]\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr7 = r0\nr1 = r0\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr6 = r0\nr1 = r6\nr1 += 8\nr2 = r7\nr3 = 1\ncall bpf_timer_init\nout:\n${END}`,
  ),
  row(
    'timer of an inner map with the other',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$outertimer]\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr7 = r0\nr2 = r10\nr2 += -4\nr1 = map[fd:$outertimer]\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr8 = r0\nr1 = r7\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr6 = r0\nr1 = r6\nr1 += 8\nr2 = r8\nr3 = 1\ncall bpf_timer_init\nout:\n${END}`,
  ),
  row('wq map of kprobe', value('wq', 'r1 = *(u64 *)(r6 + 0)'), { type: 2 }),
  row('wq map of TC', value('wq', 'r1 = *(u64 *)(r6 + 0)')),
  row('task work map of kprobe', value('tw', 'r1 = *(u64 *)(r6 + 0)'), { type: 2 }),
  row('list map of kprobe', value('listed', 'r1 = *(u32 *)(r6 + 4)'), { type: 2 }),
  row('tree map of tracepoint', value('treed', 'r1 = *(u32 *)(r6 + 4)'), { type: 5 }),
  row('list map of socket filter', value('listed', 'r1 = *(u32 *)(r6 + 4)'), { type: 1 }),
  row('list head loaded', value('listed', 'r1 = *(u64 *)(r6 + 8)')),
  row('tree root stored', value('treed', '*(u64 *)(r6 + 16) = 0')),
];

/** Offsets in struct held. */
const TASK = 8;
const SEEN = 16;
const EACH = 24;
const MINE = 32;

const KPTRS: readonly Case[] = [
  row('kptr load', value('held', `r1 = *(u64 *)(r6 + ${TASK})`)),
  row('kptr load is not dereferenced unchecked', value('held', `r1 = *(u64 *)(r6 + ${TASK})\nr1 = *(u64 *)(r1 + 0)`)),
  row('kptr load of 4 bytes', value('held', `r1 = *(u32 *)(r6 + ${TASK})`)),
  row('kptr load misaligned', value('held', `r1 = *(u64 *)(r6 + ${TASK - 4})`)),
  row('kptr load of one byte', value('held', `r1 = *(u8 *)(r6 + ${TASK + 3})`)),
  row('kptr load at a variable offset', value('held', `r1 = *(u64 *)(r6 + 0)\nr1 &= 8\nr6 += r1\nr1 = *(u64 *)(r6 + 0)`)),
  row('kptr load sign-extended', value('held', `r1 = *(s32 *)(r6 + ${TASK})`)),
  row('kptr store', value('held', `*(u64 *)(r6 + ${TASK}) = 0`)),
  row('kptr store of a register', value('held', `r1 = 0\n*(u64 *)(r6 + ${TASK}) = r1`)),
  row('untrusted kptr load', value('held', `r1 = *(u64 *)(r6 + ${SEEN})`)),
  row('untrusted kptr store of NULL', value('held', `*(u64 *)(r6 + ${SEEN}) = 0`)),
  row('untrusted kptr store of a zero register', value('held', `r1 = 0\n*(u64 *)(r6 + ${SEEN}) = r1`)),
  row('untrusted kptr store of a constant', value('held', `*(u64 *)(r6 + ${SEEN}) = 1`)),
  row('untrusted kptr store of a number', value('held', `r1 = *(u64 *)(r6 + 0)\n*(u64 *)(r6 + ${SEEN}) = r1`)),
  row('untrusted kptr store of the stack', value('held', `*(u64 *)(r6 + ${SEEN}) = r10`)),
  row('untrusted kptr store of itself', value('held', `r1 = *(u64 *)(r6 + ${SEEN})\n*(u64 *)(r6 + ${SEEN}) = r1`)),
  row('untrusted kptr store of the trusted one', value('held', `r1 = *(u64 *)(r6 + ${TASK})\n*(u64 *)(r6 + ${SEEN}) = r1`)),
  row('untrusted kptr store of another type', two('held', 'cgrp', `r1 = *(u64 *)(r7 + 8)\n*(u64 *)(r6 + ${SEEN}) = r1`)),
  row('untrusted kptr store of an own object', value('held', `r1 = *(u64 *)(r6 + ${MINE})\n*(u64 *)(r6 + ${SEEN}) = r1`)),
  row('kptr atomic', value('held', `r1 = 1\nlock *(u64 *)(r6 + ${TASK}) += r1`)),
  row('untrusted kptr atomic', value('held', `r1 = 1\nlock *(u64 *)(r6 + ${SEEN}) += r1`)),
  row('kptr atomic of 4 bytes', value('held', `r1 = 1\nlock *(u32 *)(r6 + ${TASK}) += r1`)),
  row('kptr as helper memory', value('held', `r1 = r6\nr2 = 16\nr3 = 0\ncall bpf_trace_printk`)),
  row('memory before the kptr', value('held', `r1 = r6\nr2 = 8\nr3 = 0\ncall bpf_trace_printk`)),
  row('percpu kptr load', value('held', `r1 = *(u64 *)(r6 + ${EACH})`)),
  row('percpu kptr store', value('held', `*(u64 *)(r6 + ${EACH}) = 0`)),
  row('percpu kptr as helper memory', value('held', `r1 = r6\nr1 += ${EACH}\nr2 = 8\nr3 = 0\ncall bpf_trace_printk`)),
  row('percpu kptr load of 4 bytes', value('held', `r1 = *(u32 *)(r6 + ${EACH})`)),
  row('percpu kptr misaligned', value('held', `r1 = *(u32 *)(r6 + ${EACH + 4})`)),
  row('own kptr load', value('held', `r1 = *(u64 *)(r6 + ${MINE})`)),
  row('kptr compared', value('held', `r1 = *(u64 *)(r6 + ${TASK})\nif r1 == 0 goto out\nr1 = 5`)),
  row(
    'percpu value',
    `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$heldpercpu]\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr1 = *(u64 *)(r0 + ${TASK})\nout:\n${END}`,
  ),
  row('xchg NULL in', value('held', `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg NULL in, kept in an array', value('heldarray', `r1 = r6\nr1 += ${MINE}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out`)),
  row('xchg of the untrusted kptr', value('held', `r1 = r6\nr1 += ${SEEN}\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg beside a kptr', value('held', `r1 = r6\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg at a variable offset', value('held', `r2 = *(u64 *)(r6 + 0)\nr2 &= 8\nr1 = r6\nr1 += r2\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg in a map without kptr', value('plain', `r1 = r6\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg in a map without BTF', value('nobtf', `r1 = r6\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg on the stack', `*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\nr2 = 0\ncall bpf_kptr_xchg\n${END}`),
  row('xchg of a number', value('held', `r1 = r6\nr1 += ${TASK}\nr2 = 5\ncall bpf_kptr_xchg`)),
  row('xchg of the stack', value('held', `r1 = r6\nr1 += ${TASK}\nr2 = r10\ncall bpf_kptr_xchg`)),
  row('xchg of a loaded kptr', value('held', `r1 = r6\nr1 += ${TASK}\nr2 = *(u64 *)(r6 + ${TASK})\ncall bpf_kptr_xchg`)),
  row(
    'xchg of a loaded and checked kptr',
    value('held', `r2 = *(u64 *)(r6 + ${TASK})\nif r2 == 0 goto out\nr1 = r6\nr1 += ${TASK}\ncall bpf_kptr_xchg`),
  ),
  row(
    'xchg back and forth',
    value(
      'held',
      `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr2 = r0\nr1 = r6\nr1 += ${TASK}\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr2 = r0\nr1 = r6\nr1 += ${TASK}\ncall bpf_kptr_xchg`,
    ),
  ),
  row(
    'xchg back unchecked',
    value('held', `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg\nr2 = r0\nr1 = r6\nr1 += ${TASK}\ncall bpf_kptr_xchg`),
  ),
  row(
    'xchg into another type',
    two(
      'held',
      'cgrp',
      `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr2 = r0\nr1 = r7\nr1 += 8\ncall bpf_kptr_xchg`,
    ),
  ),
  row('xchg result leaks', value('held', `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out`)),
  row(
    'xchg result moved',
    value(
      'held',
      `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr2 = r0\nr2 += 8\nr1 = r6\nr1 += ${TASK}\ncall bpf_kptr_xchg`,
    ),
  ),
  row(
    'xchg result used after it is given back',
    value(
      'held',
      `r1 = r6\nr1 += ${MINE}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = r0\nr2 = r0\nr1 = r6\nr1 += ${MINE}\ncall bpf_kptr_xchg\nr1 = *(u64 *)(r7 + 0)`,
    ),
  ),
  row(
    'percpu xchg into the other field',
    value(
      'held',
      `r1 = r6\nr1 += ${EACH}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr2 = r0\nr1 = r6\nr1 += ${MINE}\ncall bpf_kptr_xchg`,
    ),
  ),
  row(
    'own xchg into the percpu field',
    value(
      'held',
      `r1 = r6\nr1 += ${MINE}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr2 = r0\nr1 = r6\nr1 += ${EACH}\ncall bpf_kptr_xchg`,
    ),
  ),
  row('xchg under a lock', value('all', `r1 = r6\ncall bpf_spin_lock\nr1 = r6\nr1 += 40\nr2 = 0\ncall bpf_kptr_xchg`)),
  row('xchg of kprobe', value('held', `r1 = r6\nr1 += ${TASK}\nr2 = 0\ncall bpf_kptr_xchg`), { type: 2 }),
  row('own kptr read', value('held', `r1 = *(u64 *)(r6 + ${MINE})\nif r1 == 0 goto out\nr1 = *(u64 *)(r1 + 8)`)),
  row('own kptr written', value('held', `r1 = *(u64 *)(r6 + ${MINE})\nif r1 == 0 goto out\n*(u64 *)(r1 + 8) = 1`)),
  row('own kptr read beyond', value('held', `r1 = *(u64 *)(r6 + ${MINE})\nif r1 == 0 goto out\nr1 = *(u64 *)(r1 + 16)`)),
  row(
    'xchg result read',
    value(
      'held',
      `r1 = r6\nr1 += ${MINE}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = *(u64 *)(r0 + 8)\nr2 = r0\nr1 = r6\nr1 += ${MINE}\ncall bpf_kptr_xchg`,
    ),
  ),
  row(
    'xchg result written',
    value('held', `r1 = r6\nr1 += ${MINE}\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\n*(u64 *)(r0 + 8) = 5`),
  ),
];

/** Only names the maps. */
const names = (...maps: readonly string[]): string => `${maps.map((map) => `r1 = map[fd:$${map}]\n`).join('')}${END}`;
/** Of every kind, programs that sleep. */
const SLEEPERS = [
  'array',
  'hash',
  'ring',
  'perf',
  'progs',
  'stacks',
  'queue',
  'percpu',
  'cgroups',
  'outer',
  'userring',
  'shared',
  'cgstorage',
  'arena',
];

const MAPS: readonly Case[] = [
  ...SLEEPERS.map((map) => row(`${map} in a sleepable program`, names(map), { type: 31, flags: 16 })),
  row('one cgroup storage', names('cgstorage'), { type: 8 }),
  row('one cgroup storage twice', names('cgstorage', 'cgstorage'), { type: 8 }),
  row('cgroup storages of both kinds', names('cgstorage', 'cgpercpu'), { type: 8 }),
  row('two cgroup storages', names('cgstorage', 'cgstorageother'), { type: 8 }),
  row(
    'lock of a cgroup storage',
    `r1 = map[fd:$cgstorage]\nr2 = 0\ncall bpf_get_local_storage\nr6 = r0\n${lock()}${unlock()}r0 = 1\nexit`,
    { type: 8 },
  ),
  row(
    'lock of a cgroup storage, asked for twice',
    `r1 = map[fd:$cgstorage]\nr2 = 0\ncall bpf_get_local_storage\nr6 = r0\nr1 = map[fd:$cgstorage]\nr2 = 0\ncall bpf_get_local_storage\nr7 = r0\n${lock()}${unlock('r7')}r0 = 1\nexit`,
    { type: 8 },
  ),
  row('lock word of a cgroup storage', `r1 = map[fd:$cgstorage]\nr2 = 0\ncall bpf_get_local_storage\nr1 = *(u32 *)(r0 + 8)\nr0 = 1\nexit`, {
    type: 8,
  }),
  row('one arena', names('arena')),
  row('two arenas', names('arena', 'arenaother')),
  ...[1, 2, 3, 5, 6, 7, 8, 17].flatMap((type) =>
    ['lock', 'reslock', 'timer', 'wq', 'tw', 'listed', 'treed', 'held', 'counted', 'outer', 'outertimer'].map((map) =>
      row(`${map} in a program of type ${type}`, names(map), { type }),
    ),
  ),
];

export const FIELD_CASES: readonly Case[] = [...ACCESS, ...LOCKS, ...TIMERS, ...KPTRS, ...MAPS];
