/** Verifier logs made comparable: without what differs from run to run. */

/** Measured time, and addresses of maps. */
export function normalLog(log: string): string {
  return log
    .replace(/verification time \d+ usec$/m, 'verification time N usec')
    .replace(/(\(18\) r\d+ = )0x[0-9a-f]+( +;)?/g, (_, head: string, changed?: string) => `${head}N${changed === undefined ? '' : ' ;'}`);
}

/** Words of a log for the first line at which two differ. */
export function firstDifference(ours: string, theirs: string): string | undefined {
  const [a, b] = [normalLog(ours).split('\n'), normalLog(theirs).split('\n')];
  const at = b.findIndex((line, i) => line !== a[i]);
  if (at < 0 && a.length === b.length) return undefined;
  const i = at < 0 ? b.length : at;
  return [
    `line ${i}`,
    ...b.slice(Math.max(0, i - 1), i + 3).map((l) => `kernel| ${l}`),
    ...a.slice(Math.max(0, i - 1), i + 3).map((l) => `ours  | ${l}`),
  ].join('\n');
}
