/** Gives back what a program held when it ended without its end: a fault, or the death of its thread. Maps that it may have left half changed are marked. */
import { MAP, mapKernel } from '../maps/index.ts';
import { CPU, releaseDead, type ThreadEnv } from '../mem/index.ts';

export interface Release {
  readonly env: ThreadEnv;
  /** The thread that held. */
  readonly thread: number;
  /** Record of the CPU on which the program ran. */
  readonly cpu: number;
  /** Descriptors of the maps that it may have used. */
  readonly maps: Iterable<number>;
}

/** Frees the map kernels' locks. @returns descriptors of the maps marked */
export function releaseMaps(env: ThreadEnv, thread: number, maps: Iterable<number>): number[] {
  const marked: number[] = [];
  for (const map of maps) {
    if (env.runtime.map_release(map, thread) === 0) continue;
    env.mem.dv.setUint32(map + MAP.FAULTED, 1, true);
    marked.push(map);
  }
  return marked;
}

/** Frees the bpf_spin_lock that the CPU notes. @returns the descriptor of the map marked, undefined for none */
export function releaseSpinLock({ env, thread, cpu, maps }: Release): number | undefined {
  const { mem } = env;
  const held = mem.dv.getUint32(cpu + CPU.HELD, true);
  mem.dv.setUint32(cpu + CPU.HELD, 0, true);
  if (held === 0 || !releaseDead(mem, held, thread)) return undefined;
  for (const map of maps) {
    const inside = mapKernel(mem, map)
      .regions(env, map)
      .some(({ base, count, stride }) => held >= base && held < base + count * stride);
    if (!inside) continue;
    mem.dv.setUint32(map + MAP.FAULTED, 1, true);
    return map;
  }
  return undefined;
}
