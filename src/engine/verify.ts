/** The seam to the verifier: what a program is checked against before it may run, and the log of that. */
import type { ProgLoadAttr } from '../host/host.ts';
import type { ProgramTypeRow } from '../programs/index.ts';
import type { EngineCore } from './core.ts';

/** Checks a program; throws VerifierError with the log. @returns the log of success */
export function checkProgram(
  _core: EngineCore,
  _attr: ProgLoadAttr,
  _facts: { readonly row: ProgramTypeRow; readonly gpl: boolean },
): string {
  return '';
}
