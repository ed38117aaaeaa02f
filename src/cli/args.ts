/** Reads option values: durations, pids, percentages, numbers. Errors are commander's, so that they name the option. */
import { InvalidArgumentError } from 'commander';
import { parseRelease } from '../base/index.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `500ms`, `10s`, `2m`, `1h` or plain seconds. */
export function duration(text: string): number {
  const m = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = UNITS[m?.[2] ?? 's'];
  const value = m === null || unit === undefined ? Number.NaN : Number(m[1]) * unit;
  if (!(value > 0 && value <= 2 ** 31 - 1)) throw new InvalidArgumentError('expected a time such as 500ms, 10s or 2m, at most 24 days.');
  return value;
}

/** A decimal number, 0 to 2^32 - 2. */
export function unsigned(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n >= 0xffff_ffff) throw new InvalidArgumentError('expected a decimal number.');
  return n;
}

/** Bits of the verifier's log: 1, 2 and 4, added up. */
export function logLevel(text: string): number {
  const n = unsigned(text);
  if (n > 7) throw new InvalidArgumentError('expected the sum of some of 1, 2 and 4.');
  return n;
}

/** A process id: 1 to 2^22. */
export function pid(text: string): number {
  const n = unsigned(text);
  if (n < 1 || n > 1 << 22) throw new InvalidArgumentError('expected a process id, 1 to 4194304.');
  return n;
}

/** A percentage, `10` or `10%`, above 0; `off` is no limit. */
export function percent(text: string): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  const m = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text);
  const n = m === null ? Number.NaN : Number(m[1]);
  if (!(n > 0)) throw new InvalidArgumentError('expected a percentage above 0, or off.');
  return n;
}

/** Collects the values of a repeatable option. */
export function list<T>(parse: (text: string) => T): (text: string, previous: T[] | undefined) => T[] {
  return (text, previous) => [...(previous ?? []), parse(text)];
}

/** Kernel releases, `4.4,5.10`, each given once or several times. */
export function releases(text: string, previous: string[] = []): string[] {
  for (const release of text.split(',')) {
    try {
      parseRelease(release);
    } catch (error) {
      throw new InvalidArgumentError(`${error instanceof Error ? error.message : String(error)}.`);
    }
    if (!previous.includes(release.trim())) previous.push(release.trim());
  }
  return previous;
}
