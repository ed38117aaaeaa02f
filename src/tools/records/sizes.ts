/** How large the records are that programs send to a map, where the code says it by a constant. */
import type { CollectionSpec, ProgramSpec } from '../../elf/index.ts';
import { SLOT_SIZE, slotAt } from '../../isa/index.ts';

/** Opcodes (uapi linux/bpf_common.h, bpf.h). */
const CALL = 0x85;
const LD_IMM64 = 0x18;
const MOV_IMM = [0xb7, 0xb4];
/** The long jump, whose distance is in imm. */
const JA32 = 0x06;
const JUMP_CLASSES = [5, 6];
/** Register of the map and of the size, by helper: perf_event_output, ringbuf_output, ringbuf_reserve (uapi linux/bpf.h). */
const SENDERS: ReadonlyMap<number, readonly [map: number, size: number]> = new Map([
  [25, [2, 5]],
  [130, [1, 3]],
  [131, [1, 2]],
]);

/** Constant sizes that calls of the sending helpers have, by map; `undefined` among them: a size that is no constant. */
export function sentSizes(spec: CollectionSpec): Map<string, Set<number | undefined>> {
  const out = new Map<string, Set<number | undefined>>();
  for (const program of spec.programs) addSizes(program, out);
  return out;
}

function addSizes(program: ProgramSpec, out: Map<string, Set<number | undefined>>): void {
  const maps = new Map(program.references.filter((r) => r.kind === 'map').map((r) => [r.insn, r.name]));
  /** What each register holds, in straight-line code only. */
  const map = new Map<number, string>();
  const number = new Map<number, number>();
  const count = Math.floor(program.insns.length / SLOT_SIZE);
  const targets = jumpTargets(program.insns, count);
  for (let i = 0; i < count; i++) {
    const slot = slotAt(program.insns, i);
    if (slot === undefined) return;
    // Other ways lead here, on which the registers may hold something else.
    if (targets.has(i)) {
      map.clear();
      number.clear();
    }
    const { code, dst, src, imm } = slot;
    if (code === CALL) {
      const sender = src === 0 ? SENDERS.get(imm) : undefined;
      const name = sender === undefined ? undefined : map.get(sender[0]);
      if (sender !== undefined && name !== undefined) {
        const sizes = out.get(name) ?? new Set();
        out.set(name, sizes.add(number.get(sender[1])));
      }
      for (let r = 0; r <= 5; r++) forget(r);
      continue;
    }
    if (JUMP_CLASSES.includes(code & 7)) continue;
    forget(dst);
    if (code === LD_IMM64) {
      const name = maps.get(i);
      if (name !== undefined) map.set(dst, name);
      i++;
    } else if (MOV_IMM.includes(code)) number.set(dst, imm);
  }

  function forget(register: number): void {
    map.delete(register);
    number.delete(register);
  }
}

function jumpTargets(insns: Uint8Array, count: number): Set<number> {
  const out = new Set<number>();
  for (let i = 0; i < count; i++) {
    const slot = slotAt(insns, i);
    if (slot === undefined) break;
    if (slot.code === LD_IMM64) i++;
    else if (JUMP_CLASSES.includes(slot.code & 7)) out.add(i + 1 + (slot.code === JA32 ? slot.imm : slot.off));
  }
  return out;
}
