/** Helpers on spin locks, timers and kernel pointers kept in map values. */

import { CPU, cpuRecord, lock, unlock } from '../mem/index.ts';
import { arg } from './row.ts';
import type { HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const SYNC_HELPERS = [
  {
    id: 93,
    name: 'spin_lock',
    since: '5.1',
    gplOnly: false,
    ret: 'void',
    cret: 'long',
    args: [arg('struct bpf_spin_lock *', 'lock', 'spin_lock')],
    doc: 'Takes the spin lock in a map value.',
  },
  {
    id: 94,
    name: 'spin_unlock',
    since: '5.1',
    gplOnly: false,
    ret: 'void',
    cret: 'long',
    args: [arg('struct bpf_spin_lock *', 'lock', 'spin_lock')],
    doc: 'Releases the spin lock in a map value.',
  },
  {
    id: 169,
    name: 'timer_init',
    since: '5.15',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct bpf_timer *', 'timer', 'timer'), arg('void *', 'map', 'map'), arg('__u64', 'flags', 'anything')],
    doc: 'Prepares the timer in a map value.',
  },
  {
    id: 170,
    name: 'timer_set_callback',
    since: '5.15',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct bpf_timer *', 'timer', 'timer'), arg('void *', 'callback_fn', 'func')],
    doc: 'Sets the function that a timer calls.',
  },
  {
    id: 171,
    name: 'timer_start',
    since: '5.15',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct bpf_timer *', 'timer', 'timer'), arg('__u64', 'nsecs', 'anything'), arg('__u64', 'flags', 'anything')],
    doc: 'Arms a timer.',
  },
  {
    id: 172,
    name: 'timer_cancel',
    since: '5.15',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct bpf_timer *', 'timer', 'timer')],
    doc: 'Disarms a timer and waits for its callback to end.',
  },
  {
    id: 194,
    name: 'kptr_xchg',
    since: '5.19',
    gplOnly: false,
    ret: 'btf_id_or_null',
    cret: 'void *',
    args: [arg('void *', 'map_value', 'kptr'), arg('void *', 'ptr', 'btf_id_or_null', { release: true })],
    doc: 'Exchanges the kernel pointer kept in a map value.',
  },
] as const satisfies readonly HelperProto[];

/** Spin locks. The one that a program holds is noted with its CPU, so that it can be released when the run ends without its end. */
export const SYNC_IMPLS = {
  spin_lock(call) {
    call.mem.dv.setUint32(cpuRecord(call.mem, call.cpu) + CPU.HELD, call.off(1), true);
    lock(call.mem, call.off(1), call.env.thread);
    return 0;
  },
  spin_unlock(call) {
    unlock(call.mem, call.off(1));
    call.mem.dv.setUint32(cpuRecord(call.mem, call.cpu) + CPU.HELD, 0, true);
    return 0;
  },
} satisfies HelperImpls<(typeof SYNC_HELPERS)[number]['name']>;
