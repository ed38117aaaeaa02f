/** XDP. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { XDP_MD } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import { ATTACH_TYPE } from './sections.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: xdp. */
export const XDP_PROGRAMS = [
  {
    id: 6,
    name: 'xdp',
    since: '4.8',
    doc: 'Decides on a frame as the driver receives it.',
    ctx: fields(
      XDP_MD,
      { read: 'data data_end data_meta ingress_ifindex rx_queue_index egress_ifindex' },
      { egress_ifindex: { attach: [ATTACH_TYPE.XDP_DEVMAP] } },
    ),
    ctxType: 'struct xdp_md',
    helpers: helperSet('23,25,28,44,51,54,65,69,84-86,99-100,110,136-140,160,163,178,188-190,196,204-207'),
    testRun: true,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
