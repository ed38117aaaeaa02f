/** `bpfwright feature`: prints what works here and why not. */
import { features } from '../tools/features.ts';
import { jsonLine } from './json.ts';
import { Sink } from './sink.ts';

/** @returns the exit code: 0 when a command can be traced here, 1 when not */
export async function feature(options: { json?: boolean }): Promise<number> {
  const rows = features();
  const out = new Sink(1);
  const width = Math.max(...rows.map((r) => r.name.length));
  for (const row of rows) {
    if (options.json) out.write(jsonLine({ type: 'feature', ...row }));
    else {
      out.write(`${row.ok ? 'yes' : 'no '}  ${row.name.padEnd(width)}  ${row.detail}\n`);
      if (!row.ok) out.write(`${' '.repeat(width + 7)}cause: ${row.cause}\n${' '.repeat(width + 7)}remedy: ${row.remedy}\n`);
    }
  }
  await out.flush();
  const needed = new Set(['node', 'platform', 'libc', 'ptrace']);
  return rows.every((r) => r.ok || !needed.has(r.name)) ? 0 : 1;
}
