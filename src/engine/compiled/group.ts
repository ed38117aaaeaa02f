/** Which programs are compiled together: those that tail calls lead to, so that the calls are direct, and neighbours that share a map, because a module costs the same for few. */
import { MAP } from '../../maps/index.ts';
import type { Mem } from '../../mem/index.ts';
import type { ThreadProgram, ThreadPrograms } from '../thread-programs.ts';

const PROG_ARRAY = 3;
/** Programs and instructions of one module, the first program's excepted. */
const MOST = 64;
const MOST_BYTES = 8 * 20_000;
/** Ids on either side that are looked at. Ids count up: programs of a collection are neighbours. */
const NEIGHBOURS = 32;

export interface GroupInput {
  readonly mem: Mem;
  readonly programs: ThreadPrograms;
  /** Whether the program should be left out: it is compiled already. */
  known(progId: number): boolean;
}

/** The programs to compile when `root` runs for the first time, `root` first. */
export function groupOf(root: ThreadProgram, { mem, programs, known }: GroupInput): ThreadProgram[] {
  const group = new Map<number, ThreadProgram>([[root.progId, root]]);
  let bytes = 0;
  const add = (program: ThreadProgram | undefined): void => {
    if (program === undefined || group.has(program.progId) || group.size >= MOST || bytes + program.bytes.length > MOST_BYTES) return;
    bytes += program.bytes.length;
    group.set(program.progId, program);
  };
  // The map grows while it is walked.
  for (const program of group.values()) {
    for (const map of program.maps) {
      if (mem.dv.getUint32(map + MAP.TYPE, true) !== PROG_ARRAY) continue;
      const size = Math.min(mem.dv.getUint32(map + MAP.MAX_ENTRIES, true), MOST * 4);
      for (let index = 0; index < size; index++) add(programs.inSlot(map, index));
    }
  }
  for (let id = Math.max(1, root.progId - NEIGHBOURS); id <= root.progId + NEIGHBOURS; id++) {
    if (group.has(id) || known(id)) continue;
    const program = programs.get(id);
    if (program?.maps.some((map) => root.maps.includes(map)) === true) add(program);
  }
  return [...group.values()];
}
