/** Bytecode -> ProgramImage: flat words that the interpreter runs. It judges nothing: what is no instruction becomes `invalid` and faults when reached. */
import { type AtomicOp, decodeAt, type Instruction, PSEUDO, SLOT_SIZE, slotsOf } from '../isa/index.ts';
import { F_IMM, F_WRITE, FIELD, OP, type Op, WORDS } from './ops.ts';

/** A program ready to run: plain data, so that it can be posted to a worker. */
export interface ProgramImage {
  /** The bytecode it was made from, with engine pointers in its map references. */
  readonly bytes: Uint8Array;
  /** WORDS words a slot (see FIELD), and one `invalid` slot behind the last. */
  readonly code: Int32Array;
  readonly slots: number;
  /** Memory offsets of the map descriptors that its instructions name. */
  readonly maps: readonly number[];
  /** Engine's number of the program, for its environment; 0 when there is none. */
  readonly progId: number;
  /** Slots of loads through pointers into the kernel, by the verifier: they read 0 where nothing is, and never fault. */
  readonly probes: ReadonlySet<number>;
}

const NO_PROBES: ReadonlySet<number> = new Set();

/** Number of an atomic operation in word 2's low byte; bit 8 is set when the old value is fetched. */
export const ATOMIC: Readonly<Record<AtomicOp, number>> = {
  add: 0,
  or: 1,
  and: 2,
  xor: 3,
  xchg: 4,
  cmpxchg: 5,
  load_acquire: 6,
  store_release: 7,
};
export const ATOMIC_FETCH = 0x100;

/** High word of a callback's address; the low word is FUNC_BASE + its slot. Not an engine pointer, so that no access through it passes. */
export const FUNC_HI = -1;
export const FUNC_BASE = 0x8000_0000 | 0;

/**
 * Predecodes a program. Map references must already hold engine pointers: in ld_imm64 with src_reg MAP_FD or MAP_IDX the 64-bit immediate is
 * the map descriptor's pointer, with MAP_VALUE or MAP_IDX_VALUE a pointer into the map's value; FUNC stays relative (target = slot + imm + 1).
 * Never throws: bytes that are no instruction fault when they are reached, a trailing part of a slot is ignored.
 */
export function prepare(bytes: Uint8Array, facts: { readonly progId?: number; readonly probes?: ReadonlySet<number> } = {}): ProgramImage {
  const slots = Math.floor(bytes.length / SLOT_SIZE);
  const code = new Int32Array((slots + 1) * WORDS);
  const maps = new Set<number>();
  for (let slot = 0; slot <= slots; slot++) code[slot * WORDS] = OP.invalid;
  for (let slot = 0; slot < slots; ) {
    const insn = decodeAt(bytes, slot);
    if (insn.kind !== 'invalid') {
      const words = translate(insn, slot, slots);
      if (insn.kind === 'ld_imm64' && (insn.pseudo === PSEUDO.MAP_FD || insn.pseudo === PSEUDO.MAP_IDX)) maps.add(words.lo >>> 0);
      const at = slot * WORDS;
      code[at] = OP[words.op] | ((words.a ?? 0) << (FIELD.A + 1)) | ((words.b ?? 0) << (FIELD.B + 1)) | (words.flags ?? 0);
      code[at + 1] = words.off ?? 0;
      code[at + 2] = words.lo;
      code[at + 3] = words.hi ?? words.lo >> 31;
    }
    slot += slotsOf(insn);
  }
  return { bytes, code, slots, maps: [...maps], progId: facts.progId ?? 0, probes: facts.probes ?? NO_PROBES };
}

interface Words {
  readonly op: Op;
  readonly a?: number;
  readonly b?: number;
  readonly flags?: number;
  readonly off?: number;
  readonly lo: number;
  readonly hi?: number;
}

const LOADS = { 1: 'ldx8', 2: 'ldx16', 4: 'ldx32', 8: 'ldx64' } as const;
const SIGNED_LOADS = { 1: 'ldxs8', 2: 'ldxs16', 4: 'ldxs32', 8: 'ldx64' } as const;
const STORES = { 1: 'st8', 2: 'st16', 4: 'st32', 8: 'st64' } as const;
const INVALID: Words = { op: 'invalid', lo: 0 };
const FRAME_POINTER = 10;

/** Register that the instruction writes, if any. */
function written(insn: Instruction): number | undefined {
  switch (insn.kind) {
    case 'alu':
    case 'neg':
    case 'end':
    case 'ldx':
    case 'ld_imm64':
    case 'addr_space_cast':
      return insn.dst;
    case 'atomic':
      if (insn.op === 'load_acquire') return insn.dst;
      return insn.fetch && insn.op !== 'cmpxchg' ? insn.src : undefined;
    default:
      return undefined;
  }
}

