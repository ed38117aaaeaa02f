/** Helpers on perf events: reading counters and writing samples into rings. */
import { ERRNO } from '../base/index.ts';
import { MAP } from '../maps/types.ts';
import { CPU, cpuRecord } from '../mem/index.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const PERF_HELPERS = [
  {
    id: 22,
    name: 'perf_event_read',
    since: '4.3',
    gplOnly: true,
    ret: 'integer',
    cret: '__u64',
    args: [arg('void *', 'map', 'map'), arg('__u64', 'flags', 'anything')],
    doc: 'Reads the counter of a perf event in an array.',
  },
  {
    id: 25,
    name: 'perf_event_output',
    since: '4.4',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'ctx', 'ctx'),
      arg('void *', 'map', 'map'),
      arg('__u64', 'flags', 'anything'),
      arg('void *', 'data', 'mem'),
      arg('__u64', 'size', 'size_or_zero'),
    ],
    doc: 'Writes a sample into the ring of a perf event in an array.',
  },
  {
    id: 55,
    name: 'perf_event_read_value',
    since: '4.15',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'map', 'map'),
      arg('__u64', 'flags', 'anything'),
      arg('struct bpf_perf_event_value *', 'buf', 'mem_uninit'),
      arg('__u32', 'buf_size', 'size'),
    ],
    doc: 'Reads the counter of a perf event with its enabled and running times.',
  },
  {
    id: 56,
    name: 'perf_prog_read_value',
    since: '4.15',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct bpf_perf_event_data *', 'ctx', 'ctx'),
      arg('struct bpf_perf_event_value *', 'buf', 'mem_uninit'),
      arg('__u32', 'buf_size', 'size'),
    ],
    doc: 'Reads the counter of the perf event that is being sampled.',
  },
  {
    id: 111,
    name: 'skb_output',
    since: '5.5',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'ctx', 'btf_id', { btf: 'sk_buff' }),
      arg('void *', 'map', 'map'),
      arg('__u64', 'flags', 'anything'),
      arg('void *', 'data', 'mem'),
      arg('__u64', 'size', 'size_or_zero'),
    ],
    doc: 'Writes a sample with bytes of a packet into a perf ring, for programs that trace packets.',
  },
  {
    id: 119,
    name: 'read_branch_records',
    since: '5.7',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct bpf_perf_event_data *', 'ctx', 'ctx'),
      arg('void *', 'buf', 'mem_uninit_or_null'),
      arg('__u32', 'size', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Copies the branch records of the sample.',
  },
  {
    id: 121,
    name: 'xdp_output',
    since: '5.7',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'ctx', 'btf_id', { btf: 'xdp_buff' }),
      arg('void *', 'map', 'map'),
      arg('__u64', 'flags', 'anything'),
      arg('void *', 'data', 'mem'),
      arg('__u64', 'size', 'size_or_zero'),
    ],
    doc: 'Writes a sample with bytes of a received frame into a perf ring, for programs that trace XDP.',
  },
  {
    id: 176,
    name: 'get_branch_snapshot',
    since: '5.16',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'entries', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('__u64', 'flags', 'anything')],
    doc: "Copies the CPU's most recent branches.",
  },
] as const satisfies readonly HelperProto[];

/** Low 32 bits of flags: index, or all ones for the current CPU (uapi BPF_F_INDEX_MASK, BPF_F_CURRENT_CPU). */
const INDEX_MASK = 0xffff_ffffn;
const MAX_NEST = 3;
/** struct bpf_perf_event_value: counter, enabled, running. */
const VALUE_SIZE = 24;

/** The event that flags choose, or a negative errno. */
function eventOf(call: HelperCall, map: number, flags: bigint): number {
  if (flags > INDEX_MASK) return -ERRNO.EINVAL;
  const index = flags === INDEX_MASK ? call.cpu : Number(flags);
  if (index >= call.mem.dv.getUint32(map + MAP.MAX_ENTRIES, true)) return -ERRNO.E2BIG;
  const event = call.perf.event(map, index);
  return event === 0 ? -ERRNO.ENOENT : event;
}

function output(call: HelperCall): number {
  const event = eventOf(call, call.off(2), call.u64(3));
  if (event < 0) return event;
  if (!call.perf.isBpfOutput(event)) return -ERRNO.EINVAL;
  if (call.perf.onCpu(event) !== call.cpu) return -ERRNO.EOPNOTSUPP;
  return call.perf.output(event, call.off(4), call.off(5));
}

/** Counters and samples; the checks come in the order of kernel/trace/bpf_trace.c __bpf_perf_event_output and get_map_perf_event_counter (v6.18). */
export const PERF_IMPLS = {
  perf_event_read(call) {
    const event = eventOf(call, call.off(1), call.u64(2));
    if (event < 0) return event;
    const value = call.perf.read(event);
    return typeof value === 'number' ? value : value.counter;
  },
  perf_event_output(call) {
    const at = cpuRecord(call.mem, call.cpu) + CPU.PERF_NEST;
    const depth = call.mem.dv.getUint32(at, true);
    if (depth >= MAX_NEST) return -ERRNO.EBUSY;
    call.mem.dv.setUint32(at, depth + 1, true);
    try {
      return output(call);
    } finally {
      call.mem.dv.setUint32(at, depth, true);
    }
  },
  perf_event_read_value(call) {
    const buf = call.off(3);
    const size = call.off(4);
    const event = size === VALUE_SIZE ? eventOf(call, call.off(1), call.u64(2)) : -ERRNO.EINVAL;
    const value = event < 0 ? event : call.perf.read(event);
    if (typeof value === 'number') {
      call.mem.u8.fill(0, buf, buf + size);
      return value;
    }
    call.mem.dv.setBigUint64(buf, value.counter, true);
    call.mem.dv.setBigUint64(buf + 8, value.enabled, true);
    call.mem.dv.setBigUint64(buf + 16, value.running, true);
    return 0;
  },
} satisfies HelperImpls<(typeof PERF_HELPERS)[number]['name']>;
