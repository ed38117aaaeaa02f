/** Map references of bytecode: fds in ld_imm64 become engine pointers, and zeros for the program's tag (kernel/bpf/verifier.c, v6.18). */
import type { ErrnoName } from '../base/index.ts';
import { PSEUDO } from '../isa/index.ts';
import { MAP } from '../maps/index.ts';
import { KERNEL_BASE_HI } from '../mem/index.ts';
import type { MapReference, Refusal } from '../verifier/index.ts';
import type { EngineCore } from './core.ts';
import type { MapObject } from './objects.ts';

const SLOT = 8;
const ARRAY = 2;
/** MAX_USED_MAPS (include/linux/bpf_verifier.h). */
const MAPS_MAX = 64;
/** Largest offset into a value (BPF_MAX_VAR_OFF). */
const OFFSET_MAX = 2 ** 29;

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
    let target = map.offset;
    if (ref.pseudo === PSEUDO.MAP_VALUE) {
      const refusal = this.#checkValue(map, ref, refuse);
      if (refusal !== undefined) return refusal;
      target = (map.kernel.regions(this.#core.env, map.offset)[0]?.base ?? 0) + ref.offset;
    }
    if (!this.maps.has(map) && this.maps.size === MAPS_MAX) {
      return refuse('E2BIG', `The total number of maps per program has reached the limit of ${MAPS_MAX}`);
    }
    this.maps.add(map);
    write(this.image, ref.insn, target, KERNEL_BASE_HI);
    write(this.tagged, ref.insn, 0, 0);
    return undefined;
  }

  #checkValue(map: MapObject, ref: MapReference, refuse: (errno: ErrnoName, message: string) => Refusal): Refusal | undefined {
    const { dv } = this.#core.mem;
    const valueSize = dv.getUint32(map.offset + MAP.VALUE_SIZE, true);
    if (ref.offset >= OFFSET_MAX) return refuse('EINVAL', `direct value offset of ${ref.offset} is not allowed`);
    if (dv.getUint32(map.offset + MAP.TYPE, true) !== ARRAY) return refuse('EINVAL', 'no direct value access support for this map type');
    const message = `invalid access to map value pointer, value_size=${valueSize} off=${ref.offset}`;
    if (dv.getUint32(map.offset + MAP.MAX_ENTRIES, true) !== 1) return refuse('ENOTSUPP', message);
    return ref.offset >= valueSize ? refuse('EINVAL', message) : undefined;
  }
}

/** Sets the 64-bit immediate of the ld_imm64 in slot `insn`. */
function write(bytes: Uint8Array, insn: number, low: number, high: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setInt32(insn * SLOT + 4, low, true);
  view.setInt32(insn * SLOT + SLOT + 4, high, true);
}
