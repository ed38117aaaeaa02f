/** Findings as GitHub Actions annotations: workflow commands on lines of their own, at source lines where BTF has them. */
import type { Diagnostic } from '../../base/index.ts';
import { sourcePath } from './paths.ts';
import type { Report, Row } from './rows.ts';

/** @param directory the repository: files under it are named relative to it */
export function githubReport(directory: string): Report {
  return {
    row: (row) => linesOf(row, directory).join(''),
    end: () => '',
  };
}

function linesOf(row: Row, directory: string): string[] {
  switch (row.type) {
    case 'unreadable':
      return [command('error', { file: sourcePath(row.object, directory), title: 'bpfwright' }, row.message)];
    case 'release':
      return row.diagnostics.map((d) => annotation(d, row.object, `Linux ${row.release}`, directory));
    case 'verify': {
      if (row.diagnostics.length > 0) return row.diagnostics.map((d) => annotation(d, row.object, row.program, directory));
      if (row.verdict === 'accepted') return [];
      const message = [row.message ?? row.errno ?? row.verdict, row.hint].filter((part) => part !== undefined).join('\n');
      const level = row.verdict === 'rejected' ? 'error' : 'warning';
      return [command(level, { file: sourcePath(row.object, directory), title: `${row.program}: ${row.verdict}` }, message)];
    }
  }
}

function annotation(d: Diagnostic, object: string, subject: string, directory: string): string {
  const { file, line, column } = d.location;
  const related = (d.related ?? []).map(
    (r) => `${r.message}${r.location.line === undefined ? '' : ` (${r.location.file}:${r.location.line})`}`,
  );
  const body = [d.message, ...related, ...d.notes, ...(d.help === undefined ? [] : [`help: ${d.help}`])].join('\n');
  const at =
    file === undefined || line === undefined ? {} : { line: String(line), ...(column === undefined ? {} : { col: String(column) }) };
  return command(d.severity, { file: sourcePath(file ?? object, directory), ...at, title: `${subject}: ${d.code}` }, body);
}

/** A workflow command; percent signs and line ends are escaped, in properties colons and commas too (actions/toolkit command.ts). */
function command(level: 'error' | 'warning', properties: Readonly<Record<string, string>>, message: string): string {
  const texts = Object.entries(properties).map(
    ([name, value]) => `${name}=${escapeData(value).replaceAll(':', '%3A').replaceAll(',', '%2C')}`,
  );
  return `::${level} ${texts.join(',')}::${escapeData(message)}\n`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
