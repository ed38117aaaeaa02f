/** Rows for people: a line each, findings with their source lines, and a summary after several. */
import type { Diagnostic, Location } from '../../base/index.ts';
import { visible } from '../sink.ts';
import type { ProgramRow, ReleaseRow, Report, Row } from './rows.ts';

const VERDICT_WIDTH = 'unsupported'.length;

export function textReport(): Report {
  const programs = { accepted: 0, rejected: 0, unsupported: 0 };
  const objects = new Set<string>();
  let unreadable = 0;
  let types = '';
  return {
    row(row) {
      objects.add(row.object);
      if (row.type === 'verify') {
        programs[row.verdict]++;
        types = row.types ?? types;
      }
      if (row.type === 'unreadable') unreadable++;
      return visible(textOf(row));
    },
    end() {
      const total = programs.accepted + programs.rejected + programs.unsupported;
      if (total + unreadable < 2) return '';
      const counts = Object.entries(programs).filter(([, n]) => n > 0);
      const what = counts.map(([verdict, n]) => `${n} ${verdict}`).join(', ');
      const rest = unreadable === 0 ? '' : `${what === '' ? '' : '; '}${unreadable} of the objects not readable`;
      return `${total} programs of ${objects.size} object${objects.size === 1 ? '' : 's'}: ${what}${rest}${types === '' ? '' : ` (types: ${types})`}\n`;
    },
  };
}

function textOf(row: Row): string {
  switch (row.type) {
    case 'verify':
      return programText(row);
    case 'release':
      return releaseText(row);
    case 'unreadable':
      // Told on standard error.
      return '';
  }
}

function head(what: string, rest: string): string {
  return `${what.padEnd(VERDICT_WIDTH)} ${rest}`;
}

function programText(row: ProgramRow): string {
  const { verdict, object, program, errno, message, hint, log, diagnostics } = row;
  const why = diagnostics.length > 0 ? (errno ?? '') : [errno, message].filter((part) => part !== undefined && part !== '').join(': ');
  const lines = [head(verdict, `${object} ${program}${why === '' ? '' : ` (${why})`}`)];
  for (const d of diagnostics) lines.push(...findingLines(d));
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  if (log !== '') lines.push(log.trimEnd());
  return `${lines.join('\n')}\n`;
}

function releaseText({ object, release, diagnostics }: ReleaseRow): string {
  const lacking = diagnostics.filter((d) => d.severity === 'error').length;
  const lines = [head(lacking === 0 ? 'has all' : 'lacks', `${object} on Linux ${release}`)];
  for (const d of diagnostics) lines.push(...findingLines(d));
  return `${lines.join('\n')}\n`;
}

function placeText({ file, line, column, insn }: Location): string {
  const at = insn === undefined ? '' : `insn ${insn}`;
  if (file === undefined || line === undefined) return at;
  const place = `${file}:${line}${column === undefined || column < 1 ? '' : `:${column}`}`;
  return at === '' ? place : `${place} (${at})`;
}

function findingLines(d: Diagnostic): string[] {
  const lines = [`  ${d.severity}[${d.code}]: ${d.message}`];
  const place = placeText(d.location);
  if (place !== '') lines.push(`    --> ${place}`);
  const { line, source, column } = d.location;
  if (line !== undefined && source !== undefined && source.trim() !== '') lines.push(...sourceLines(line, source, column));
  for (const { message, location } of d.related ?? []) {
    const where = placeText(location);
    lines.push(`    ${message}${where === '' ? '' : `, ${where}`}`);
    const text = location.source?.trim();
    if (text !== undefined && text !== '') lines.push(`      | ${text}`);
  }
  for (const note of d.notes) lines.push(`    ${note}`);
  if (d.help !== undefined) lines.push(`    help: ${d.help}`);
  return lines;
}

/** The source line with its number, and a mark under the column. Leading blanks are kept so that the column is right. */
function sourceLines(line: number, source: string, column: number | undefined): string[] {
  const number = String(line).padStart(5);
  const out = [`${number} | ${source.trimEnd()}`];
  if (column !== undefined && column >= 1 && column <= source.length) {
    const before = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
    out.push(`${' '.repeat(number.length)} | ${before}^`);
  }
  return out;
}
