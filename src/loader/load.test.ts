/** loadCollection on the engine: what is created, in which order, with which bytes; options; refusals; nothing left open. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MapError, SyscallError, VerifierError } from '../base/index.ts';
import { Btf } from '../btf/index.ts';
import { parseElf } from '../elf/index.ts';
import { Engine } from '../engine/index.ts';
import type { Fd, Host } from '../host/index.ts';
import { hostBtf } from './host-btf.ts';
import { type LoadOptions, loadCollection } from './index.ts';

const bytes = (name: string): Uint8Array => readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url));

/** An engine that notes its calls and counts what is open. */
function recording(): { host: Host; calls: string[]; open: Set<Fd> } {
  const engine = new Engine({ cpus: 2 });
  const calls: string[] = [];
  const open = new Set<Fd>();
  const opens = new Set(['mapCreate', 'btfLoad', 'linkCreate', 'objGet']);
  const host = new Proxy<Host>(engine, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const name = String(key);
        const attr = args[0];
        const label = typeof attr === 'object' && attr !== null && 'name' in attr ? ` ${attr.name}` : '';
        calls.push(`${name}${label}`);
        const result: unknown = Reflect.apply(value, target, args);
        if (opens.has(name)) open.add(result as Fd);
        if (name === 'progLoad') open.add((result as { fd: Fd }).fd);
        if (name === 'close') open.delete(attr as Fd);
        return result;
      };
    },
  });
  return { host, calls, open };
}

function load(name: string, options: LoadOptions = {}) {
  const { host, calls, open } = recording();
  return { collection: loadCollection(host, bytes(name), { name: `${name}.bpf.o`, ...options }), calls, open };
}

const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

describe('data', () => {
  test('sections become maps with their contents', () => {
    const { collection, calls, open } = load('data');
    expect([...collection.maps.keys()]).toEqual([
      'data.rodata',
      'data.data',
      '.data.mine',
      '.rodata.mine',
      'data.bss',
      '.bss.mine',
      '.rodata.str1.1',
    ]);
    expect(collection.map('.data').formatValue(collection.map('data.data').get(u32(0)) ?? u32(0))).toBe(
      '{ .counter = 5, .where = { .x = 10, .y = -20 }, .private = 11 }',
    );
    expect(collection.getVariable('other')).toEqual(u32(77));
    expect(calls.filter((c) => c.startsWith('mapFreeze')).length).toBe(3);
    collection.setVariable('counter', -3);
    expect(collection.getVariable('counter')).toEqual(u32(-3 >>> 0));
    expect(collection.getVariable('where')[0]).toBe(10);
    expect(() => collection.setVariable('target_pid', 1)).toThrow(/EPERM/);
    collection.close();
    collection.close();
    expect(open.size).toBe(0);
  });

  test('variables are set before loading', () => {
    const variables = {
      target_pid: 13,
      small: '-7',
      comm: 'cc1',
      verbose: false,
      paint: 'BLUE',
      negative: -2n,
      zeroed: 5,
      origin: new Uint8Array(8).fill(1),
    };
    const { collection } = load('data', { variables });
    const value = collection.map('.rodata').get(u32(0)) ?? u32(0);
    expect(collection.map('.rodata').valueToJson(value)).toMatchObject({
      target_pid: 13,
      small: -7,
      comm: 'cc1',
      verbose: false,
      paint: 'BLUE',
      negative: '-2',
    });
    expect(collection.getVariable('zeroed')).toEqual(new Uint8Array([5, 0, 0, 0, 0, 0, 0, 0]));
    expect(collection.getVariable('origin')).toEqual(new Uint8Array(8).fill(1));
  });

  const BAD: readonly [options: LoadOptions, message: RegExp][] = [
    [{ variables: { target_pid: -1 } }, /variable target_pid: -1 does not fit/],
    [{ variables: { nothing: 1 } }, /no global variable 'nothing' in data/],
    [{ variables: { origin: new Uint8Array(7) } }, /variable origin: 7 bytes, expected 8/],
    [{ programs: { nothing: {} } }, /no program 'nothing' in data/],
    [{ maps: { nothing: {} } }, /no map 'nothing' in data/],
  ];
  test.each(BAD)('%j is refused', (options, message) => {
    expect(() => load('data', options)).toThrow(message);
  });
});

