/** The seam to the verifier: what a program is checked against before it may run. */
import { NotSupportedError, VerifierError } from '../base/index.ts';
import { openBtf } from '../btf/index.ts';
import { HELPER_BY_ID, helperRefusal, OPT_IN_HELPERS } from '../helpers/index.ts';
import { type ProgLoadAttr, type ProgramBtf, readProgramBtf } from '../host/index.ts';
import { type ProgramFacts, type Verdict, verify } from '../verifier/index.ts';
import { contextUse } from './context-use.ts';
import type { EngineCore } from './core.ts';
import { engineBtf } from './kernel-types/index.ts';
import { MapFactsOf } from './map-facts.ts';
import type { MapReferences } from './map-references.ts';

export interface VerifyFacts {
  readonly core: EngineCore;
  readonly gpl: boolean;
  readonly records: Partial<ProgramBtf>;
  /** Resolves the map references on the way. */
  readonly references: MapReferences;
}

/** What a program's verification gave. */
export interface Verified {
  readonly log: string;
  readonly logTrueSize: number;
  readonly facts: ProgramFacts;
}

/** Checks a program. @returns the log of success, and facts for the compiler; throws VerifierError with the log of failure */
export function verifyProgram(attr: ProgLoadAttr, { core, gpl, records, references }: VerifyFacts): Verified {
  const maps = new MapFactsOf(core);
  const verdict = verify(
    {
      type: attr.type,
      insns: attr.insns,
      gplCompatible: gpl,
      expectedAttachType: attr.expectedAttachType ?? 0,
      flags: attr.flags ?? 0,
      ...records,
      ...((attr.attachBtfId ?? 0) === 0 ? {} : { attach: { btf: engineBtf(), typeId: attr.attachBtfId ?? 0 } }),
    },
    {
      map: (ref) => {
        const refusal = references.resolve(ref);
        if (refusal !== undefined) return refusal;
        const object = core.file(ref.fd)?.object;
        return object?.kind === 'map' ? maps.of(object) : { errno: 'EBADF', message: `fd ${ref.fd} is not pointing to valid bpf_map` };
      },
      ...core.loader,
      logLevel: attr.logLevel ?? 0,
      ...(attr.logSize === undefined ? {} : { logSize: attr.logSize }),
      cpus: core.cpus,
      // Made when something asks for it: few programs do.
      get kernelBtf() {
        return engineBtf();
      },
    },
  );
  if (verdict.verdict === 'rejected' || verdict.logOverflowed) throw refusal(verdict);
  for (const id of contextUse(attr.insns).helpers) {
    const reason = helperRefusal(id);
    const name = HELPER_BY_ID.get(id)?.name;
    if (OPT_IN_HELPERS.some((each) => each === name && !core.allowed.has(each))) {
      throw new NotSupportedError(`helper bpf_${name} changes the traced process, which this engine was not told to allow`, {
        hint: `new Engine({ allowHelpers: ['${name}'] }) allows it`,
      });
    }
    if (reason === undefined) continue;
    throw new NotSupportedError(`helper bpf_${name} exists in the kernel, but ${reason}`, {
      hint: 'the kernel host can run the program',
    });
  }
  return { log: verdict.log, logTrueSize: verdict.logTrueSize, facts: verdict.facts };
}

function refusal({ errno = 'EINVAL', insn, message, log, logTrueSize, logOverflowed, diagnostics }: Verdict): VerifierError {
  const at = insn === undefined || insn < 0 ? '' : `insn ${insn}: `;
  const error = logOverflowed
    ? new VerifierError('ENOSPC', `the log needs ${logTrueSize} bytes`, log, diagnostics)
    : new VerifierError(errno, `${at}${message || 'the program is refused'}`, log, diagnostics);
  error.logTrueSize = logTrueSize;
  return error;
}

/** A program's records. */
export function programBtf(core: EngineCore, attr: ProgLoadAttr): Partial<ProgramBtf> {
  if (attr.btfFd === undefined || attr.funcInfo === undefined || attr.funcInfo.length === 0) return {};
  const object = core.file(attr.btfFd)?.object;
  return object?.kind === 'btf' ? readProgramBtf(openBtf(object.bytes), attr.funcInfo, attr.lineInfo, attr) : {};
}
