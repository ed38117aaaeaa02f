/**
 * The seccomp-BPF (classic BPF) filter that lets every system call pass at full speed except those that someone wants, of all three ABIs
 * of an x86-64 kernel. It reads nothing but nr and arch, so that the kernel caches its "allow" per number.
 */
import { AUDIT_ARCH, SECCOMP, X32_BIT } from '../../sys/index.ts';
import type { SyscallAbi, WantedSyscall } from './types.ts';
import { callKey, UNKNOWN_KEY } from './wanted.ts';

/** Opcodes (uapi linux/bpf_common.h): LD|W|ABS, JMP|JEQ|K, JMP|JGE|K, JMP|JA, RET|K. */
const LD = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const JA = 0x05;
const RET = 0x06;
/** Offsets in struct seccomp_data. */
const NR = 0;
const ARCH = 4;

/** A call that stops. */
export type FilterCall = Pick<WantedSyscall, 'abi' | 'nr'>;

type Insn = readonly [code: number, jt: number, jf: number, k: number];

/** BPF_MAXINSNS: the kernel refuses longer filters. */
export const MAX_INSNS = 4096;

/** The filter's instructions, 8 bytes each; `rows` undefined: every call of every ABI stops. */
export function seccompFilter(rows: readonly FilterCall[] | undefined): Uint8Array {
  if (rows === undefined) return encode([[RET, 0, 0, (SECCOMP.RET_TRACE | UNKNOWN_KEY) >>> 0]]);
  const x86 = block('x86_64', rows);
  const x32 = block('x32', rows);
  const insns: Insn[] = [
    [LD, 0, 0, ARCH],
    [JEQ, 1, 0, AUDIT_ARCH.X86_64],
    [JA, 0, 0, x86.length + x32.length + 3], // to the i386 part
    [LD, 0, 0, NR],
    [JGE, 0, 1, X32_BIT],
    [JA, 0, 0, x86.length],
    ...x86,
    ...x32,
    // A foreign architecture has no rows: it passes.
    [JEQ, 1, 0, AUDIT_ARCH.I386],
    [RET, 0, 0, SECCOMP.RET_ALLOW],
    [LD, 0, 0, NR],
    ...block('i386', rows),
  ];
  return encode(insns);
}

/** With the number in A: the ABI's calls, then "allow". */
function block(abi: SyscallAbi, rows: readonly FilterCall[]): Insn[] {
  const bit = abi === 'x32' ? X32_BIT : 0;
  const out: Insn[] = [];
  for (const row of rows) {
    const key = callKey(abi, row.nr);
    if (row.abi !== abi || key === UNKNOWN_KEY) continue;
    out.push([JEQ, 0, 1, (row.nr | bit) >>> 0], [RET, 0, 0, (SECCOMP.RET_TRACE | key) >>> 0]);
  }
  out.push([RET, 0, 0, SECCOMP.RET_ALLOW]);
  return out;
}

function encode(insns: readonly Insn[]): Uint8Array {
  const out = new Uint8Array(insns.length * 8);
  const view = new DataView(out.buffer);
  insns.forEach(([code, jt, jf, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  });
  return out;
}