describe('maps', () => {
  /** The arena, bloom, ring and maps of maps are not the engine's; each stands for itself here. */
  const spec = parseElf(bytes('maps'), 'maps.bpf.o');
  const engineTypes = new Set([1, 2, 3, 4, 5, 6, 9, 10]);
  const known = { ...spec, maps: spec.maps.filter((m) => engineTypes.has(m.type)) };

  test('created as defined, prog_array filled', () => {
    const { host, open } = recording();
    const collection = loadCollection(host, known);
    expect(collection.map('by_task').info).toMatchObject({
      type: 1,
      keySize: 20,
      valueSize: 16,
      maxEntries: 1024,
      flags: 1,
      name: 'by_task',
    });
    expect(collection.map('events').info.maxEntries).toBe(2);
    expect(collection.map('per_cpu').perCpu).toBe(true);
    const slot = collection.map('slots').get(u32(2));
    expect(new DataView((slot ?? u32(0)).buffer).getUint32(0, true)).toBe(collection.program('on_slot').info().id);
    expect(collection.program('on_exec').info().mapIds.length).toBe(2);
    collection.close();
    expect(open.size).toBe(0);
  });

  test('typed keys and values', () => {
    const collection = loadCollection(recording().host, known);
    const map = collection.map('by_task');
    const key = new Uint8Array(20);
    key.set([13, 0, 0, 0, ...new TextEncoder().encode('make')]);
    map.set(key, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]));
    expect([...map.entries()].map(([k, v]) => `${map.formatKey(k)}: ${map.formatValue(v)}`)).toEqual([
      '{ .pid = 13, .comm = "make" }: { .count = 1, .bytes = 18446744073709551615 }',
    ]);
    expect(map.keyToJson(key)).toEqual({ pid: 13, comm: 'make' });
    const cpu = collection.map('per_cpu');
    cpu.set(u32(0), new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));
    expect(cpu.cpuValues(cpu.get(u32(0)) ?? u32(0)).map((v) => cpu.formatValue(v))).toEqual(['1', '2']);
    expect(cpu.encodeKey('7')).toEqual(u32(7));
    expect(map.delete(key)).toBe(true);
    expect(map.delete(key)).toBe(false);
    expect(map.get(key)).toBeUndefined();
  });

  test('keys while deleting', () => {
    const map = loadCollection(recording().host, known).map('pinned');
    for (let i = 0; i < 10; i++) map.set(new Uint8Array(BigUint64Array.of(BigInt(i)).buffer), u32(i));
    for (const key of map.keys()) map.delete(key);
    expect([...map.keys()]).toEqual([]);
  });

  test('maps pinned by name are shared', () => {
    const { host } = recording();
    const first = loadCollection(host, known, { pinPath: '/sys/fs/bpf' });
    const key = new Uint8Array(8);
    first.map('pinned').set(key, u32(5));
    first.close();
    expect(loadCollection(host, known).map('pinned').get(key)).toEqual(u32(5));
    expect(() => loadCollection(host, known, { maps: { pinned: { maxEntries: 17 } } })).toThrow(
      /map pinned: the one pinned at \/sys\/fs\/bpf\/pinned has max_entries 16, expected 17/,
    );
  });

  test('a map that the host refuses is named, and nothing stays open', () => {
    const { host, open } = recording();
    expect(() => loadCollection(host, known, { maps: { sized: { maxEntries: 0 } } })).toThrow(MapError);
    expect(() => loadCollection(host, known, { maps: { sized: { maxEntries: 0 } } })).toThrow(
      /map sized \(type 2, key 4, value 24, max_entries 0, flags 0x0\).*EINVAL/,
    );
    expect(open.size).toBe(0);
  });
});

