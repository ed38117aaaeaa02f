/** tools/bpf-conformance-plugin as a process: bpf_conformance's protocol, and its errors. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { toHex } from '../src/base/index.ts';
import { ownVectors } from './support/vectors.ts';

const PLUGIN = fileURLToPath(new URL('../tools/bpf-conformance-plugin', import.meta.url));
const BUILT = existsSync(fileURLToPath(new URL('../dist/interp.js', import.meta.url)));

function plugin(args: readonly string[], input: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(PLUGIN, args, { input, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const hexOf = (text: string): string => toHex(assemble(text));
const said = (message: string) => ({ status: 1, stdout: '', stderr: `bpf-conformance-plugin: ${message}\n` });

describe.skipIf(!BUILT)('bpf-conformance-plugin (skipped without dist/)', () => {
  it.each(['arguments.data', 'arguments-none.data', 'add64.data', 'call.data', 'raw.data'])('runs %s as the runner does', (name) => {
    const vector = ownVectors.find((row) => row.name === name);
    if (vector?.result === undefined) throw new Error(`no vector ${name} with a result`);
    // The runner writes two spaces behind every byte, and passes its options, also empty ones, as a further argument.
    const memory = toHex(vector.memory, '  ');
    const expected = { status: 0, stdout: `${vector.result.toString(16)}\n`, stderr: '' };
    expect(plugin([memory, ''], `${toHex(vector.program, '  ')}\n`)).toEqual(expected);
    if (memory === '') expect(plugin([], toHex(vector.program))).toEqual(expected);
  });

  it.each([
    ['a program argument', ['--program', hexOf('r0 = *(u8 *)(r1 + 1)\nexit'), '01 2a', '--debug'], '', '2a'],
    ['64 bits', [], hexOf('r0 = -2\nexit'), 'fffffffffffffffe'],
    ['a helper call', [], hexOf('call 5\nr0 = 2\nexit'), '2'],
  ])('takes %s', (_, args, input, r0) => {
    expect(plugin(args, input)).toEqual({ status: 0, stdout: `${r0}\n`, stderr: '' });
  });

  it.each([
    ['bad hex', [], '9x', "'9x' in the program, expected pairs of hex digits"],
    ['bad memory', ['0'], '', "'0' in the memory, expected pairs of hex digits"],
    ['half an instruction', [], '95 00', 'insn 0: program of 2 bytes, expected a multiple of 8'],
    ['an unknown opcode', [], 'ff 00 00 00 00 00 00 00', 'insn 0: opcode 0xff is unknown, expected an instruction of ISA v1-v4'],
    [
      'an unknown option',
      ['--elf'],
      '',
      'option --elf is not supported; usage: bpf-conformance-plugin [--program HEX] [MEMORY-HEX] [--debug] < PROGRAM-HEX',
    ],
  ])('refuses %s', (_, args, input, message) => {
    expect(plugin(args, input)).toEqual(said(message));
  });

  it.each([
    ['a bad access', hexOf('r0 = *(u64 *)(r1 + 0)\nexit'), /^bpf-conformance-plugin: insn 0: R1 invalid mem access/],
    ['an endless loop', hexOf('goto -1'), /^bpf-conformance-plugin: insn 0: .*10000000/],
    ['no program', '', /^bpf-conformance-plugin: insn 0: /],
  ])('reports %s', (_, input, message) => {
    const { status, stdout, stderr } = plugin([], input);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
