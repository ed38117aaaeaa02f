/** A stopped system call as programs may ask about it: registers and arguments are fetched from the kernel only when someone reads them. */
import type { Mem } from '../../mem/index.ts';
import { AUDIT_ARCH, type Block, PTRACE, SYSCALL_INFO, type Sys, X32_BIT } from '../../sys/index.ts';
import type { SyscallAbi, SyscallStop } from './types.ts';
import { callKey, keyAbi, keyNr, UNKNOWN_KEY } from './wanted.ts';

const INFO = 0;
const REGS = 128;

/** The one SyscallStop of a tracing thread, aimed at stop after stop. Vanished tracees read as zeros. */
export class StopReader implements SyscallStop {
  readonly #sys: Sys;
  readonly #mem: Pick<Mem, 'copyIn'>;
  readonly #block: Block;
  #tid = 0;
  #abi: SyscallAbi = 'x86_64';
  #nr = 0;
  #atExit = false;
  #haveInfo = false;
  #haveRegs = false;

  /** @param mem where readRegs writes */
  constructor(sys: Sys, mem: Pick<Mem, 'copyIn'>) {
    this.#sys = sys;
    this.#mem = mem;
    this.#block = sys.block(1024);
  }

  get abi(): SyscallAbi {
    return this.#abi;
  }

  get nr(): number {
    return this.#nr;
  }

  /** Aims at a stop whose call is known. */
  aim(tid: number, key: number, side: 'enter' | 'exit'): void {
    this.#tid = tid;
    this.#abi = keyAbi(key);
    this.#nr = keyNr(key);
    this.#atExit = side === 'exit';
    this.#haveInfo = false;
    this.#haveRegs = false;
  }

  /**
   * Aims at a stop about which nothing is known.
   * @returns the side, and at entry the call's key (see `nr` when it is UNKNOWN_KEY); undefined when it is no system-call stop
   */
  inspect(tid: number): { readonly side: 'enter'; readonly key: number } | { readonly side: 'exit' } | undefined {
    this.aim(tid, 0, 'enter');
    this.#readInfo();
    const { dv, u8 } = this.#block;
    const op = u8[INFO + SYSCALL_INFO.OP];
    if (op === SYSCALL_INFO.EXIT) {
      this.#atExit = true;
      return { side: 'exit' };
    }
    if (op !== SYSCALL_INFO.ENTRY && op !== SYSCALL_INFO.SECCOMP) return undefined;
    const nr = dv.getUint32(INFO + SYSCALL_INFO.NR, true);
    const x32 = (nr & X32_BIT) !== 0;
    if (dv.getUint32(INFO + SYSCALL_INFO.ARCH, true) === AUDIT_ARCH.I386) this.#abi = 'i386';
    else this.#abi = x32 ? 'x32' : 'x86_64';
    this.#nr = this.#abi === 'x32' ? nr & ~X32_BIT : nr;
    return { side: 'enter', key: callKey(this.#abi, this.#nr) };
  }

  /** At exit the call is what it was at entry. */
  setCall(key: number): void {
    if (key === UNKNOWN_KEY) return;
    this.#abi = keyAbi(key);
    this.#nr = keyNr(key);
  }

  arg(n: number): bigint {
    let value: bigint;
    if (this.#atExit) {
      this.#readRegs();
      value = this.#block.dv.getBigUint64(REGS + (this.#sys.arch.argOffsets[n] ?? 0), true);
    } else {
      this.#readInfo();
      value = this.#block.dv.getBigUint64(INFO + SYSCALL_INFO.ARGS + n * 8, true);
    }
    return this.#abi === 'i386' ? value & 0xffff_ffffn : value;
  }

  readRegs(dst: number): void {
    this.#readRegs();
    this.#mem.copyIn(dst, this.#block.u8.subarray(REGS, REGS + this.#sys.arch.ptRegsSize));
  }

  get result(): bigint {
    if (!this.#atExit) return 0n;
    this.#readInfo();
    return this.#block.dv.getBigInt64(INFO + SYSCALL_INFO.RVAL, true);
  }

  #readInfo(): void {
    if (this.#haveInfo) return;
    this.#haveInfo = true;
    const { address, u8 } = this.#block;
    if (this.#sys.ptrace(PTRACE.GET_SYSCALL_INFO, this.#tid, SYSCALL_INFO.SIZE, address + INFO) < 0)
      u8.fill(0, INFO, INFO + SYSCALL_INFO.SIZE);
  }

  #readRegs(): void {
    if (this.#haveRegs) return;
    this.#haveRegs = true;
    const { address, u8 } = this.#block;
    if (this.#sys.ptrace(PTRACE.GETREGS, this.#tid, 0, address + REGS) < 0) u8.fill(0, REGS, REGS + this.#sys.arch.userRegsSize);
  }
}
