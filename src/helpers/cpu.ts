/** Helpers about the CPU that runs the program, and random numbers. */
import { CPU, cpuRecord } from '../mem/index.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const CPU_HELPERS = [
  {
    id: 7,
    name: 'get_prandom_u32',
    since: '4.1',
    gplOnly: false,
    ret: 'integer',
    cret: '__u32',
    args: [],
    doc: 'Gives a pseudo-random 32-bit number.',
  },
  {
    id: 8,
    name: 'get_smp_processor_id',
    since: '4.1',
    gplOnly: false,
    ret: 'integer',
    cret: '__u32',
    args: [],
    doc: 'Gives the number of the CPU that runs the program.',
  },
  {
    id: 42,
    name: 'get_numa_node_id',
    since: '4.10',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [],
    doc: 'Gives the NUMA node of the CPU that runs the program.',
  },
  {
    id: 153,
    name: 'per_cpu_ptr',
    since: '5.10',
    gplOnly: false,
    ret: 'mem_or_btf_id_or_null',
    cret: 'void *',
    args: [arg('const void *', 'percpu_ptr', 'percpu_btf_id'), arg('__u32', 'cpu', 'anything')],
    doc: 'Gives the copy of a per-CPU kernel variable that belongs to the given CPU.',
  },
  {
    id: 154,
    name: 'this_cpu_ptr',
    since: '5.10',
    gplOnly: false,
    ret: 'mem_or_btf_id',
    cret: 'void *',
    args: [arg('const void *', 'percpu_ptr', 'percpu_btf_id')],
    doc: 'Gives the copy of a per-CPU kernel variable that belongs to this CPU.',
  },
] as const satisfies readonly HelperProto[];

const U32 = 0xffff_ffff;

/** Weyl step and mixing of splitmix32: one 32-bit state per CPU, in the CPU's record. */
function nextRandom(call: HelperCall): number {
  const at = cpuRecord(call.mem, call.cpu) + CPU.PRANDOM;
  const dv = call.mem.dv;
  if (dv.getUint32(at + 4, true) === 0) {
    dv.setUint32(at, Math.random() * U32, true);
    dv.setUint32(at + 4, 1, true);
  }
  const state = (dv.getUint32(at, true) + 0x9e3779b9) >>> 0;
  dv.setUint32(at, state, true);
  let z = state;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** CPU number and random numbers. The engine has one NUMA node. */
export const CPU_IMPLS = {
  get_prandom_u32: nextRandom,
  get_smp_processor_id: (call) => call.cpu,
  get_numa_node_id: () => 0,
} satisfies HelperImpls<(typeof CPU_HELPERS)[number]['name']>;
