/** What `bpfwright verify` finds out, as rows: those who check programs make them, those who print them need nothing else. */
import type { Diagnostic } from '../../base/index.ts';
import type { VerifyStats } from '../../verifier/index.ts';

/** What became of one program. */
export interface ProgramRow {
  readonly type: 'verify';
  /** The object as the user named it. */
  readonly object: string;
  readonly program: string;
  /** Whose types it was verified with: a file, or the engine's own. */
  readonly types?: string;
  /** Name of the type that it is loaded as, `kprobe`. */
  readonly programType?: string;
  /** `unsupported`: the program cannot be checked here, whatever the verifier would say. */
  readonly verdict: 'accepted' | 'rejected' | 'unsupported';
  readonly errno?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly log: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly stats?: VerifyStats;
}

/** What a kernel release lacks of what an object needs. */
export interface ReleaseRow {
  readonly type: 'release';
  readonly object: string;
  /** `5.10`. */
  readonly release: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** An object that could not be read. */
export interface UnreadableRow {
  readonly type: 'unreadable';
  readonly object: string;
  readonly message: string;
  readonly hint?: string;
}

export type Row = ProgramRow | ReleaseRow | UnreadableRow;

/** A way to print rows: text for each as it comes, and what follows the last. */
export interface Report {
  row(row: Row): string;
  end(): string;
}

/** Whether the row makes the command fail: 2 not readable, 1 rejected or lacking, 0 fine. */
export function exitCode(row: Row): 0 | 1 | 2 {
  switch (row.type) {
    case 'unreadable':
      return 2;
    case 'release':
      return row.diagnostics.some((d) => d.severity === 'error') ? 1 : 0;
    default:
      return row.verdict === 'accepted' ? 0 : 1;
  }
}
