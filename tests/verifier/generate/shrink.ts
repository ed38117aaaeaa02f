/** Makes a program that shows something smaller: instructions become nothing while it still does, then what is nothing is taken out. */
const SLOT = 8;
const NOTHING = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0);
const LD_IMM64 = 0x18;
const CALL = 0x85;
const LONG_JUMP = 0x06;

function isNothing(bytes: Uint8Array, slot: number): boolean {
  return NOTHING.every((b, i) => bytes[slot * SLOT + i] === b);
}

/** A smaller program for which `shows` still holds. Programs with records by slot keep their length. */
export function shrink(program: Uint8Array, shows: (bytes: Uint8Array) => boolean, keepLength: boolean): Uint8Array {
  let best = program;
  for (let chunk = 16; chunk >= 1; chunk >>= 1) {
    for (let slot = 0; slot * SLOT < best.length; slot += chunk) {
      const tried = best.slice();
      for (let i = slot; i < slot + chunk && i * SLOT < tried.length; i++) {
        if (tried[i * SLOT] === LD_IMM64 && (i + 1) * SLOT < tried.length) tried.set(NOTHING, (i + 1) * SLOT);
        else if (tried[i * SLOT] === 0) continue;
        tried.set(NOTHING, i * SLOT);
      }
      if (tried.some((b, i) => b !== best[i]) && shows(tried)) best = tried;
    }
  }
  if (keepLength) return best;
  for (let slot = best.length / SLOT - 1; slot >= 0; slot--) {
    if (!isNothing(best, slot)) continue;
    const tried = without(best, slot);
    if (shows(tried)) best = tried;
  }
  return best;
}

/** The program without a slot; jumps and calls across it become shorter. */
function without(bytes: Uint8Array, slot: number): Uint8Array {
  const out = new Uint8Array(bytes.length - SLOT);
  out.set(bytes.subarray(0, slot * SLOT));
  out.set(bytes.subarray((slot + 1) * SLOT), slot * SLOT);
  const view = new DataView(out.buffer);
  for (let i = 0; i * SLOT < out.length; i++) {
    const code = out[i * SLOT] ?? 0;
    const at = i < slot ? i : i + 1;
    const cls = code & 7;
    const wide =
      code === LONG_JUMP ||
      (code === CALL && (out[i * SLOT + 1] ?? 0) >> 4 === 1) ||
      (code === LD_IMM64 && (out[i * SLOT + 1] ?? 0) >> 4 === 4);
    if (!wide && ((cls !== 5 && cls !== 6) || code === CALL || code === 0x95)) continue;
    const by = wide ? view.getInt32(i * SLOT + 4, true) : view.getInt16(i * SLOT + 2, true);
    const target = at + 1 + by;
    const change = at < slot && target > slot ? -1 : at > slot && target <= slot ? 1 : 0;
    if (change === 0) continue;
    if (wide) view.setInt32(i * SLOT + 4, by + change, true);
    else view.setInt16(i * SLOT + 2, by + change, true);
  }
  return out;
}
