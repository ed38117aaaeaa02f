/** What the steps of loading share. */
import { SyscallError } from '../base/index.ts';
import type { CollectionSpec } from '../elf/index.ts';
import type { Fd, Host } from '../host/index.ts';
import { hostBtf } from './host-btf.ts';
import type { BpfMap } from './map.ts';
import type { Program } from './program.ts';
import type { LoadOptions } from './types.ts';

/** One load in progress; what it opened is closed by close() when it fails. */
export class LoadState {
  readonly host: Host;
  readonly spec: CollectionSpec;
  readonly options: LoadOptions;
  /** Initial contents of data maps by map name. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly maps = new Map<string, BpfMap>();
  readonly programs = new Map<string, Program>();
  #btf: { readonly fd: Fd | undefined } | undefined;

  constructor(host: Host, spec: CollectionSpec, options: LoadOptions, contents: ReadonlyMap<string, Uint8Array>) {
    this.host = host;
    this.spec = spec;
    this.options = options;
    this.contents = contents;
  }

  /** The object's BTF on the host, loaded on first use; undefined when there is none or the host refuses it, as libbpf tolerates. */
  btfFd(): Fd | undefined {
    if (this.#btf === undefined) {
      let fd: Fd | undefined;
      try {
        fd = this.spec.btf === undefined ? undefined : this.host.btfLoad(hostBtf(this.spec.btf));
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
      }
      this.#btf = { fd };
    }
    return this.#btf.fd;
  }

  close(): void {
    for (const program of this.programs.values()) program.close();
    for (const map of this.maps.values()) map.close();
    this.closeBtf();
  }

  /** Maps and programs keep their own references. */
  closeBtf(): void {
    if (this.#btf?.fd !== undefined) this.host.close(this.#btf.fd);
    this.#btf = { fd: undefined };
  }
}
