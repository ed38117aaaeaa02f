/**
 * Kernel objects that programs are given pointers to, made in engine memory from what the tracee passed: struct filename, open_how,
 * kernel_clone_args in the layouts of v6.18. One of each kind per argument slot, reused by the next event: valid during the run.
 */
import { ERRNO } from '../../../base/index.ts';
import type { FunctionArg } from '../../../events/index.ts';
import { toPointer } from '../../../mem/index.ts';
import { type CurrentEvent, UNREADABLE } from './event.ts';

const PATH_MAX = 4096;
const PAGE = 4096n;
/** struct filename: name, uptr, refcnt, aname, iname[] (include/linux/fs.h, v6.18). */
const FILENAME = { NAME: 0, UPTR: 8, REFCNT: 16, INAME: 32 } as const;
/** struct open_how: flags, mode, resolve (uapi linux/openat2.h). */
const HOW = { FLAGS: 0, MODE: 8, RESOLVE: 16, SIZE: 24 } as const;
/** struct kernel_clone_args (include/linux/sched/task.h, v6.18). */
const CLONE = {
  FLAGS: 0,
  PIDFD: 8,
  CHILD_TID: 16,
  PARENT_TID: 24,
  EXIT_SIGNAL: 40,
  STACK: 48,
  STACK_SIZE: 56,
  TLS: 64,
  SET_TID: 72,
  SET_TID_SIZE: 80,
  CGROUP: 88,
  SIZE: 136,
} as const;
/** struct clone_args as user space passes it (uapi linux/sched.h). */
const USER_CLONE = {
  FLAGS: 0,
  PIDFD: 8,
  CHILD_TID: 16,
  PARENT_TID: 24,
  EXIT_SIGNAL: 32,
  STACK: 40,
  STACK_SIZE: 48,
  TLS: 56,
  SET_TID: 64,
  SET_TID_SIZE: 72,
  CGROUP: 80,
  SIZE: 88,
} as const;
/** CLONE_ARGS_SIZE_VER0. */
const USER_CLONE_FIRST_SIZE = 64;

/** Members by upper-cased name, in bytes; SIZE is the whole structure's. */
export const OBJECT_LAYOUTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  filename: FILENAME,
  open_how: HOW,
  kernel_clone_args: CLONE,
  clone_args: USER_CLONE,
};

const CSIGNAL = 0xffn;
const O_PATH = 0o10000000n;
const O_CREAT = 0o100n;
/** __O_TMPFILE: with it a mode is taken, as with O_CREAT. */
const O_TMPFILE = 0o20000000n;
/** O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC: what O_PATH keeps. */
const O_PATH_FLAGS = 0o200000n | 0o400000n | O_PATH | 0o2000000n;
const O_LARGEFILE = 0o100000n;
/** VALID_OPEN_FLAGS (include/linux/fcntl.h, v6.18) on x86-64. */
const VALID_OPEN_FLAGS = 0o37777703n;
const S_IALLUGO = 0o7777n;

const errorPointer = (errno: number): bigint => BigInt.asUintN(64, BigInt(-errno));

interface Filename {
  readonly offset: number;
  /** Pointer to iname. */
  readonly name: bigint;
}

/** Makes arguments. `undefined` from make() means that the kernel fails the call before it reaches the function. */
export class KernelObjects {
  readonly #event: CurrentEvent;
  readonly #filenames: readonly [Filename, Filename];
  readonly #how: number;
  readonly #clone: number;
  readonly #user: number;
  #filenamesMade = 0;
  #path: Uint8Array | undefined;

  constructor(event: CurrentEvent) {
    this.#event = event;
    const filename = (): Filename => {
      const offset = event.runner.alloc(FILENAME.INAME + PATH_MAX);
      return { offset, name: toPointer(offset + FILENAME.INAME) };
    };
    this.#filenames = [filename(), filename()];
    this.#how = event.runner.alloc(HOW.SIZE);
    this.#clone = event.runner.alloc(CLONE.SIZE);
    this.#user = event.runner.alloc(USER_CLONE.SIZE);
  }

  /** Before each argument list. */
  begin(): void {
    this.#filenamesMade = 0;
    this.#path = undefined;
  }

