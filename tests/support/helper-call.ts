/** A HelperCall for tests: arguments as numbers, engine memory that is readable as a whole, user memory by address, everything else recorded. */
import { ERRNO } from '../../src/base/index.ts';
import type { HelperCall } from '../../src/helpers/index.ts';
import { CPU, HEADER, Mem, toOffset } from '../../src/mem/index.ts';

/** A call under test, and what it left behind. */
export interface TestCall extends HelperCall {
  readonly printed: string[];
}

/** Where tests may put data: above the header, the CPU table and the scratch area. */
export const TEST_DATA = 0x4000;
const SCRATCH = 0x2000;
const CPU_TABLE = 0x1000;

export interface TestCallOptions {
  readonly mem?: Mem;
  readonly user?: ReadonlyMap<bigint, Uint8Array>;
  readonly more?: Partial<HelperCall>;
}

/** Engine memory with a CPU table. */
export function testMemory(): Mem {
  const mem = Mem.create({ initial: 1 << 20, maximum: 1 << 24 });
  mem.dv.setUint32(HEADER.CPU_TABLE, CPU_TABLE, true);
  mem.u8.fill(0, CPU_TABLE, CPU_TABLE + 4 * CPU.SIZE);
  return mem;
}

/** A call with r1.. = args. */
export function testCall(args: readonly (number | bigint)[], options: TestCallOptions = {}): TestCall {
  const mem = options.mem ?? testMemory();
  const regs64 = new BigInt64Array(11);
  for (const [i, arg] of args.entries()) regs64[i + 1] = BigInt(arg);
  const regs = new Int32Array(regs64.buffer);
  const printed: string[] = [];
  const bytesAt = (address: bigint, space: 'any' | 'user' | 'kernel'): Uint8Array | undefined => {
    const offset = space === 'user' ? undefined : toOffset(address);
    if (offset !== undefined) return offset < mem.u8.length ? mem.u8.subarray(offset) : undefined;
    for (const [base, bytes] of options.user ?? []) {
      if (address >= base && address < base + BigInt(bytes.length)) return bytes.subarray(Number(address - base));
    }
    return undefined;
  };
  return {
    mem,
    regs,
    regs64,
    off: (n) => (regs[n * 2] ?? 0) >>> 0,
    u64: (n) => BigInt.asUintN(64, regs64[n] ?? 0n),
    cpu: 1,
    task: {
      tid: 101,
      tgid: 100,
      uid: () => 1000,
      gid: () => 1001,
      comm: () => new TextEncoder().encode('make'),
      readUser: () => -ERRNO.EFAULT,
      startTime: () => 0n,
    },
    clock: { monotonic: () => 4_000_000_000n, boottime: () => 5_000_000_000n },
    progId: 1,
    progType: 2,
    cookie: 77n,
    funcIp: 0xffff_ffff_8100_0000n,
    env: {
      mem,
      cpu: 1,
      thread: 0,
      get runtime(): never {
        throw new Error('no map kernels in this test');
      },
      alloc: () => 0,
      free: () => undefined,
    },
    mapKernel: () => {
      throw new Error('no map kernel in this test');
    },
    perf: {
      event: () => 0,
      isBpfOutput: () => false,
      onCpu: () => -1,
      output: () => 0,
      read: () => -ERRNO.EINVAL,
    },
    scratch: SCRATCH,
    readAny(dst, size, address, space) {
      const bytes = bytesAt(address, space);
      if (bytes === undefined || bytes.length < size) return -ERRNO.EFAULT;
      mem.u8.set(bytes.subarray(0, size), dst);
      return 0;
    },
    readStr(dst, size, address, space) {
      const bytes = bytesAt(address, space);
      if (bytes === undefined) return -ERRNO.EFAULT;
      const end = bytes.indexOf(0);
      const length = Math.min(size - 1, end < 0 ? bytes.length : end);
      mem.u8.set(bytes.subarray(0, length), dst);
      mem.u8[dst + length] = 0;
      return length + 1;
    },
    tracePrintk: (message) => void printed.push(String.fromCharCode(...message)),
    callback: () => 0n,
    printed,
    ...options.more,
  };
}

/** Puts bytes, or text with a NUL, at TEST_DATA + at. @returns the offset */
export function put(mem: Mem, at: number, data: string | Uint8Array): number {
  const bytes = typeof data === 'string' ? Uint8Array.from(`${data}\0`, (c) => c.charCodeAt(0)) : data;
  mem.u8.set(bytes, TEST_DATA + at);
  return TEST_DATA + at;
}
