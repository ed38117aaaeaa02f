/** Linked programs of testdata/objects on the live kernel: it accepts each, and those it can test-run return what the engine returns. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SyscallError } from '../src/base/index.ts';
import { parseElf } from '../src/elf/index.ts';
import { Engine } from '../src/engine/index.ts';
import type { Fd, Host, MapInfo } from '../src/host/index.ts';
import { loadCollection } from '../src/loader/index.ts';
import type { RawBpf } from '../src/sys/bpf.ts';
import { kernel } from './support/kernel.ts';

if (kernel.bpf === undefined) console.log(`loader on the kernel: skipped, ${kernel.reason}`);

/** As much of a Host as loading and test runs need. BTF is left out: raw bpf(2) here takes none. */
function kernelHost(bpf: RawBpf): Host {
  const infos = new Map<Fd, MapInfo>();
  const host: Partial<Host> = {
    name: 'kernel',
    possibleCpus: 1,
    mapCreate(attr) {
      const { type, keySize, valueSize, maxEntries, flags = 0 } = attr;
      const fd = bpf.mapCreate({ type, keySize, valueSize, maxEntries, flags });
      infos.set(fd, { type, keySize, valueSize, maxEntries, flags, id: 0, name: attr.name ?? '' });
      return fd;
    },
    mapInfo: (fd) => infos.get(fd) ?? { type: 0, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0, id: 0, name: '' },
    mapUpdateElem: (fd, key, value) => bpf.mapUpdate(fd, key ?? new Uint8Array(0), value),
    mapFreeze: () => undefined,
    btfLoad: () => {
      throw new SyscallError('BPF_BTF_LOAD', 'EINVAL', 'raw bpf(2) takes no BTF');
    },
    progLoad: ({ type, insns, license, flags, expectedAttachType }) =>
      bpf.progLoad({
        type,
        insns,
        license,
        ...(flags === undefined ? {} : { flags }),
        ...(expectedAttachType === undefined ? {} : { expectedAttachType }),
      }),
    progTestRun(fd, attr) {
      const { retval, data } = bpf.progTestRun(fd, attr?.dataIn === undefined ? {} : { data: attr.dataIn });
      return { retval, duration: 0, dataOut: data, ctxOut: new Uint8Array(0) };
    },
    close: (fd) => bpf.close(fd),
  };
  return host as Host;
}

const read = (name: string) => parseElf(readFileSync(new URL(`../testdata/objects/${name}.bpf.o`, import.meta.url)), name);

describe.skipIf(kernel.bpf === undefined)('the live kernel', () => {
  // `third` has callbacks, which need BTF.
  test.each(['calls', 'calls-dwarf', 'data', 'legacy', 'isa-v1', 'isa-v2', 'isa-v3', 'isa-v4', 'types'])('accepts %s', (name) => {
    if (kernel.bpf === undefined) return;
    const spec = read(name);
    const without = name.startsWith('calls') ? { programs: { third: { autoload: false }, optional: { autoload: true } } } : {};
    const collection = loadCollection(kernelHost(kernel.bpf), spec, without);
    expect(collection.programs.size).toBe(spec.programs.length - (name.startsWith('calls') ? 1 : 0));
    collection.close();
  });

  test.each(['first', 'second', 'fourth'])('%s returns what it returns on the engine', (name) => {
    if (kernel.bpf === undefined) return;
    const others = Object.fromEntries(
      ['first', 'second', 'third', 'fourth'].filter((n) => n !== name).map((n) => [n, { autoload: false }]),
    );
    const there = loadCollection(kernelHost(kernel.bpf), read('calls'), { programs: others });
    const here = loadCollection(new Engine({ cpus: 1 }), read('calls'), { programs: { ...others, [name]: { type: 17 } } });
    expect(there.program(name).testRun({ dataIn: new Uint8Array(64) }).retval).toBe(here.program(name).testRun().retval);
    there.close();
    here.close();
  });
});
