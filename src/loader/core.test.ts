/** CO-RE at load: the engine's own types, types that are given, what a refusal says, the order of things. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { NotSupportedError, VerifierError } from '../base/index.ts';
import { Btf } from '../btf/index.ts';
import { parseElf } from '../elf/index.ts';
import { Engine, engineBtf } from '../engine/index.ts';
import { type LoadOptions, loadCollection, relocateTypes } from './index.ts';

const bytes = (name: string): Uint8Array => readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url));
const engines: Engine[] = [];
afterEach(() => {
  for (const e of engines.splice(0)) e.closeAll();
});

function load(name: string, options: LoadOptions = {}) {
  const engine = new Engine({ cpus: 2 });
  engines.push(engine);
  return { engine, collection: loadCollection(engine, bytes(name), { name: `${name}.bpf.o`, ...options }) };
}

describe('the engine’s own types', () => {
  const task = { pid: 43, tgid: 42, uid: 1000, comm: 'a command' };

  test('fields that it models are read where it has them', () => {
    const { engine, collection } = load('core-engine');
    collection.attach();
    engine.fire('raw_tp/sys_enter', { args: [new Uint8Array(168).fill(5, 112, 120), 1n], task });
    const ctx = new Uint8Array(64);
    new DataView(ctx.buffer).setBigUint64(8, 77n, true);
    new DataView(ctx.buffer).setBigUint64(32, 99n, true);
    engine.fire('tp/raw_syscalls/sys_enter', { ctx, task });
    engine.fire('raw_tp/sys_exit', { args: [0n, 0n], task });
    const text = collection.map('.bss').formatValue(collection.getVariable('out'));
    const shown = Object.fromEntries([...text.matchAll(/\.(\w+) = (-?[\w]+|"[^"]*")/g)].map((m) => [m[1], m[2]]));
    expect(shown).toMatchObject({
      pid: '43',
      tgid: '42',
      leader: '42',
      uid: '1000',
      comm_length: '0',
      comm: '"a command"',
      str_length: '8',
      part: '" comman"',
      di: String(0x0505050505050505n),
      ip: '0',
      id: '77',
      arg: '99',
      gap: '-14',
      nsproxy: '7',
      invented: '0',
      task_helper: '35',
      cgroup_helper: '0',
      hash: '1',
      arena: '0',
    });
  });

  test('what it does not model is refused where the program would read it', () => {
    const options = { programs: { unguarded: { autoload: true } } };
    expect(() => load('core-engine', options)).toThrow(NotSupportedError);
    expect(() => load('core-engine', options)).toThrow(
      /^program unguarded, insn \d+ \(.*core-engine\.bpf\.c:\d+: .*\): the engine models no task_struct\.nsproxy$/,
    );
    expect(() => load('core', { programs: { offset: { autoload: false } } })).toThrow(/the engine models no task_struct\.flag$/);
    expect(() => load('core', { programs: { offset: { autoload: false }, bits: { autoload: false } } })).toThrow(/models no state\.DEAD$/);
  });

  test('a load of other bytes is a fault of the program', () => {
    const options = { programs: { wrong_size: { autoload: true } } };
    expect(() => load('core-engine', options)).toThrow(VerifierError);
    expect(() => load('core-engine', options)).toThrow(/trace_event_raw_sys_enter\.id: poisoned, for it has 8 bytes instead of 4/);
  });

  test('programs tell what was relocated', () => {
    const { collection } = load('core-engine');
    const relocations = collection.program('on_record').relocations;
    expect(relocations.map((r) => [r.subject, r.from, r.to])).toEqual([
      ['struct trace_event_raw_sys_enter.args[2]', 16n, 32n],
      ['struct trace_event_raw_sys_enter___wide.id', 0n, 8n],
    ]);
    expect(
      collection
        .program('on_exit')
        .relocations.filter((r) => r.action === 'poisoned')
        .map((r) => r.subject),
    ).toEqual(['struct task_struct.nsproxy', 'struct nsproxy.uts_ns']);
  });
});

describe('types that are given', () => {
  test('as bytes or read', () => {
    const local = parseElf(bytes('core'), 'core.bpf.o').btf;
    if (local === undefined) throw new Error('no BTF');
    for (const targetBtf of [local, local.bytes]) {
      // What a raw tracepoint hands over is a number to the verifier.
      const { collection } = load('core', { targetBtf, programs: { offset: { autoload: false } } });
      expect(collection.program('size').testRun().retval).toBe(32);
      expect(collection.program('bits').testRun().retval).toBe(61);
      expect(collection.program('value').testRun().retval).toBe(9);
    }
  });

  test('a refusal against them is the verifier’s', () => {
    expect(() => load('core', { targetBtf: engineBtf() })).toThrow(VerifierError);
    expect(() => load('core', { targetBtf: engineBtf() })).toThrow(
      /program offset, insn 1 .*: field_byte_offset of struct task_struct\.in\.array\[2\]: poisoned/,
    );
  });

  test('malformed ones are refused before anything is created', () => {
    expect(() => load('core', { targetBtf: Uint8Array.of(1, 2, 3) })).toThrow(/BTF header needs 24 bytes/);
  });

  test('a host without types of its own needs them', () => {
    const spec = parseElf(bytes('core'), 'core.bpf.o');
    expect(() => relocateTypes({ name: 'kernel' }, spec, spec.programs, {})).toThrow(
      /struct task_struct\.in\.array\[2\]: the types of this kernel/,
    );
    const only = spec.programs.filter((p) => p.name === 'local');
    expect(relocateTypes({ name: 'kernel' }, spec, only, {}).get('local')?.relocations[0]?.action).toBe('patched');
  });

  const VMLINUX = '/sys/kernel/btf/vmlinux';
  test.skipIf(!existsSync(VMLINUX))(`the running kernel’s (skipped without ${VMLINUX})`, () => {
    const targetBtf = Btf.open(readFileSync(VMLINUX));
    const { collection } = load('core-engine', { targetBtf });
    expect(collection.program('on_exit').relocations.filter((r) => r.action === 'poisoned')).toEqual([]);
    expect(collection.program('on_enter').relocations.find((r) => r.subject === 'struct pt_regs.di')?.to).toBe(112n);
  });
});