  /** The first path made since begin(), copied out. */
  get firstPath(): Uint8Array | undefined {
    return this.#path;
  }

  /** The 64-bit value of one argument. */
  make(arg: FunctionArg): bigint | undefined {
    const event = this.#event;
    switch (arg.kind) {
      case 'arg':
        return event.arg(arg.n) | (arg.or ?? 0n);
      case 'const':
        return arg.value;
      case 'shifted':
        return event.arg(arg.n) >> arg.shift;
      case 'pair':
        return event.arg(arg.low) | (event.arg(arg.high) << 32n);
      case 'exit_status':
        return (event.arg(arg.n) & 0xffn) << 8n;
      case 'filename':
        return this.#filename(event.arg(arg.n), arg.empty === 'allowed');
      case 'open_how':
        return this.#openHow(this.make(arg.flags) ?? 0n, this.make(arg.mode) ?? 0n);
      case 'user_open_how':
        return this.#userOpenHow(event.arg(arg.n), event.arg(arg.size));
      case 'clone_args':
        return this.#cloneArgs(arg.order);
      case 'fixed_clone_args':
        return this.#plainClone(arg.flags, 0n, 0n, 0n, 0n);
      case 'user_clone_args':
        return this.#userCloneArgs(event.arg(arg.n), event.arg(arg.size));
    }
  }

  /** As getname(): a kernel copy, or an error pointer for what it refuses. */
  #filename(address: bigint, emptyAllowed: boolean): bigint {
    const { runner } = this.#event;
    const slot = this.#filenamesMade === 0 ? this.#filenames[0] : this.#filenames[1];
    this.#filenamesMade++;
    const iname = slot.offset + FILENAME.INAME;
    const length = readPath(this.#event, address, iname);
    if (length < 0) return errorPointer(-length);
    if (length === 0 && !emptyAllowed) return errorPointer(ERRNO.ENOENT);
    runner.mem.u8.fill(0, iname + length, iname + Math.min(PATH_MAX, length + 8));
    const dv = runner.mem.dv;
    dv.setBigUint64(slot.offset + FILENAME.NAME, slot.name, true);
    dv.setBigUint64(slot.offset + FILENAME.UPTR, address, true);
    dv.setInt32(slot.offset + FILENAME.REFCNT, 1, true);
    this.#path ??= runner.mem.copyOut(iname, length);
    return toPointer(slot.offset);
  }

