/** Map references of bytecode: fds in ld_imm64 become engine pointers, and zeros for the program's tag (kernel/bpf/verifier.c, v6.18). */
import { VerifierError } from '../base/index.ts';
import { PSEUDO } from '../isa/index.ts';
import { MAP } from '../maps/index.ts';
import { KERNEL_BASE_HI } from '../mem/index.ts';
import type { EngineCore } from './core.ts';
import type { MapObject } from './objects.ts';

const LD_IMM64 = 0x18;
const SLOT = 8;
const ARRAY = 2;
/** MAX_USED_MAPS (include/linux/bpf_verifier.h). */
const MAPS_MAX = 64;
/** Largest offset into a value (BPF_MAX_VAR_OFF). */
const OFFSET_MAX = 2 ** 29;

export interface Resolved {
  /** The bytecode with engine pointers; pseudo codes are kept. */
  readonly image: Uint8Array;
  /** The bytecode with zeros for map fds: what the tag is made of. */
  readonly tagged: Uint8Array;
  /** Maps in order of first use. */
  readonly maps: readonly MapObject[];
}

/** Resolves every map reference, or throws VerifierError with the kernel's message. */
export function resolveMaps(core: EngineCore, insns: Uint8Array): Resolved {
  const image = insns.slice();
  const tagged = insns.slice();
  const view = new DataView(image.buffer);
  const tagView = new DataView(tagged.buffer);
  const maps = new Set<MapObject>();
  for (let at = 0; at + 2 * SLOT <= image.length; at += SLOT) {
    if (image[at] !== LD_IMM64) continue;
    const pseudo = (image[at + 1] ?? 0) >> 4;
    const low = at + 4;
    const high = at + SLOT + 4;
    at += SLOT;
    if (pseudo !== PSEUDO.MAP_FD && pseudo !== PSEUDO.MAP_VALUE) continue;
    tagView.setInt32(low, 0, true);
    tagView.setInt32(high, 0, true);
    const map = mapOf(core, view.getInt32(low, true));
    const target = pseudo === PSEUDO.MAP_FD ? map.offset : valueAt(core, map, view.getUint32(high, true));
    view.setUint32(low, target, true);
    view.setInt32(high, KERNEL_BASE_HI, true);
    if (!maps.has(map) && maps.size === MAPS_MAX) {
      throw refuse('E2BIG', `The total number of maps per program has reached the limit of ${MAPS_MAX}`);
    }
    maps.add(map);
  }
  return { image, tagged, maps: [...maps] };
}

function refuse(errno: 'EBADF' | 'EINVAL' | 'E2BIG' | 'ENOTSUPP', message: string): VerifierError {
  return new VerifierError(errno, message, `${message}\n`);
}

function mapOf(core: EngineCore, fd: number): MapObject {
  const object = core.file(fd)?.object;
  if (object?.kind === 'map') return object;
  throw refuse(object === undefined ? 'EBADF' : 'EINVAL', `fd ${fd} is not pointing to valid bpf_map`);
}

/** Memory offset of byte `offset` of an array's only value. */
function valueAt(core: EngineCore, map: MapObject, offset: number): number {
  const { dv } = core.mem;
  const valueSize = dv.getUint32(map.offset + MAP.VALUE_SIZE, true);
  if (offset >= OFFSET_MAX) throw refuse('EINVAL', `direct value offset of ${offset} is not allowed`);
  if (dv.getUint32(map.offset + MAP.TYPE, true) !== ARRAY) throw refuse('EINVAL', 'no direct value access support for this map type');
  const message = `invalid access to map value pointer, value_size=${valueSize} off=${offset}`;
  if (dv.getUint32(map.offset + MAP.MAX_ENTRIES, true) !== 1) throw refuse('ENOTSUPP', message);
  if (offset >= valueSize) throw refuse('EINVAL', message);
  const [values] = map.kernel.regions(core.env, map.offset);
  return (values?.base ?? 0) + offset;
}
