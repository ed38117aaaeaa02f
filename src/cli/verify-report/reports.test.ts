/** What each format makes of the same rows. */
import { describe, expect, it } from 'vitest';
import { createReport, exitCode, type Format, type Row } from './index.ts';

const ACCEPTED: Row = { type: 'verify', object: 'a.bpf.o', program: 'good', verdict: 'accepted', log: '', diagnostics: [] };
const REJECTED: Row = {
  type: 'verify',
  object: 'dir, one/b.bpf.o',
  program: 'bad',
  verdict: 'rejected',
  errno: 'EACCES',
  message: "insn 4: R0 invalid mem access 'map_value_or_null'",
  log: '',
  diagnostics: [
    {
      code: 'null-pointer',
      severity: 'error',
      message: "R0 invalid mem access 'map_value_or_null'",
      location: { program: 'bad', insn: 4, file: '/tree/src/b.bpf.c', line: 12, column: 3, source: '\t*v += 100%;' },
      notes: ['r0 is map_value_or_null'],
      help: 'check v against NULL before line 12',
      related: [
        {
          message: 'r0 comes from here',
          location: { program: 'bad', insn: 3, file: '/tree/src/b.bpf.c', line: 11, source: ' v = lookup();' },
        },
      ],
    },
  ],
};
const UNSUPPORTED: Row = {
  type: 'verify',
  object: 'c.bpf.o',
  program: 'other',
  verdict: 'unsupported',
  message: 'helper bpf_x exists',
  log: '',
  diagnostics: [],
};
const LACKS: Row = {
  type: 'release',
  object: 'a.bpf.o',
  release: '4.4',
  diagnostics: [
    { code: 'release-loop', severity: 'error', message: 'a loop needs Linux 5.3', location: { program: 'good', insn: 2 }, notes: [] },
    { code: 'release-core', severity: 'warning', message: 'CO-RE', location: {}, notes: [] },
  ],
};
const HAS: Row = { type: 'release', object: 'a.bpf.o', release: '6.1', diagnostics: [] };
const UNREADABLE: Row = { type: 'unreadable', object: 'no\nsuch', message: 'no such file' };
const ROWS = [ACCEPTED, REJECTED, UNSUPPORTED, LACKS, HAS, UNREADABLE];

function print(format: Format, rows: readonly Row[]): string {
  const report = createReport(format, { version: '1.2.3', directory: '/tree' });
  return rows.map((row) => report.row(row)).join('') + report.end();
}

it.each([
  [ACCEPTED, 0],
  [REJECTED, 1],
  [UNSUPPORTED, 1],
  [LACKS, 1],
  [HAS, 0],
  [UNREADABLE, 2],
] as const)('exit code of %o', (row, code) => {
  expect(exitCode(row)).toBe(code);
});

describe('text', () => {
  it('shows source lines with a mark, what led there, help, and one summary', () => {
    expect(print('text', ROWS)).toMatchInlineSnapshot(`
      "accepted    a.bpf.o good
      rejected    dir, one/b.bpf.o bad (EACCES)
        error[null-pointer]: R0 invalid mem access 'map_value_or_null'
          --> /tree/src/b.bpf.c:12:3 (insn 4)
         12 | 	*v += 100%;
            | 	 ^
          r0 comes from here, /tree/src/b.bpf.c:11 (insn 3)
            | v = lookup();
          r0 is map_value_or_null
          help: check v against NULL before line 12
      unsupported c.bpf.o other (helper bpf_x exists)
      lacks       a.bpf.o on Linux 4.4
        error[release-loop]: a loop needs Linux 5.3
          --> insn 2
        warning[release-core]: CO-RE
      has all     a.bpf.o on Linux 6.1
      3 programs of 4 objects: 1 accepted, 1 rejected, 1 unsupported; 1 of the objects not readable
      "
    `);
  });

  it('has no summary for one program, and lets no control byte through', () => {
    expect(print('text', [ACCEPTED])).toBe('accepted    a.bpf.o good\n');
    expect(print('text', [{ ...ACCEPTED, program: '\x1b[31m' }])).toBe('accepted    a.bpf.o \\x1b[31m\n');
  });
});

it('json: an object a line', () => {
  const lines = print('json', ROWS).trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as Row).type)).toEqual(['verify', 'verify', 'verify', 'release', 'release', 'unreadable']);
});

it('github: annotations, escaped, relative to the repository', () => {
  expect(print('github', ROWS)).toMatchInlineSnapshot(`
    "::error file=src/b.bpf.c,line=12,col=3,title=bad%3A null-pointer::R0 invalid mem access 'map_value_or_null'%0Ar0 comes from here (/tree/src/b.bpf.c:11)%0Ar0 is map_value_or_null%0Ahelp: check v against NULL before line 12
    ::warning file=c.bpf.o,title=other%3A unsupported::helper bpf_x exists
    ::error file=a.bpf.o,title=Linux 4.4%3A release-loop::a loop needs Linux 5.3
    ::warning file=a.bpf.o,title=Linux 4.4%3A release-core::CO-RE
    ::error file=no%0Asuch,title=bpfwright::no such file
    "
  `);
});

describe('sarif', () => {
  interface Sarif {
    readonly version: string;
    readonly $schema: string;
    readonly runs: readonly {
      readonly tool: {
        readonly driver: { readonly name: string; readonly version: string; readonly rules: readonly { readonly id: string }[] };
      };
      readonly invocations: readonly { readonly executionSuccessful: boolean; readonly toolExecutionNotifications: readonly unknown[] }[];
      readonly results: readonly {
        readonly ruleId: string;
        readonly ruleIndex: number;
        readonly level: string;
        readonly message: { readonly text: string };
        readonly locations: readonly unknown[];
        readonly codeFlows?: readonly { readonly threadFlows: readonly { readonly locations: readonly unknown[] }[] }[];
      }[];
    }[];
  }
  const log = JSON.parse(print('sarif', ROWS)) as Sarif;
  const [run] = log.runs;

  it('is one log with one run, and a rule for every result', () => {
    expect(log).toMatchObject({ version: '2.1.0', $schema: expect.stringContaining('sarif-schema-2.1.0.json') });
    expect(run?.tool.driver).toMatchObject({ name: 'bpfwright', version: '1.2.3' });
    expect(run?.results.map((r) => [r.ruleId, r.level, run.tool.driver.rules[r.ruleIndex]?.id])).toEqual([
      ['null-pointer', 'error', 'null-pointer'],
      ['unsupported', 'warning', 'unsupported'],
      ['release-loop', 'error', 'release-loop'],
      ['release-core', 'warning', 'release-core'],
    ]);
    expect(run?.invocations).toMatchObject([{ executionSuccessful: false, toolExecutionNotifications: [{ level: 'error' }] }]);
  });

  it('places results in the source, and tells the way there', () => {
    const [result] = run?.results ?? [];
    expect(result?.locations).toMatchObject([
      {
        physicalLocation: {
          artifactLocation: { uri: 'src/b.bpf.c' },
          region: { startLine: 12, startColumn: 3, snippet: { text: '\t*v += 100%;' } },
        },
        logicalLocations: [{ name: 'bad', kind: 'function', fullyQualifiedName: 'dir, one/b.bpf.o:bad+4' }],
      },
    ]);
    expect(result?.codeFlows?.[0]?.threadFlows[0]?.locations).toHaveLength(2);
  });

  it('names objects as URIs where there is no source', () => {
    const uris = JSON.stringify(print('sarif', [{ ...UNREADABLE, object: '/tmp/a b.o' }]));
    expect(uris).toContain('file:///tmp/a%20b.o');
  });
});
