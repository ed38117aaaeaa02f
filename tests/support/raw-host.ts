/** The live kernel as a host without BTF, as far as loading and test runs go. */
import { SyscallError } from '../../src/base/index.ts';
import type { Fd, Host, MapInfo } from '../../src/host/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';

/** As much of a Host as loading and test runs need. BTF is left out: raw bpf(2) here takes none. */
export function rawHost(bpf: RawBpf): Host {
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
        logLevel: 0,
        ...(flags === undefined ? {} : { flags }),
        ...(expectedAttachType === undefined ? {} : { expectedAttachType }),
      }),
    progTestRun(fd, attr) {
      const { dataIn, repeat } = attr ?? {};
      const { retval, data } = bpf.progTestRun(fd, {
        ...(dataIn === undefined ? {} : { data: dataIn }),
        ...(repeat === undefined ? {} : { repeat }),
      });
      return { retval, duration: 0, dataOut: data, ctxOut: new Uint8Array(0) };
    },
    close: (fd) => bpf.close(fd),
  };
  return host as Host;
}
