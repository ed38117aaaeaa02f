/**
 * What is known of the bytes of a stack slot. A slot is 8 bytes, slot n at fp-8(n+1); its byte types are packed into one int32, 4 bits each,
 * where byte 0 is the one at the highest address (struct bpf_stack_state's slot_type, v6.18).
 */

/** Types of stack bytes. */
export const BYTE = { INVALID: 0, SPILL: 1, MISC: 2, ZERO: 3, DYNPTR: 4, ITER: 5, IRQ: 6 } as const;

/** The letters of the kernel's log. */
export const BYTE_LETTERS = ['?', 'r', 'm', '0', 'd', 'i', 'f'];

/** Slots of which all bytes have one type. */
export const ALL = {
  INVALID: 0,
  SPILL: 0x11111111,
  MISC: 0x22222222,
  ZERO: 0x33333333,
  DYNPTR: 0x44444444,
  ITER: 0x55555555,
  IRQ: 0x66666666,
} as const;

/** Type of byte `i` (0..7) of a slot. */
export function byteType(types: number, i: number): number {
  return (types >>> (i * 4)) & 15;
}

/** The slot with byte `i` changed. */
export function withByte(types: number, i: number, type: number): number {
  return (types & ~(15 << (i * 4))) | (type << (i * 4));
}

/** Type of the slot's lowest byte: SPILL when a register, or the low part of one, is saved there. */
export function lowestByte(types: number): number {
  return types >>> 28;
}

/** States of an iterator on the stack, kept in its register's `dynptrType`; how often it went on is in `memSize`. */
export const ITER = { ACTIVE: 1, DRAINED: 2 } as const;

/** What names of iterators' structures begin with. */
export const ITER_PREFIX = 'bpf_iter_';

/** Kinds of dynptrs (enum bpf_dynptr_type). */
export const DYNPTR_TYPE = { LOCAL: 1, RINGBUF: 2, SKB: 3, XDP: 4, SKB_META: 5 } as const;
