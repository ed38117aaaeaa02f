/** Map references of bytecode: fds in ld_imm64 become engine pointers, and zeros for the program's tag (kernel/bpf/verifier.c, v6.18). */
import type { ErrnoName } from '../base/index.ts';
import { PSEUDO } from '../isa/index.ts';
import { KERNEL_BASE_HI } from '../mem/index.ts';
import type { MapReference, Refusal } from '../verifier/index.ts';
import type { EngineCore } from './core.ts';
import type { MapObject } from './objects.ts';

const SLOT = 8;
/** MAX_USED_MAPS (include/linux/bpf_verifier.h). */
const MAPS_MAX = 64;

/** Resolves the references of one program as the verifier comes to them. */
export class MapReferences {
  /** The bytecode with engine pointers; pseudo codes are kept. */
  readonly image: Uint8Array;
  /** The bytecode with zeros for map fds: what the tag is made of. */
  readonly tagged: Uint8Array;
  /** Maps in order of first use. */
  readonly maps = new Set<MapObject>();
  readonly #core: EngineCore;

  constructor(core: EngineCore, insns: Uint8Array) {
    this.#core = core;
    this.image = insns.slice();
    this.tagged = insns.slice();
  }

  /** Resolves one reference. @returns why it is refused, in the kernel's words */
  resolve(ref: MapReference): Refusal | undefined {
    const refuse = (errno: ErrnoName, message: string): Refusal => ({ errno, message, insn: ref.insn });
    if (ref.pseudo !== PSEUDO.MAP_FD && ref.pseudo !== PSEUDO.MAP_VALUE) return refuse('EPROTO', 'fd_idx without fd_array is invalid');
    const map = this.#core.file(ref.fd)?.object;
    if (map?.kind !== 'map') return refuse(map === undefined ? 'EBADF' : 'EINVAL', `fd ${ref.fd} is not pointing to valid bpf_map`);
    // Where the value cannot be referred to so, the verifier says it.
    const value = ref.pseudo === PSEUDO.MAP_VALUE;
    const target = value ? (map.kernel.regions(this.#core.env, map.offset)[0]?.base ?? 0) + ref.offset : map.offset;
    if (!this.maps.has(map) && this.maps.size === MAPS_MAX) {
      return refuse('E2BIG', `The total number of maps per program has reached the limit of ${MAPS_MAX}`);
    }
    this.maps.add(map);
    write(this.image, ref.insn, target, KERNEL_BASE_HI);
    write(this.tagged, ref.insn, 0, 0);
    return undefined;
  }
}

/** Sets the 64-bit immediate of the ld_imm64 in slot `insn`. */
function write(bytes: Uint8Array, insn: number, low: number, high: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setInt32(insn * SLOT + 4, low, true);
  view.setInt32(insn * SLOT + SLOT + 4, high, true);
}
