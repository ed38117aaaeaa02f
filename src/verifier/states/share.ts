/** The memory of kept states: what a state has in common with the one kept before it on its path is there once, and the whole is bounded. */
import { KIND, type Reg, sameContents } from '../state/reg.ts';
import type { Frame, PathState } from '../state/state.ts';

/** Beyond this the program is refused: the kernel would need gigabytes too. */
export const MAX_STATE_BYTES = 640 * 2 ** 20;

const REG_BYTES = 280;
const FRAME_BYTES = 300;
const STATE_BYTES = 400;
const SLOT_BYTES = 8;

/** Only what no mark of precision changes: pointers, and what cannot be read. */
function sharable(a: Reg, b: Reg): boolean {
  return (
    a.type !== KIND.SCALAR && sameContents(a, b) && a.id === b.id && a.refId === b.refId && a.frame === b.frame && a.precise === b.precise
  );
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function shareFrame(frame: Frame, before: Frame): number {
  let size = FRAME_BYTES;
  for (let n = 0; n <= 10; n++) {
    const reg = frame.regs[n];
    const was = before.regs[n];
    if (reg !== undefined && was !== undefined && sharable(reg, was)) frame.regs[n] = was;
    else size += REG_BYTES;
  }
  if (same(frame.types, before.types)) frame.types = before.types;
  else size += frame.types.length * SLOT_BYTES;
  if (same(frame.saved, before.saved)) {
    frame.saved = before.saved;
    frame.savedShared = before.savedShared = true;
  } else size += frame.saved.length * SLOT_BYTES;
  return size;
}

const wholeFrame = (frame: Frame): number => FRAME_BYTES + 11 * REG_BYTES + frame.types.length * 2 * SLOT_BYTES;

/** Lets a state that is about to be kept share with the one kept before it. @returns bytes that it takes, about */
export function shareWith(state: PathState, before: PathState | undefined): number {
  let size = STATE_BYTES;
  for (const [i, frame] of state.frames.entries()) {
    const was = before?.frames[i];
    size += was === undefined ? wholeFrame(frame) : shareFrame(frame, was);
  }
  return size;
}
