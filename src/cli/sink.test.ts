/** Sinks: order, errors, and what a terminal may show. */
/** The line sink: whole lines, escapes, closed pipes and slow readers. */
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { escapeControl, Sink } from './sink.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (b: Uint8Array) => new TextDecoder().decode(b);

describe('escapeControl', () => {
  it.each([
    ['plain', 'plain'],
    ['two\nlines', 'two\\x0alines'],
    ['c1 \u009b31m', 'c1 \\xc2\\x9b31m'],
    ['a\tb', 'a\tb'],
    ['\x1b[31mred', '\\x1b[31mred'],
    ['nul\0del\x7f', 'nul\\x00del\\x7f'],
    ['é✓', 'é✓'],
  ])('%j', (input, expected) => {
    expect(text(escapeControl(bytes(input)))).toBe(expected);
  });
});

describe('Sink', () => {
  it('writes everything in order', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'sink-')), 'out');
    const fd = openSync(file, 'w');
    const sink = new Sink(fd);
    for (let i = 0; i < 1000; i++) sink.write(`${i}\n`);
    await sink.flush();
    closeSync(fd);
    expect(readFileSync(file, 'utf8')).toBe(Array.from({ length: 1000 }, (_, i) => `${i}\n`).join(''));
  });

  it('remembers a write error and drops what follows', async () => {
    const fd = openSync('/dev/full', 'w');
    const sink = new Sink(fd);
    sink.write('x');
    await sink.flush();
    expect(sink.closed).toBe(true);
    expect(sink.error?.code).toBe('ENOSPC');
    sink.write('y');
    await sink.flush();
    closeSync(fd);
  });
});
