/** Traffic control: classifiers and actions. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { SK_BUFF } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: sched_cls, sched_act. */
export const SCHED_PROGRAMS = [
  {
    id: 3,
    name: 'sched_cls',
    since: '4.1',
    doc: 'Classifies packets of a network device, in and out.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow: 'len pkt_type protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex hash napi_id wire_len gso_segs gso_size',
      read: 'data data_end data_meta sk tstamp_type hwtstamp',
      readWrite: 'tstamp',
      narrowWrite: 'mark queue_mapping priority tc_index tc_classid',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet(
      '9-11,13,18-21,23-26,28-34,38-41,43,46-48,50,66,68-69,79,83-86,95-100,107-108,110,122,124,135-140,151-152,155,160,163,178,192,196,204-207',
    ),
    testRun: true,
    engine: false,
  },
  {
    id: 4,
    name: 'sched_act',
    since: '4.1',
    doc: 'Acts on packets that a classifier chose.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow: 'len pkt_type protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex hash napi_id wire_len gso_segs gso_size',
      read: 'data data_end data_meta sk tstamp_type hwtstamp',
      readWrite: 'tstamp',
      narrowWrite: 'mark queue_mapping priority tc_index tc_classid',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet(
      '9-11,13,18-21,23-26,28-34,38-41,43,46-48,50,66,68-69,79,83-86,95-100,107-108,110,122,124,135-140,151-152,155,160,163,178,192,196,204-207',
    ),
    testRun: true,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
