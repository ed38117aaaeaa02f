/** Findings as one SARIF 2.1.0 log (OASIS sarif-v2.1.0), for code scanning: results with rules, source places and the way that led there. */
import type { Diagnostic, Location } from '../../base/index.ts';
import { ruleSummary } from '../../verifier/index.ts';
import { sourceUri } from './paths.ts';
import type { Report, Row } from './rows.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
/** Rule of programs that cannot be checked here. */
const UNSUPPORTED = 'unsupported';

/** @param options `directory`: files under it are named relative to it */
export function sarifReport({ version, directory }: { readonly version: string; readonly directory: string }): Report {
  const rules: { id: string; shortDescription: { text: string } }[] = [];
  const results: unknown[] = [];
  const notifications: unknown[] = [];
  const ruleIndex = (id: string): number => {
    const known = rules.findIndex((rule) => rule.id === id);
    return known >= 0 ? known : rules.push({ id, shortDescription: { text: ruleSummary(id) } }) - 1;
  };
  const add = (d: Diagnostic, object: string, subject: Readonly<Record<string, string>>): void => {
    const related = d.related ?? [];
    results.push({
      ruleId: d.code,
      ruleIndex: ruleIndex(d.code),
      level: d.severity,
      message: { text: [d.message, ...d.notes, ...(d.help === undefined ? [] : [`help: ${d.help}`])].join('\n') },
      locations: [locationOf(d.location, object, directory)],
      ...(related.length === 0 ? {} : { codeFlows: [{ threadFlows: [{ locations: flow(d, object, directory) }] }] }),
      properties: { object, ...subject, ...(d.location.insn === undefined ? {} : { insn: d.location.insn }) },
    });
  };
  return {
    row(row) {
      take(row, add, notifications, directory);
      return '';
    },
    end() {
      const log = {
        $schema: SCHEMA,
        version: '2.1.0',
        runs: [
          {
            tool: { driver: { name: 'bpfwright', version, rules } },
            columnKind: 'utf16CodeUnits',
            invocations: [{ executionSuccessful: notifications.length === 0, toolExecutionNotifications: notifications }],
            results,
          },
        ],
      };
      return `${JSON.stringify(log, undefined, 2)}\n`;
    },
  };
}

function take(
  row: Row,
  add: (d: Diagnostic, object: string, subject: Readonly<Record<string, string>>) => void,
  notifications: unknown[],
  directory: string,
): void {
  switch (row.type) {
    case 'unreadable':
      notifications.push({
        level: 'error',
        message: { text: [row.message, row.hint].filter((part) => part !== undefined).join('\n') },
        locations: [{ physicalLocation: { artifactLocation: { uri: sourceUri(row.object, directory) } } }],
      });
      return;
    case 'release':
      for (const d of row.diagnostics) add(d, row.object, { release: row.release });
      return;
    case 'verify': {
      for (const d of row.diagnostics) add(d, row.object, { program: row.program });
      if (row.diagnostics.length > 0 || row.verdict === 'accepted') return;
      const severity = row.verdict === 'rejected' ? 'error' : 'warning';
      const message = row.message ?? row.errno ?? row.verdict;
      const notes = row.hint === undefined ? [] : [row.hint];
      const code = row.verdict === 'rejected' ? 'load' : UNSUPPORTED;
      add({ code, severity, message, location: { program: row.program }, notes }, row.object, { program: row.program });
    }
  }
}

/** Locations without a source line are in the object itself. */
function locationOf({ file, line, column, source, program, insn }: Location, object: string, directory: string): Record<string, unknown> {
  const region =
    line === undefined || line < 1
      ? {}
      : {
          region: {
            startLine: line,
            ...(column === undefined || column < 1 ? {} : { startColumn: column }),
            ...(source === undefined ? {} : { snippet: { text: source } }),
          },
        };
  const name = program ?? object;
  return {
    physicalLocation: { artifactLocation: { uri: sourceUri(file ?? object, directory) }, ...region },
    logicalLocations: [
      {
        name,
        kind: program === undefined ? 'module' : 'function',
        fullyQualifiedName: `${object}:${name}${insn === undefined ? '' : `+${insn}`}`,
      },
    ],
  };
}

function flow(d: Diagnostic, object: string, directory: string): unknown[] {
  const steps = [...(d.related ?? []), { message: d.message, location: d.location }];
  return steps.map(({ message, location }) => ({ location: { ...locationOf(location, object, directory), message: { text: message } } }));
}
