/** Rows as JSON lines. */
import { jsonLine } from '../json.ts';
import type { Report } from './rows.ts';

export function jsonReport(): Report {
  return { row: jsonLine, end: () => '' };
}