describe('messages', () => {
  /** A host whose progLoad throws. */
  const refusing = (error: Error): Host =>
    new Proxy<Host>(new Engine({ cpus: 1 }), {
      get: (target, key) => {
        if (key === 'progLoad') {
          return () => {
            throw error;
          };
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

  test('a refused program is named, with the source line', () => {
    const diagnostics = [{ code: 'x', severity: 'error', message: 'bad', location: { insn: 5 }, notes: [] }] as const;
    const error = new VerifierError('EACCES', 'invalid mem access', 'the log', diagnostics, 'a hint');
    try {
      loadCollection(refusing(error), bytes('isa-v3'));
      expect.unreachable();
    } catch (caught) {
      if (!(caught instanceof VerifierError)) throw caught;
      expect(caught.message).toMatch(/^BPF_PROG_LOAD: program use: invalid mem access \(\.\/isa\.bpf\.c:\d+: .+\) \(EACCES\)$/);
      expect(caught).toMatchObject({ log: 'the log', hint: 'a hint', code: 'EACCES' });
      expect(caught.diagnostics[0]?.location).toMatchObject({ program: 'use', insn: 5, file: './isa.bpf.c' });
    }
  });

  test('other failures too', () => {
    const error = new SyscallError('BPF_PROG_LOAD', 'EPERM', 'not allowed');
    expect(() => loadCollection(refusing(error), bytes('isa-v3'))).toThrow('BPF_PROG_LOAD: program use: not allowed (EPERM)');
  });

  test('kernel symbols that are not weak', () => {
    const spec = parseElf(bytes('externs'));
    const strong = { ...spec, externs: spec.externs.map((e) => ({ ...e, weak: e.weak && e.kind !== 'kfunc' })) };
    expect(() => loadCollection(new Engine({ cpus: 1 }), strong)).toThrow(
      /program use, insn 0: kernel symbol missing_kfunc cannot be resolved here|kernel function missing_kfunc cannot be resolved here/,
    );
  });

  test('sections that stand for nothing', () => {
    const spec = parseElf(bytes('isa-v3'));
    const odd = { ...spec, programs: spec.programs.map((p) => ({ ...p, section: 'my_section' })) };
    expect(() => loadCollection(new Engine({ cpus: 1 }), odd)).toThrow("use: section 'my_section' stands for no program type");
    expect(loadCollection(new Engine({ cpus: 1 }), odd, { programs: { use: { type: 17 } } }).program('use').type).toBe(17);
  });
});

test('BTF for a host has no externs', () => {
  const { btf } = parseElf(bytes('externs'));
  const host = Btf.parse(btf === undefined ? new Uint8Array(0) : hostBtf(btf));
  const linkages = Array.from({ length: host.count }, (_, id) => host.type(id)).map((t) => ('linkage' in t ? t.linkage : 'none'));
  expect(linkages).not.toContain('extern');
});

describe('programs', () => {
  test('subprograms run', () => {
    // As raw tracepoints, which every host test-runs without packets.
    const programs = { first: { type: 17 }, second: { type: 17 }, fourth: { type: 17 }, third: { autoload: false } };
    const { collection } = load('calls', { programs });
    // shared(1) = middle(1) + leaf(1) = 4 + 2; leaf(2) = 3.
    expect(collection.program('first').testRun().retval).toBe(9);
    expect(collection.program('second').testRun().retval).toBe((3 ^ 7) - 3 + 12 + 6);
    expect(collection.program('fourth').testRun().retval).toBe(15 + 7);
    expect(collection.programs.has('optional')).toBe(false);
    expect(() => collection.program('optional')).toThrow(/no program 'optional' in calls/);
  });

  test('chosen ones only', () => {
    const { collection } = load('calls', { programs: { optional: { autoload: true }, third: { autoload: false } } });
    expect([...collection.programs.keys()]).toEqual(['first', 'second', 'fourth', 'optional']);
    expect(collection.program('optional').attach().target).toEqual({ kind: 'kprobe', func: 'sys_nothing', ret: false });
    expect(() => collection.program('first').attach()).toThrow(/section 'socket' names no place to attach to/);
  });

  test('numbered sections fill the prog_array', () => {
    const { collection } = load('legacy');
    const ids = [...collection.map('progs').entries()].map(([k, v]) => [k[0], new DataView(v.buffer, v.byteOffset).getUint32(0, true)]);
    expect(ids).toEqual([[3, collection.program('slot_three').info().id]]);
    expect(collection.attach().map((l) => l.target)).toEqual([
      { kind: 'kprobe', func: 'seccomp_phase1', ret: false },
      { kind: 'kprobe', func: '0x7', ret: false },
      { kind: 'kprobe', func: 'sys_write', ret: true },
    ]);
  });

  test('a numbered section without a prog_array', () => {
    const { host, open } = recording();
    expect(() => loadCollection(host, bytes('legacy-def'))).toThrow(/section 'socket\/5' names a slot of a prog_array, but there is none/);
    expect(open.size).toBe(0);
  });

  test('externs', () => {
    const { collection } = load('externs', {
      kconfig: {
        CONFIG_BOOL: 'y',
        CONFIG_TRISTATE: 'm',
        CONFIG_CHAR: 'y',
        CONFIG_HZ: 250,
        CONFIG_SHORT: '-3',
        CONFIG_NAME: '"lengthy name"',
      },
    });
    const kconfig = collection.map('.kconfig');
    expect(kconfig.valueToJson(kconfig.get(u32(0)) ?? u32(0))).toEqual({
      CONFIG_BOOL: true,
      CONFIG_CHAR: 121,
      CONFIG_HZ: '250',
      CONFIG_NAME: 'lengthy',
      CONFIG_SHORT: -3,
      CONFIG_TRISTATE: 'TRI_MODULE',
      LINUX_HAS_SYSCALL_WRAPPER: true,
      LINUX_KERNEL_VERSION: 0x61200,
    });
    expect(Array.from((kconfig.get(u32(0)) ?? u32(0)).subarray(0, 29))).toEqual([
      250,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      0,
      0,
      0,
      0,
      18,
      6,
      0,
      253,
      255,
      1,
      121,
      1,
      ...new TextEncoder().encode('lengthy'),
      0,
    ]);
    expect(() => load('externs', { kconfig: { CONFIG_BOOL: 'm' } })).toThrow(/extern CONFIG_BOOL: 'm', expected y or n/);
    expect(() => load('externs', { kconfig: { CONFIG_SHORT: 40000 } })).toThrow(/extern CONFIG_SHORT: 40000 does not fit/);
    expect(() => load('externs', { kconfig: { CONFIG_HZ: 'y' } })).toThrow(/'y', expected an integer/);
  });
});
