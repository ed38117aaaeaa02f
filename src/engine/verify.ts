/** The seam to the verifier: what a program is checked against before it may run. A full verifier takes this file's place. */
import { NotSupportedError, VerifierError } from '../base/index.ts';
import { HELPER_BY_ID, helperRefusal } from '../helpers/index.ts';
import type { ProgLoadAttr } from '../host/host.ts';
import { checkStructure } from '../verifier/index.ts';
import { contextUse } from './context-use.ts';
import type { MapReferences } from './map-references.ts';

/** Types whose programs may sleep: kprobe (uprobes), tracing, struct_ops, lsm, syscall (kernel/bpf/verifier.c can_be_sleepable, v6.18). */
const SLEEPABLE_TYPES = [2, 26, 27, 29, 31];
const SYSCALL = 31;

/** What the checks need beside the load's attributes. */
export interface VerifyFacts {
  readonly gpl: boolean;
  readonly sleepable: boolean;
  /** Resolves the map references on the way. */
  readonly references: MapReferences;
}

/** Checks a program. @returns the log of success; throws VerifierError with the log of failure */
export function verifyProgram(attr: ProgLoadAttr, facts: VerifyFacts): string {
  const verdict = checkStructure(attr.insns, {
    type: attr.type,
    gplCompatible: facts.gpl,
    sleepable: facts.sleepable,
    ...(attr.funcInfo === undefined || attr.funcInfo.length === 0 ? {} : { funcInfo: true }),
    reference: (ref) => facts.references.resolve(ref),
  });
  if (!verdict.ok) {
    const at = verdict.insn === undefined ? '' : `insn ${verdict.insn}: `;
    const message = verdict.message || 'the program is refused';
    const location = verdict.insn === undefined ? {} : { insn: verdict.insn };
    const diagnostic = { code: 'structure', severity: 'error', message, location, notes: [] } as const;
    throw new VerifierError(verdict.errno, `${at}${message}`, verdict.log, [diagnostic]);
  }
  if (facts.sleepable !== (attr.type === SYSCALL) && (attr.type === SYSCALL || !SLEEPABLE_TYPES.includes(attr.type))) {
    const message =
      attr.type === SYSCALL
        ? 'Syscall programs can only be sleepable'
        : 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable';
    throw new VerifierError('EINVAL', message, `${message}\n`);
  }
  for (const id of contextUse(attr.insns).helpers) {
    const reason = helperRefusal(id);
    if (reason === undefined) continue;
    throw new NotSupportedError(`helper bpf_${HELPER_BY_ID.get(id)?.name} exists in the kernel, but ${reason}`, {
      hint: 'the kernel host can run the program',
    });
  }
  return verdict.log;
}
