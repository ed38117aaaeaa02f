/** Programs whose arguments BTF types: tracing, security hooks, operations tables and replaced functions. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: tracing, struct_ops, ext, lsm. */
export const TRACING_PROGRAMS = [
  {
    id: 26,
    name: 'tracing',
    since: '5.5',
    doc: 'Runs at the entry or exit of a kernel function, at a typed tracepoint or as an iterator.',
    ctx: { kind: 'btf_args' },
    ctxType: 'unsigned long long',
    helpers: helperSet('4,25,27,36,45-46,67,107-108,111,121,126-127,136-140,147,150,162,173-174,178,183-185,188,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 27,
    name: 'struct_ops',
    since: '5.6',
    doc: 'Implements one function of a kernel operations table.',
    ctx: { kind: 'btf_args' },
    ctxType: 'unsigned long long',
    helpers: helperSet('25,49,57,107-108,116,160'),
    testRun: true,
    engine: false,
  },
  {
    id: 28,
    name: 'ext',
    since: '5.6',
    doc: 'Replaces a global function of another program.',
    ctx: { kind: 'none' },
    ctxType: 'void',
    helpers: helperSet('', 'none'),
    testRun: false,
    engine: false,
  },
  {
    id: 29,
    name: 'lsm',
    since: '5.7',
    doc: 'Decides at a hook of the security modules.',
    ctx: { kind: 'btf_args' },
    ctxType: 'unsigned long long',
    helpers: helperSet('4,25,27,36,45-46,49,57,67,107-108,111,121,136-140,145-147,159,161-162,173-174,178,183-188,193,196'),
    testRun: false,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
