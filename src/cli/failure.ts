/** How the command line fails: exit codes, and one clear sentence with a hint. */
import { BpfError, VerifierError } from '../base/index.ts';
import { escapeControl } from './sink.ts';

/** bpfwright itself failed. */
export const EXIT_FAILED = 125;
/** The command was found but cannot be executed. */
export const EXIT_CANNOT_EXECUTE = 126;
/** The command was not found. */
export const EXIT_NOT_FOUND = 127;

/** Sentence, verifier log where there is one, and hint of an error, without a stack for what we throw on purpose. */
export function describeError(error: unknown): string {
  if (!(error instanceof BpfError)) {
    return error instanceof Error
      ? `bpfwright: internal error: ${error.stack ?? error.message}\n`
      : `bpfwright: internal error: ${String(error)}\n`;
  }
  const lines = [`bpfwright: ${error.message}`];
  if (error instanceof VerifierError && error.log !== '') lines.push(error.log.trimEnd());
  if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  return `${lines.join('\n')}\n`;
}

/** Prints an error to standard error; control bytes of names in it are escaped. */
export function printError(error: unknown): void {
  const lines = describeError(error).split('\n');
  process.stderr.write(lines.map((l) => new TextDecoder().decode(escapeControl(new TextEncoder().encode(l)))).join('\n'));
}
