/** The Instruction union: one decoded eBPF instruction (ISA v1-v4, RFC 9669). Numbers and encodings are in table.ts. */

/** R0..R10. */
export type Reg = number;
/** Bytes of a memory access. */
export type AccessSize = 1 | 2 | 4 | 8;
/** Bits of an ALU or jump operation. */
export type Width = 32 | 64;

export type AluOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'sdiv'
  | 'mod'
  | 'smod'
  | 'or'
  | 'and'
  | 'xor'
  | 'lsh'
  | 'rsh'
  | 'arsh'
  | 'mov'
  | 'movsx8'
  | 'movsx16'
  | 'movsx32';

export type JmpOp = 'jeq' | 'jne' | 'jgt' | 'jge' | 'jlt' | 'jle' | 'jset' | 'jsgt' | 'jsge' | 'jslt' | 'jsle';

/** Atomic operations; add..xor exist with and without fetch, xchg and cmpxchg always fetch. */
export type AtomicOp = 'add' | 'or' | 'and' | 'xor' | 'xchg' | 'cmpxchg' | 'load_acquire' | 'store_release';

/** Register or sign-extended 32-bit immediate. */
export type Operand = { readonly reg: Reg } | { readonly imm: number };

/** Meaning of src_reg in ld_imm64 (uapi bpf.h BPF_PSEUDO_*). */
export const PSEUDO = { NONE: 0, MAP_FD: 1, MAP_VALUE: 2, BTF_ID: 3, FUNC: 4, MAP_IDX: 5, MAP_IDX_VALUE: 6 } as const;
/** Meaning of src_reg in call. */
export const PSEUDO_CALL = { HELPER: 0, LOCAL: 1, KFUNC: 2 } as const;

/**
 * One instruction. Jump offsets count 8-byte slots from the next instruction; `imm` values are signed 32-bit
 * unless stated. Only ld_imm64 takes two slots.
 */
export type Instruction =
  | { readonly kind: 'alu'; readonly width: Width; readonly op: AluOp; readonly dst: Reg; readonly src: Operand }
  | { readonly kind: 'neg'; readonly width: Width; readonly dst: Reg }
  | { readonly kind: 'end'; readonly op: 'le' | 'be' | 'bswap'; readonly bits: 16 | 32 | 64; readonly dst: Reg }
  | { readonly kind: 'addr_space_cast'; readonly dst: Reg; readonly src: Reg; readonly imm: number }
  | { readonly kind: 'jmp'; readonly width: Width; readonly op: JmpOp; readonly dst: Reg; readonly src: Operand; readonly off: number }
  /** `wide`: gotol, whose 32-bit offset is in imm (v4). */
  | { readonly kind: 'ja'; readonly wide: boolean; readonly off: number }
  | { readonly kind: 'may_goto'; readonly off: number }
  /** helper: imm = helper id. local: imm = slots to the callee from the next instruction. kfunc: imm = BTF id, off = fd-array index. */
  | { readonly kind: 'call'; readonly target: 'helper' | 'local' | 'kfunc'; readonly imm: number; readonly off: number }
  /** Call through a register (conformance vectors only; the kernel refuses it). Encoded in dst_reg, as LLVM does. */
  | { readonly kind: 'callx'; readonly reg: Reg }
  | { readonly kind: 'exit' }
  /** `pseudo` is src_reg (PSEUDO); imm is the whole 64-bit constant, unsigned: low word first slot, high word second. */
  | { readonly kind: 'ld_imm64'; readonly dst: Reg; readonly pseudo: number; readonly imm: bigint }
  | { readonly kind: 'ld_abs'; readonly size: 1 | 2 | 4; readonly imm: number }
  | { readonly kind: 'ld_ind'; readonly size: 1 | 2 | 4; readonly src: Reg; readonly imm: number }
  | {
      readonly kind: 'ldx';
      readonly size: AccessSize;
      readonly signed: boolean;
      readonly dst: Reg;
      readonly src: Reg;
      readonly off: number;
    }
  | { readonly kind: 'st'; readonly size: AccessSize; readonly dst: Reg; readonly off: number; readonly imm: number }
  | { readonly kind: 'stx'; readonly size: AccessSize; readonly dst: Reg; readonly src: Reg; readonly off: number }
  /** All work on [dst + off] with src, but load_acquire: dst = [src + off]. `fetch`: the old value goes to src (cmpxchg: compared with R0, goes to R0). */
  | {
      readonly kind: 'atomic';
      readonly size: AccessSize;
      readonly op: AtomicOp;
      readonly fetch: boolean;
      readonly dst: Reg;
      readonly src: Reg;
      readonly off: number;
    };

/** An instruction and its slot: `index` counts 8-byte slots, as jumps and the kernel's log do. */
export interface PlacedInsn {
  readonly index: number;
  readonly insn: Instruction;
}
