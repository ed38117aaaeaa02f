/** A verifier's facts as bytes in the shared memory, behind a program's image, so that any thread can compile from them. */
import type { InsnFact } from '../../jit/index.ts';
import type { ProgramFacts } from '../../verifier/index.ts';

/** Bits of a slot's byte; two for the result. Keys follow the slots' bytes: u32 pairs of slot and key, from the next multiple of 4 on. */
const RESULT = { none: 0, pointer: 1, nullable: 2 } as const;
const ALWAYS = 4;
const NEVER = 8;
const PROBE = 16;

/** Facts as bytes. */
export function encodeFacts(facts: ProgramFacts): Uint8Array {
  const slots = facts.kinds.length;
  const start = (slots + 3) & ~3;
  const keys = [...facts.keys.entries()].filter((entry): entry is [number, number] => entry[1] !== undefined);
  const out = new Uint8Array(start + keys.length * 8);
  for (let at = 0; at < slots; at++) {
    const branch = facts.branches[at];
    const ways = branch === 'always' ? ALWAYS : branch === 'never' ? NEVER : 0;
    out[at] = RESULT[facts.results[at] ?? 'none'] | ways | (facts.kinds[at] === 'kernel' ? PROBE : 0);
  }
  const view = new DataView(out.buffer);
  keys.forEach(([slot, key], i) => {
    view.setUint32(start + i * 8, slot, true);
    view.setUint32(start + i * 8 + 4, key, true);
  });
  return out;
}

/** Slots of loads through pointers into the kernel. */
export function probeSlots(bytes: Uint8Array, slots: number): ReadonlySet<number> {
  const out = new Set<number>();
  for (let at = 0; at < slots && at < bytes.length; at++) if (((bytes[at] ?? 0) & PROBE) !== 0) out.add(at);
  return out;
}

/** Facts of a program of `slots` slots from their bytes. */
export function decodeFacts(bytes: Uint8Array, slots: number): (InsnFact | undefined)[] {
  const keys = new Map<number, number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = (slots + 3) & ~3; at + 8 <= bytes.length; at += 8) keys.set(view.getUint32(at, true), view.getUint32(at + 4, true));
  return Array.from({ length: slots }, (_, at): InsnFact | undefined => {
    const bits = bytes[at] ?? 0;
    const key = keys.get(at);
    if (bits === 0 && key === undefined) return undefined;
    return {
      ...((bits & RESULT.pointer) !== 0
        ? { result: 'pointer' as const }
        : (bits & RESULT.nullable) !== 0
          ? { result: 'nullable' as const }
          : {}),
      ...((bits & ALWAYS) !== 0 ? { branch: 'always' as const } : (bits & NEVER) !== 0 ? { branch: 'never' as const } : {}),
      ...((bits & PROBE) !== 0 ? { probe: true } : {}),
      ...(key === undefined ? {} : { key }),
    };
  });
}