function translate(insn: Instruction, slot: number, slots: number): Words {
  if (written(insn) === FRAME_POINTER) return INVALID;
  const target = (relative: number): number => {
    const to = slot + 1 + relative;
    return (to >= 0 && to < slots ? to : slots) * WORDS;
  };
  switch (insn.kind) {
    case 'alu': {
      const op: Op =
        insn.op === 'movsx32'
          ? 'movsx32_64'
          : insn.op === 'movsx8' || insn.op === 'movsx16'
            ? `${insn.op}_${insn.width}`
            : `${insn.op}${insn.width}`;
      if ('reg' in insn.src) return { op, a: insn.dst, b: insn.src.reg, lo: 0 };
      return { op, a: insn.dst, flags: F_IMM, lo: insn.src.imm };
    }
    case 'neg':
      return { op: insn.width === 64 ? 'neg64' : 'neg32', a: insn.dst, lo: 0 };
    case 'end':
      if (insn.op === 'le') {
        if (insn.bits === 16) return { op: 'and64', a: insn.dst, flags: F_IMM, lo: 0xffff };
        return { op: insn.bits === 32 ? 'mov32' : 'mov64', a: insn.dst, b: insn.dst, lo: 0 };
      }
      return { op: `swap${insn.bits}`, a: insn.dst, lo: 0 };
    case 'jmp': {
      const op: Op = `${insn.op}${insn.width}`;
      if ('reg' in insn.src) return { op, a: insn.dst, b: insn.src.reg, off: target(insn.off), lo: 0 };
      return { op, a: insn.dst, flags: F_IMM, off: target(insn.off), lo: insn.src.imm };
    }
    case 'ja':
      return { op: 'ja', off: target(insn.off), lo: 0 };
    case 'may_goto':
      return { op: 'may_goto', off: target(insn.off), lo: 0 };
    case 'call':
      if (insn.target === 'local') return { op: 'call_local', off: target(insn.imm), lo: insn.imm };
      return insn.target === 'helper' ? { op: 'call_helper', lo: insn.imm } : INVALID;
    case 'callx':
      return { op: 'callx', a: insn.reg, lo: 0 };
    case 'exit':
      return { op: 'exit', lo: 0 };
    case 'ld_imm64': {
      if (insn.pseudo === PSEUDO.FUNC) {
        const lo = Number(BigInt.asIntN(32, insn.imm));
        return { op: 'ld_imm64', a: insn.dst, flags: F_IMM, lo: (FUNC_BASE + target(lo) / WORDS) | 0, hi: FUNC_HI };
      }
      return {
        op: 'ld_imm64',
        a: insn.dst,
        flags: F_IMM,
        lo: Number(BigInt.asIntN(32, insn.imm)),
        hi: Number(BigInt.asIntN(32, insn.imm >> 32n)),
      };
    }
    case 'ld_abs':
      return { op: 'ld_abs', flags: insn.size << FIELD.SIZE, lo: insn.imm };
    case 'ld_ind':
      return { op: 'ld_ind', b: insn.src, flags: insn.size << FIELD.SIZE, lo: insn.imm };
    case 'ldx': {
      const op = insn.signed ? SIGNED_LOADS[insn.size] : LOADS[insn.size];
      return { op, a: insn.dst, b: insn.src, flags: insn.size << FIELD.SIZE, off: insn.off, lo: 0 };
    }
    case 'st':
      return { op: STORES[insn.size], b: insn.dst, flags: (insn.size << FIELD.SIZE) | F_WRITE | F_IMM, off: insn.off, lo: insn.imm };
    case 'stx':
      return { op: STORES[insn.size], a: insn.src, b: insn.dst, flags: (insn.size << FIELD.SIZE) | F_WRITE, off: insn.off, lo: 0 };
    case 'atomic': {
      const lo = ATOMIC[insn.op] | (insn.fetch ? ATOMIC_FETCH : 0);
      const size = insn.size << FIELD.SIZE;
      // A load-acquire reads [src + off] into dst; all others work on [dst + off] with src.
      if (insn.op === 'load_acquire') return { op: 'atomic', a: insn.dst, b: insn.src, flags: size, off: insn.off, lo };
      return { op: 'atomic', a: insn.src, b: insn.dst, flags: size | F_WRITE, off: insn.off, lo };
    }
    case 'addr_space_cast':
      return INVALID;
  }
}
