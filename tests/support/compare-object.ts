/** Every program of an object asked of verify() and of the live kernel, each loaded alone with all of the object's maps. */
import type { CollectionSpec } from '../../src/elf/index.ts';
import { loadCollection } from '../../src/loader/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';
import { checkProgram, type ProgramCheck, programCheck } from '../../src/tools/check-program.ts';
import type { KernelWorld } from '../../src/tools/kernel-world.ts';
import { kernelHost } from './kernel-host.ts';

/** One side's answer, reduced to what must agree. */
export interface Said {
  readonly verdict: ProgramCheck['verdict'];
  readonly errno: string | undefined;
  /** Last line of the log before its counters. */
  readonly message: string;
  /** The counters' line. */
  readonly counters: string;
}

export interface Comparison {
  readonly program: string;
  readonly ours: Said;
  readonly kernel: Said;
}

/** Compares all programs of an object, or one. */
export function compareObject(bpf: RawBpf, world: KernelWorld, spec: CollectionSpec, only?: string): Comparison[] {
  const out: Comparison[] = [];
  for (const program of spec.programs) {
    if (only !== undefined && program.name !== only) continue;
    const ours = said(checkProgram(world, spec, program, { logLevel: 1 }));
    const host = kernelHost(bpf, world);
    try {
      const theirs = programCheck(world, spec, program, (alone, options) => loadCollection(host, alone, options));
      out.push({ program: program.name, ours, kernel: said(theirs) });
    } finally {
      host.closeAll();
    }
  }
  return out;
}

function said({ verdict, errno, message, log }: ProgramCheck): Said {
  const lines = log.split('\n').filter((line) => line !== '' && !/^(verification time|stack depth)/.test(line));
  const counters = lines.at(-1)?.startsWith('processed ') === true ? (lines.pop() ?? '') : '';
  // Without a log there is only the errno to compare.
  const last = verdict === 'rejected' ? (lines.at(-1) ?? '') : (message ?? '');
  return { verdict, errno, message: last, counters };
}
