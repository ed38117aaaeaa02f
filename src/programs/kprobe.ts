/** Kprobes, uprobes and their return forms. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: kprobe. */
export const KPROBE_PROGRAMS = [
  {
    id: 2,
    name: 'kprobe',
    since: '4.1',
    doc: 'Runs at a kernel or user function, at its return, or at a marked place in a program.',
    ctx: { kind: 'flat', start: 0, size: 168, write: false },
    ctxType: 'struct pt_regs',
    helpers: helperSet('4,25,27,36,45,58,67,173-174'),
    testRun: false,
    engine: true,
  },
] as const satisfies readonly ProgramTypeRow[];
