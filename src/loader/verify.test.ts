/** Objects on a host that only verifies: what the loader refuses itself, and what it says of poisoned instructions. No kernel is asked. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FormatError, SyscallError, VerifierError } from '../base/index.ts';
import { VerifierHost } from '../checker/index.ts';
import { parseElf } from '../elf/index.ts';
import { engineBtf } from '../engine/index.ts';
import { loadCollection } from './index.ts';

const read = (name: string): Uint8Array => readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url));

/** What becomes of one program, for a kernel with the engine's types. */
function check(name: string, program: string, optional: (extern: string) => boolean = () => false): unknown {
  const whole = parseElf(read(name), `${name}.bpf.o`);
  // The engine has neither functions nor tables of operations: what the object needs of them is made optional.
  const spec = { ...whole, structOps: [], externs: whole.externs.map((e) => (optional(e.name) ? { ...e, weak: true } : e)) };
  const others = spec.programs.map((p) => [p.name, { autoload: p.name === program }] as const);
  try {
    loadCollection(new VerifierHost({ kernelBtf: engineBtf }), spec, { programs: Object.fromEntries(others), logLevel: 1 });
    return undefined;
  } catch (error) {
    return error;
  }
}

const anything = (): boolean => true;

it('an object whose kernel functions are missing is not loaded at all', () => {
  const error = check('kernel', 'no_category');
  expect(error).toBeInstanceOf(SyscallError);
  expect(error).toMatchObject({
    code: 'ESRCH',
    message: expect.stringMatching(/^bpf_object__load: extern \(func ksym\) 'bpf_task_acquire'/),
  });
});

const ROWS: readonly [program: string, code: string, message: RegExp][] = [
  ['no_event', 'ESRCH', /failed to find kernel BTF type ID of 'no_such_event'/],
  ['no_target', 'EINVAL', /no BTF-based attach target is specified/],
  ['replaces', 'EINVAL', /attach program FD is not set/],
  ['no_type', 'EINVAL', /missing BPF prog type, check ELF section name 'nonsense\/x'/],
  ['orphan', 'EINVAL', /isn't referenced anywhere/],
];
it.each(ROWS)('%s: %s', (program, code, message) => {
  expect(check('kernel', program, anything)).toMatchObject({ code, message: expect.stringMatching(message) });
});

it('where a program is attached is not asked', () => {
  expect(check('kernel', 'no_category', anything)).toBeUndefined();
});

it('an arena is a map like others', () => {
  expect(check('kernel', 'counts', anything)).toBeUndefined();
});

it('logs name what a poisoned instruction stood for', () => {
  const relocation = check('core', 'value');
  expect(relocation).toBeInstanceOf(VerifierError);
  expect((relocation as VerifierError).log).toMatch(
    /^\d+: <invalid CO-RE relocation>\nfailed to resolve CO-RE relocation <enumval_value> \[\d+\] enum \w+::\w+ = \d+\nprocessed/m,
  );
  expect((check('core', 'bits') as VerifierError).log).toMatch(/<\w+> \[\d+\] struct \w+\.\w+ \([\d:]+ @ offset \d+(\.\d)?\)/);
});

it('a program that cannot be linked is refused alone', () => {
  const bytes = read('calls');
  const whole = parseElf(bytes, 'calls.bpf.o');
  const [broken, ...others] = whole.programs;
  const spec = {
    ...whole,
    programs: whole.programs.map((p) => (p === broken ? { ...p, fault: new FormatError('no function starts there') } : p)),
  };
  const load = (name: string | undefined): unknown => {
    const chosen = spec.programs.map((p) => [p.name, { autoload: p.name === name }] as const);
    return loadCollection(new VerifierHost({ kernelBtf: engineBtf }), spec, { programs: Object.fromEntries(chosen) });
  };
  expect(() => load(broken?.name)).toThrow('no function starts there');
  for (const { name } of others) expect(load(name)).toBeDefined();
  expect(others.length).toBeGreaterThan(0);
});
