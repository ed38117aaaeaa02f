/**
 * The interpreter's own operation numbers: what an instruction of any encoding comes down to. Groups of four are leaves of the
 * dispatch tree in interpreter.ts, commonest first (a tree of predictable branches is twice as fast there as one switch, whose indirect jump
 * processors with speculation mitigations hardly predict). What each does is there, which instruction becomes which is in image.ts.
 */

/**
 * Names end in the operand width. Loads, stores and atomics come first (below `mov64`): they share the address check.
 * `le64` and the like that are moves, and and-with-a-mask, have no number of their own.
 */
export const OP = {
  ldx64: 0,
  ldx32: 1,
  ldx16: 2,
  ldx8: 3,
  ldxs32: 4,
  ldxs16: 5,
  ldxs8: 6,
  atomic: 7,
  st64: 8,
  st32: 9,
  st16: 10,
  st8: 11,
  mov64: 12,
  add64: 13,
  ld_imm64: 14,
  call_helper: 15,
  ja: 16,
  exit: 17,
  jeq64: 18,
  jne64: 19,
  jgt64: 20,
  jge64: 21,
  jlt64: 22,
  jle64: 23,
  jsgt64: 24,
  jsge64: 25,
  jslt64: 26,
  jsle64: 27,
  jset64: 28,
  jset32: 29,
  jeq32: 30,
  jne32: 31,
  jgt32: 32,
  jge32: 33,
  jlt32: 34,
  jle32: 35,
  jsgt32: 36,
  jsge32: 37,
  jslt32: 38,
  jsle32: 39,
  sub64: 40,
  and64: 41,
  or64: 42,
  xor64: 43,
  lsh64: 44,
  rsh64: 45,
  arsh64: 46,
  mul64: 47,
  mov32: 48,
  add32: 49,
  sub32: 50,
  and32: 51,
  or32: 52,
  xor32: 53,
  lsh32: 54,
  rsh32: 55,
  arsh32: 56,
  mul32: 57,
  neg64: 58,
  neg32: 59,
  div64: 60,
  mod64: 61,
  sdiv64: 62,
  smod64: 63,
  div32: 64,
  mod32: 65,
  sdiv32: 66,
  smod32: 67,
  movsx8_64: 68,
  movsx16_64: 69,
  movsx32_64: 70,
  movsx8_32: 71,
  movsx16_32: 72,
  swap16: 73,
  swap32: 74,
  swap64: 75,
  call_local: 76,
  callx: 77,
  may_goto: 78,
  ld_abs: 79,
  ld_ind: 80,
  invalid: 81,
} as const;

export type Op = keyof typeof OP;

/**
 * Word 0 of a predecoded slot: operation in bits 0-7; `2 * register` in bits 8-12 (A) and 16-20 (B); bytes of a memory access in
 * bits 24-27; the flags below. A is the destination (value register of a memory access), B the source (base register of a memory access).
 * Words 1-3: offset or jump target (a word index), and the immediate sign-extended to low and high word.
 */
export const FIELD = { A: 8, B: 16, SIZE: 24 } as const;
/** The access writes. */
export const F_WRITE = 1 << 28;
/** The second operand is the immediate. */
export const F_IMM = 1 << 30;
/** Words of a slot. */
export const WORDS = 4;
