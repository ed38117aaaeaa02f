/** The key of an array lookup, where it is a constant on the stack: such a lookup cannot fail (get_constant_map_key, v6.18). */
import type { MapFacts } from '../environment.ts';
import { markTracked } from '../precision/precision.ts';
import { Tracked } from '../precision/tracked.ts';
import { KIND, type Reg } from '../state/reg.ts';
import { BYTE, byteType, lowestByte } from '../state/stack.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';

const ARRAY = 2;
const PERCPU_ARRAY = 6;

/** The key, or -1 where it is not known. */
export function constantKey(v: Verification, reg: Reg, map: MapFacts): number {
  if (map.type !== ARRAY && map.type !== PERCPU_ARRAY) return -1;
  if (!v.capable || reg.type !== KIND.STACK || !tnumIsConst(reg)) return -1;
  const frame = v.state.frames[reg.frame];
  if (frame === undefined) return -1;
  const at = -(reg.off + knownNumber(reg)) - 1;
  const slot = at >> 3;
  const types = frame.types[slot] ?? 0;
  const run = (type: number): number => {
    let length = 0;
    for (let i = at & 7; i >= 0 && byteType(types, i) === type; i--) length++;
    return length;
  };
  if (run(BYTE.ZERO) >= map.keySize) return 0;
  const saved = frame.saved[slot];
  if (lowestByte(types) !== BYTE.SPILL || saved?.type !== KIND.SCALAR || run(BYTE.SPILL) !== map.keySize || !tnumIsConst(saved)) return -1;
  const tracked = new Tracked(v.state.frames.length - 1);
  tracked.addSlot(reg.frame, slot);
  markTracked(v, v.state, tracked);
  return knownNumber(saved);
}
