/** Programs on perf event samples. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { BPF_PERF_EVENT_DATA } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: perf_event. */
export const PERF_EVENT_PROGRAMS = [
  {
    id: 7,
    name: 'perf_event',
    since: '4.9',
    doc: 'Runs at every sample of a perf event.',
    ctx: fields(BPF_PERF_EVENT_DATA, { narrow: 'sample_period addr', read: 'regs' }),
    ctxType: 'struct bpf_perf_event_data',
    helpers: helperSet('4,25,27,36,45,56,67,119,173-174'),
    testRun: false,
    engine: true,
  },
] as const satisfies readonly ProgramTypeRow[];
