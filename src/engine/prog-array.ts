/** Which programs fit a prog array: the first one stored in it, or loaded with it, decides (kernel/bpf/core.c __bpf_prog_map_compatible, v6.18). */
import type { MapObject, ProgArrayOwner } from './objects.ts';

/** Whether a program may be in, or use, the map; the first one becomes the owner. */
export function fits(map: MapObject, prog: ProgArrayOwner): boolean {
  if (map.owner === undefined) {
    map.owner = { type: prog.type, expectedAttachType: prog.expectedAttachType, xdpFrags: prog.xdpFrags };
    return true;
  }
  const { owner } = map;
  return owner.type === prog.type && owner.expectedAttachType === prog.expectedAttachType && owner.xdpFrags === prog.xdpFrags;
}
