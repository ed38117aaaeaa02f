/**
 * A small x86-64 assembler: the handful of instructions that the launcher is written in, one function per mnemonic and operand kind.
 * Encodings: Intel SDM volume 2. It knows nothing of what is assembled.
 */
import { BpfError } from '../../../base/index.ts';

const REGISTERS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
/** 64-bit register names; a 32-bit immediate moved into one clears its upper half. */
export type Register = (typeof REGISTERS)[number];

/** Bytes, or a place to be named or filled in once all addresses are known. */
export type Item =
  | { readonly kind: 'bytes'; readonly bytes: readonly number[] }
  | { readonly kind: 'label'; readonly name: string }
  /** A 32-bit displacement from the end of this field to `label`. */
  | { readonly kind: 'rel32'; readonly label: string }
  /** The 64-bit address of `label`. */
  | { readonly kind: 'abs64'; readonly label: string };

const number = (r: Register): number => REGISTERS.indexOf(r);
const bytes = (...list: number[]): Item => ({ kind: 'bytes', bytes: list });
const le32 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
/** REX prefix: W = 64-bit operand, R and B extend the reg and rm fields. */
const rex = (w: number, reg: number, rm: number): number => 0x40 | (w << 3) | ((reg >> 3) << 2) | (rm >> 3);
const modrm = (mod: number, reg: number, rm: number): number => (mod << 6) | ((reg & 7) << 3) | (rm & 7);

export const label = (name: string): Item[] => [{ kind: 'label', name }];
export const data = (list: Iterable<number>): Item[] => [{ kind: 'bytes', bytes: [...list] }];
export const addressOf = (name: string): Item[] => [{ kind: 'abs64', label: name }];

/** mov r32, imm32 (zero-extended): B8+r id. */
export const movImm = (to: Register, value: number): Item[] => [bytes(rex(0, 0, number(to)), 0xb8 | (number(to) & 7), ...le32(value))];
/** mov r64, r64: REX.W 89 /r. */
export const mov = (to: Register, from: Register): Item[] => [
  bytes(rex(1, number(from), number(to)), 0x89, modrm(3, number(from), number(to))),
];
/** mov [base + disp8], r64; base is not rsp or r12, which need a SIB byte. */
export const store = (base: 'rbx', displacement: number, from: Register): Item[] => [
  bytes(rex(1, number(from), number(base)), 0x89, modrm(1, number(from), number(base)), displacement & 0xff),
];
/** mov r64, [base]. */
export const load = (to: Register, base: 'rbx'): Item[] => [
  bytes(rex(1, number(to), number(base)), 0x8b, modrm(0, number(to), number(base))),
];
/** lea r64, [rip + label]: REX.W 8D /r. */
export const lea = (to: Register, name: string): Item[] => [
  bytes(rex(1, number(to), 0), 0x8d, modrm(0, number(to), 5)),
  { kind: 'rel32', label: name },
];
/** lea r64, [base + disp8]. */
export const leaOffset = (to: Register, base: 'rbx', displacement: number): Item[] => [
  bytes(rex(1, number(to), number(base)), 0x8d, modrm(1, number(to), number(base)), displacement & 0xff),
];
/** lea r64, [rbx + r64*8 + disp8]. */
export const leaIndexed = (to: Register, base: 'rbx', index: 'rcx', displacement: number): Item[] => [
  bytes(rex(1, number(to), 0), 0x8d, modrm(1, number(to), 4), (3 << 6) | (number(index) << 3) | number(base), displacement & 0xff),
];
/** push r64: 50+r; push imm32 (sign-extended): 68 id. */
export const push = (from: Register): Item[] => [bytes(rex(0, 0, number(from)), 0x50 | (number(from) & 7))];
export const pushImm = (value: number): Item[] => [bytes(0x68, ...le32(value))];
/** cmp r64, imm32 (sign-extended): REX.W 81 /7. */
export const cmp = (a: Register, value: number): Item[] => [bytes(rex(1, 0, number(a)), 0x81, modrm(3, 7, number(a)), ...le32(value))];
/** neg r64: REX.W F7 /3. */
export const neg = (a: Register): Item[] => [bytes(rex(1, 0, number(a)), 0xf7, modrm(3, 3, number(a)))];
/** jmp E9, je 0F 84, jne 0F 85, all with 32-bit displacements. */
export const jmp = (name: string): Item[] => [bytes(0xe9), { kind: 'rel32', label: name }];
export const je = (name: string): Item[] => [bytes(0x0f, 0x84), { kind: 'rel32', label: name }];
export const jne = (name: string): Item[] => [bytes(0x0f, 0x85), { kind: 'rel32', label: name }];
export const syscall = (): Item[] => [bytes(0x0f, 0x05)];

const SIZE = { rel32: 4, abs64: 8 } as const;

/** Machine code of the items as it stands at address `origin`. */
export function assemble(items: readonly Item[], origin: number): Uint8Array {
  const labels = new Map<string, number>();
  let size = 0;
  for (const item of items) {
    if (item.kind === 'label') labels.set(item.name, size);
    else size += item.kind === 'bytes' ? item.bytes.length : SIZE[item.kind];
  }
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const item of items) {
    if (item.kind === 'bytes') {
      out.set(item.bytes, at);
      at += item.bytes.length;
    } else if (item.kind !== 'label') {
      const target = labels.get(item.label);
      if (target === undefined) throw new BpfError(`the launcher refers to the label '${item.label}', which is not defined`);
      if (item.kind === 'rel32') view.setInt32(at, target - (at + 4), true);
      else view.setBigUint64(at, BigInt(origin + target), true);
      at += SIZE[item.kind];
    }
  }
  return out;
}
