/** Static tracepoints, by record and by raw arguments. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: tracepoint, raw_tracepoint, raw_tracepoint_writable. */
export const TRACEPOINT_PROGRAMS = [
  {
    id: 5,
    name: 'tracepoint',
    since: '4.7',
    doc: 'Runs at a static tracepoint of the kernel and sees its record.',
    ctx: { kind: 'flat', start: 8, size: 8184, write: false },
    ctxType: 'void',
    helpers: helperSet('4,25,27,36,45,67,173-174'),
    testRun: false,
    engine: true,
  },
  {
    id: 17,
    name: 'raw_tracepoint',
    since: '4.17',
    doc: 'Runs at a static tracepoint of the kernel and sees its raw arguments.',
    ctx: { kind: 'flat', start: 0, size: 96, write: false },
    ctxType: 'struct bpf_raw_tracepoint_args',
    helpers: helperSet('4,25,27,36,45,67,173-174'),
    testRun: true,
    engine: true,
  },
  {
    id: 24,
    name: 'raw_tracepoint_writable',
    since: '5.2',
    doc: 'Like raw_tracepoint, and may write the buffer that the tracepoint offers.',
    ctx: { kind: 'flat', start: 0, size: 96, write: false },
    ctxType: 'struct bpf_raw_tracepoint_args',
    helpers: helperSet('4,25,27,36,45,67,173-174'),
    testRun: false,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
