/** The formats of `bpfwright verify`, by name. */
import type { Format } from './formats.ts';
import { githubReport } from './github.ts';
import { jsonReport } from './json.ts';
import type { Report } from './rows.ts';
import { sarifReport } from './sarif.ts';
import { textReport } from './text.ts';

export type { Format } from './formats.ts';
export { exitCode, type ProgramRow, type ReleaseRow, type Report, type Row, type UnreadableRow } from './rows.ts';

/** What a format may need to know. */
export interface ReportOptions {
  /** Version of bpfwright, for SARIF. */
  readonly version: string;
  /** Directory that source files are named relative to: annotations want paths within the repository. */
  readonly directory: string;
}

/** A report in a format. */
export function createReport(format: Format, options: ReportOptions): Report {
  switch (format) {
    case 'json':
      return jsonReport();
    case 'github':
      return githubReport(options.directory);
    case 'sarif':
      return sarifReport(options);
    case 'text':
      return textReport();
  }
}
