/** Every program of the test objects and examples: verify() answers as the live kernel does, down to the counters. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BpfError } from '../../src/base/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import type { Fd, Host, MapInfo, ProgLoadAttr } from '../../src/host/index.ts';
import { loadCollection } from '../../src/loader/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';
import { kernel } from '../support/kernel.ts';
import { Pair, type Question } from '../support/verifier.ts';

const { bpf, reason } = kernel;
/** Big-endian programs do not run here. */
const OTHER_ENDIAN = 'big-endian.bpf.o';

class Asked extends BpfError {}

/** As much of a Host as loading needs: maps are the kernel's, programs are handed to `ask`. */
function askingHost(raw: RawBpf, pair: Pair, ask: (attr: ProgLoadAttr, btf: Uint8Array | undefined) => void): Host {
  const infos = new Map<Fd, MapInfo>();
  let btf: Uint8Array | undefined;
  const host: Partial<Host> = {
    name: 'kernel',
    possibleCpus: 2,
    mapCreate({ type, keySize, valueSize, maxEntries, flags = 0 }) {
      const fd = raw.mapCreate({ type, keySize, valueSize, maxEntries, flags });
      infos.set(fd, { type, keySize, valueSize, maxEntries, flags, id: 0, name: '' });
      pair.addMap(fd, { type, keySize, valueSize, maxEntries, flags, name: '' });
      return fd;
    },
    mapInfo: (fd) => infos.get(fd) ?? { type: 0, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0, id: 0, name: '' },
    mapUpdateElem: (fd, key, value) => raw.mapUpdate(fd, key ?? new Uint8Array(0), value),
    mapFreeze: () => undefined,
    btfLoad(bytes) {
      btf = bytes.slice();
      return raw.btfLoad(bytes);
    },
    progLoad(attr) {
      ask(attr, btf);
      throw new Asked('asked');
    },
    close: (fd) => raw.close(fd),
  };
  return host as Host;
}

function objects(): string[] {
  return ['../../testdata/objects/', '../../examples/'].flatMap((dir) =>
    readdirSync(new URL(dir, import.meta.url), { encoding: 'utf8', recursive: true })
      .filter((file) => file.endsWith('.bpf.o') && file !== OTHER_ENDIAN)
      .map((file) => dir + file),
  );
}

if (bpf === undefined) {
  describe('objects', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf);
  it.each(objects())('%s', (file) => {
    const spec = parseElf(readFileSync(new URL(file, import.meta.url)), file);
    for (const program of spec.programs) {
      let question: Question | undefined;
      const host = askingHost(bpf, pair, ({ type, insns, license, flags = 0, expectedAttachType = 0, funcInfo }, btf) => {
        const described = funcInfo === undefined || btf === undefined ? {} : { functions: { btf, records: funcInfo } };
        question = { type, insns: insns.slice(), license, flags, attach: expectedAttachType, ...described };
        const { errno, message, counters } = pair.ours(question);
        const theirs = pair.kernel(question);
        expect({ program: program.name, errno, message, counters }).toEqual({
          program: program.name,
          errno: theirs.errno,
          message: theirs.message,
          counters: theirs.counters,
        });
      });
      const programs = Object.fromEntries(spec.programs.map((p) => [p.name, { autoload: p === program }]));
      try {
        loadCollection(host, spec, { programs });
      } catch (error) {
        // What cannot be linked here (types of a kernel, maps of maps) has no question; a failed comparison goes on up.
        if (!(error instanceof BpfError)) throw error;
      }
    }
  });
}