  /** As build_open_how(). */
  #openHow(flags: bigint, mode: bigint): bigint {
    let kept = BigInt.asUintN(32, flags) & VALID_OPEN_FLAGS;
    if ((kept & O_PATH) !== 0n) kept &= O_PATH_FLAGS;
    return this.#writeHow(kept, (kept & (O_CREAT | O_TMPFILE)) === 0n ? 0n : mode & S_IALLUGO, 0n);
  }

  #userOpenHow(address: bigint, size: bigint): bigint | undefined {
    if (!this.#copyStruct(address, size, HOW.SIZE, HOW.SIZE)) return undefined;
    const dv = this.#event.runner.mem.dv;
    const flags = dv.getBigUint64(this.#user + HOW.FLAGS, true);
    const mode = dv.getBigUint64(this.#user + HOW.MODE, true);
    const resolve = dv.getBigUint64(this.#user + HOW.RESOLVE, true);
    return this.#writeHow((flags & O_PATH) === 0n ? flags | O_LARGEFILE : flags, mode, resolve);
  }

  #writeHow(flags: bigint, mode: bigint, resolve: bigint): bigint {
    const dv = this.#event.runner.mem.dv;
    dv.setBigUint64(this.#how + HOW.FLAGS, flags, true);
    dv.setBigUint64(this.#how + HOW.MODE, mode, true);
    dv.setBigUint64(this.#how + HOW.RESOLVE, resolve, true);
    return toPointer(this.#how);
  }

  #cloneArgs(order: readonly [number, number, number, number, number]): bigint {
    const event = this.#event;
    const [flags, stack, parent, child, tls] = order;
    return this.#plainClone(event.arg(flags), event.arg(stack), event.arg(parent), event.arg(child), event.arg(tls));
  }

  #plainClone(flags: bigint, stack: bigint, parent: bigint, child: bigint, tls: bigint): bigint {
    const { mem } = this.#event.runner;
    mem.u8.fill(0, this.#clone, this.#clone + CLONE.SIZE);
    const dv = mem.dv;
    dv.setBigUint64(this.#clone + CLONE.FLAGS, BigInt.asUintN(32, flags) & ~CSIGNAL, true);
    dv.setBigUint64(this.#clone + CLONE.PIDFD, parent, true);
    dv.setBigUint64(this.#clone + CLONE.CHILD_TID, child, true);
    dv.setBigUint64(this.#clone + CLONE.PARENT_TID, parent, true);
    dv.setInt32(this.#clone + CLONE.EXIT_SIGNAL, Number(flags & CSIGNAL), true);
    dv.setBigUint64(this.#clone + CLONE.STACK, stack, true);
    dv.setBigUint64(this.#clone + CLONE.TLS, tls, true);
    return toPointer(this.#clone);
  }

  #userCloneArgs(address: bigint, size: bigint): bigint | undefined {
    if (!this.#copyStruct(address, size, USER_CLONE_FIRST_SIZE, USER_CLONE.SIZE)) return undefined;
    const { mem } = this.#event.runner;
    const dv = mem.dv;
    const user = (offset: number): bigint => dv.getBigUint64(this.#user + offset, true);
    mem.u8.fill(0, this.#clone, this.#clone + CLONE.SIZE);
    const set = (offset: number, v: bigint): void => dv.setBigUint64(this.#clone + offset, v, true);
    set(CLONE.FLAGS, user(USER_CLONE.FLAGS));
    set(CLONE.PIDFD, user(USER_CLONE.PIDFD));
    set(CLONE.CHILD_TID, user(USER_CLONE.CHILD_TID));
    set(CLONE.PARENT_TID, user(USER_CLONE.PARENT_TID));
    dv.setInt32(this.#clone + CLONE.EXIT_SIGNAL, Number(BigInt.asIntN(32, user(USER_CLONE.EXIT_SIGNAL))), true);
    // The kernel turns base and size into the top of a stack that grows down.
    set(CLONE.STACK, BigInt.asUintN(64, user(USER_CLONE.STACK) + user(USER_CLONE.STACK_SIZE)));
    set(CLONE.STACK_SIZE, user(USER_CLONE.STACK_SIZE));
    set(CLONE.TLS, user(USER_CLONE.TLS));
    // The kernel's own copy of the tids, which is not modelled.
    set(CLONE.SET_TID, UNREADABLE);
    set(CLONE.SET_TID_SIZE, user(USER_CLONE.SET_TID_SIZE));
    dv.setInt32(this.#clone + CLONE.CGROUP, Number(BigInt.asIntN(32, user(USER_CLONE.CGROUP))), true);
    return toPointer(this.#clone);
  }

  /** As copy_struct_from_user() for a structure of `size` bytes, up to its verdict on bytes that this table does not know. */
  #copyStruct(address: bigint, size: bigint, least: number, known: number): boolean {
    if (size < BigInt(least) || size > PAGE) return false;
    const wanted = Math.min(Number(size), known);
    const { mem } = this.#event.runner;
    mem.u8.fill(0, this.#user, this.#user + known);
    return this.#event.task.readUser(address, this.#user, wanted) === wanted;
  }
}

/**
 * Reads a NUL-terminated path of the tracee to memory at `dst` (room for PATH_MAX). Read page by page: the next page need not exist.
 * @returns its length without the NUL, or a negative errno as getname() gives
 */
function readPath(event: CurrentEvent, address: bigint, dst: number): number {
  const { mem } = event.runner;
  let length = 0;
  let want = 256 - Number(address & 0xffn);
  while (length < PATH_MAX) {
    const got = event.task.readUser(address + BigInt(length), dst + length, Math.min(want, PATH_MAX - length));
    if (got <= 0) return -ERRNO.EFAULT;
    const nul = mem.u8.subarray(dst + length, dst + length + got).indexOf(0);
    if (nul >= 0) return length + nul;
    length += got;
    want = 4096 - Number((address + BigInt(length)) & 0xfffn);
  }
  return -ERRNO.ENAMETOOLONG;
}
