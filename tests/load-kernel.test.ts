/**
 * Loading programs, map references and prog arrays included, on the engine and the live kernel: the same errno, and where the kernel says
 * why, its line in the engine's log. What a full verifier would find is not asked here. Needs bpf(2), else one skip.
 */
import { describe, expect, it, test } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { SyscallError, VerifierError } from '../src/base/index.ts';
import { createEngine } from '../src/tools/node-engine.ts';
import { kernel } from './support/kernel.ts';

const { bpf, reason } = kernel;

/** Maps that programs refer to, made on both sides. */
const MAPS = {
  one: { type: 2, keySize: 4, valueSize: 16, maxEntries: 1 },
  two: { type: 2, keySize: 4, valueSize: 16, maxEntries: 2 },
  hash: { type: 1, keySize: 4, valueSize: 16, maxEntries: 1 },
  percpu: { type: 6, keySize: 4, valueSize: 16, maxEntries: 1 },
  jumps: { type: 3, keySize: 4, valueSize: 4, maxEntries: 1 },
} as const;
type Name = keyof typeof MAPS;

interface Row {
  readonly name: string;
  /** `$one` stands for that map's fd. */
  readonly text: string;
  readonly type?: number;
  readonly flags?: number;
  readonly license?: string;
  readonly insns?: Uint8Array;
}
const END = '\n r0 = 0\n exit';
const ROWS: readonly Row[] = [
  { name: 'plain', text: `r0 = 0\n exit` },
  { name: 'no instructions', text: '', insns: new Uint8Array(0) },
  { name: 'no instructions and no type', text: '', insns: new Uint8Array(0), type: 99 },
  { name: 'unknown flags before all', text: '', insns: new Uint8Array(0), flags: 0x8000_0000 },
  { name: 'type 0', text: `r0 = 0\n exit`, type: 0 },
  { name: 'type 99', text: `r0 = 0\n exit`, type: 99 },
  { name: 'sleepable socket filter', text: `r0 = 0\n exit`, flags: 16 },
  { name: 'syscall program that does not sleep', text: `r0 = 0\n exit`, type: 31 },
  { name: 'syscall program', text: `r0 = 0\n exit`, type: 31, flags: 16 },
  { name: 'map', text: `r1 = map[fd:$one]${END}` },
  { name: 'fd not open', text: `r1 = map[fd:100000]${END}` },
  { name: 'negative fd', text: `r1 = map[fd:-1]${END}` },
  { name: 'value', text: `r1 = map[fd:$one][0]+15${END}` },
  { name: 'value past its end', text: `r1 = map[fd:$one][0]+16${END}` },
  { name: 'value far past its end', text: `r1 = map[fd:$one][0]+536870912${END}` },
  { name: 'value of an array of two', text: `r1 = map[fd:$two][0]+0${END}` },
  { name: 'value of a hash', text: `r1 = map[fd:$hash][0]+0${END}` },
  { name: 'value of a per-CPU array', text: `r1 = map[fd:$percpu][0]+0${END}` },
  { name: 'value of a prog array', text: `r1 = map[fd:$jumps][0]+0${END}` },
  { name: 'jump out before the fd', text: `r1 = map[fd:100000]\n goto +5${END}` },
  { name: 'unreachable after the fd', text: `r1 = map[fd:100000]\n goto +1\n r0 = 1${END}` },
  { name: 'first user of a prog array', text: `r2 = map[fd:$jumps]${END}`, type: 17 },
  { name: 'other type on the prog array', text: `r2 = map[fd:$jumps]${END}`, type: 1 },
  { name: 'same type on the prog array', text: `r2 = map[fd:$jumps]${END}`, type: 17 },
  { name: 'GPL helper without GPL', text: `r1 = 0\n r2 = 0\n r3 = 0\n r1 = r10\n r1 += -8\n call 4${END}`, type: 17, license: 'MIT' },
  { name: 'licence is exact', text: `r1 = r10\n r1 += -8\n r2 = 8\n r3 = 0\n call 4${END}`, type: 17, license: 'GPL ' },
  { name: 'licence', text: `r1 = r10\n r1 += -8\n r2 = 8\n r3 = 0\n call 4${END}`, type: 17, license: 'Dual MIT/GPL' },
  { name: 'helper of another type', text: `call 9${END}`, type: 17 },
];

interface Outcome {
  readonly errno: string;
  readonly log: string;
}
function outcome(load: () => number): Outcome & { readonly fd?: number } {
  try {
    return { errno: 'ok', log: '', fd: load() };
  } catch (error) {
    if (error instanceof SyscallError) return { errno: error.code, log: error instanceof VerifierError ? error.log : '' };
    throw error;
  }
}

/** The kernel's last line before its statistics. */
function verdict(log: string): string {
  return (
    log
      .split('\n')
      .filter((line) => line !== '' && !/^(processed|verification time|stack depth)/.test(line))
      .at(-1) ?? ''
  );
}

if (bpf === undefined) {
  describe('loading on the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  describe('loading on the kernel', () => {
    const engine = createEngine();
    const names = Object.keys(MAPS) as Name[];
    const fds = new Map(names.map((name) => [name, [engine.mapCreate(MAPS[name]), bpf.mapCreate(MAPS[name])] as const]));
    test.each(ROWS)('$name', (row) => {
      const bytes = (side: 0 | 1): Uint8Array =>
        row.insns ?? assemble(row.text.replace(/\$(\w+)/g, (_, name) => String(fds.get(name as Name)?.[side])));
      const facts = { type: row.type ?? 1, license: row.license ?? 'GPL', flags: row.flags ?? 0, logLevel: 1 };
      const ours = outcome(() => engine.progLoad({ ...facts, insns: bytes(0) }).fd);
      const theirs = outcome(() => bpf.progLoad({ ...facts, insns: bytes(1) }).fd);
      if (theirs.fd !== undefined) bpf.close(theirs.fd);
      expect(ours.errno).toBe(theirs.errno);
      // Numbers of fds are each side's own.
      const line = verdict(theirs.log).replace(/fd -?\d+/, 'fd N');
      if (theirs.errno !== 'ok') expect(ours.log.replace(/fd -?\d+/, 'fd N')).toContain(line);
    });
  });
}
