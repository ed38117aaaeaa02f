/** Raw bpf(2) through Sys: the few commands that comparing with the live kernel needs. Typed programs, maps and links are a host's business. */
import { BpfError, encodeText, SyscallError, VerifierError } from '../base/index.ts';
import { loadSys } from './libc.ts';
import type { Block, Sys } from './sys.ts';

/** System-call number by Node's architecture name (asm/unistd_64.h, asm-generic/unistd.h). */
const NR_BPF: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
/** enum bpf_cmd (uapi bpf.h). */
const CMD = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  PROG_LOAD: 5,
  PROG_TEST_RUN: 10,
  BTF_LOAD: 18,
  MAP_FREEZE: 22,
} as const;
/** Bytes of union bpf_attr that are passed; zeros beyond what a kernel knows are accepted. */
const ATTR_SIZE = 168;
const LOG_SIZE = 1 << 20;
/** BPF_OBJ_NAME_LEN. */
const MAP_NAME_SIZE = 16;
/** struct bpf_func_info. */
const FUNC_INFO_SIZE = 8;
/** struct bpf_line_info, struct bpf_core_relo. */
const LINE_INFO_SIZE = 16;
const CORE_RELO_SIZE = 16;
const ENOENT = 2;

/** MAP_CREATE's attributes: enum bpf_map_type, bytes, elements, BPF_F_*. */
export interface RawMapAttr {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly name?: string;
  /** Template of a map-in-map's maps. */
  readonly innerMapFd?: number;
  readonly mapExtra?: bigint;
  /** fd of the BTF that has the types of key and value; 0 for no type. */
  readonly btfFd?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
}

/** PROG_LOAD's attributes. */
export interface RawProgAttr {
  /** enum bpf_prog_type. */
  readonly type: number;
  readonly insns: Uint8Array;
  /** Default `GPL`. */
  readonly license?: string;
  /** BPF_LOG_LEVEL1 (1), LEVEL2 (2: every instruction), STATS (4). Default 1. */
  readonly logLevel?: number;
  /** Bytes of the log's buffer, at most and by default 1 MiB; 0: no buffer. */
  readonly logSize?: number;
  readonly flags?: number;
  /** enum bpf_attach_type; some program types need one. Default 0. */
  readonly expectedAttachType?: number;
  /** fd of the program's BTF, and with it func_info records of 8 bytes. */
  readonly btfFd?: number;
  readonly funcInfo?: Uint8Array;
  /** line_info records of 16 bytes. */
  readonly lineInfo?: Uint8Array;
  /** CO-RE relocation records of 16 bytes. */
  readonly coreRelos?: Uint8Array;
  /** Bytes of each record, where they are not what the kernel has. */
  readonly funcInfoSize?: number;
  readonly lineInfoSize?: number;
  readonly coreReloSize?: number;
  /** Type in the kernel's BTF, or in that of `attachFd`. */
  readonly attachBtfId?: number;
  /** fd of a program, or of a module's BTF. */
  readonly attachFd?: number;
  /** fds that instructions name by index. */
  readonly fdArray?: readonly number[];
}

/** PROG_TEST_RUN's attributes. */
export interface RawTestRun {
  /** Packet; at least 14 bytes for packet programs. */
  readonly data?: Uint8Array;
  readonly repeat?: number;
}

/** The kernel's bpf(2). Failures throw SyscallError. */
export interface RawBpf {
  mapCreate(attr: RawMapAttr): number;
  /** The value, or undefined when there is no such key. */
  mapLookup(fd: number, key: Uint8Array, valueSize: number): Uint8Array | undefined;
  /** `flags`: BPF_ANY (0), BPF_NOEXIST (1), BPF_EXIST (2). */
  mapUpdate(fd: number, key: Uint8Array, value: Uint8Array, flags?: number): void;
  mapDelete(fd: number, key: Uint8Array): void;
  /** Makes the map read-only for user space. */
  mapFreeze(fd: number): void;
  /** Loads BTF. @returns its fd */
  btfLoad(bytes: Uint8Array): number;
  /** @throws VerifierError with the whole log */
  progLoad(attr: RawProgAttr): { readonly fd: number; readonly log: string; readonly logTrueSize: number };
  /** The program's 32-bit return value, unsigned, and the packet it left. */
  progTestRun(fd: number, run?: RawTestRun): { readonly retval: number; readonly data: Uint8Array };
  close(fd: number): void;
}

/** bpf(2) of this process. @throws NotSupportedError where no system calls can be made */
export function openBpf(sys: Sys = loadSys()): RawBpf {
  const nr = NR_BPF[sys.arch.node];
  if (nr === undefined) throw new BpfError(`bpf(2) has no number on ${sys.arch.node}, expected ${Object.keys(NR_BPF).join(' or ')}`);
  const attr = sys.block(ATTR_SIZE);
  // Blocks are kept between calls: memory that nothing refers to could be collected while the kernel writes it.
  const pool = new Map<string, Block>();
  const block = (name: string, size: number): Block => {
    const old = pool.get(name);
    if (old !== undefined && old.u8.length >= size) return old;
    const made = sys.block(size);
    pool.set(name, made);
    return made;
  };
  const place = (name: string, bytes: Uint8Array): bigint => {
    const to = block(name, bytes.length);
    to.u8.set(bytes);
    return BigInt(to.address);
  };
  const u32 = (offset: number, value: number): void => attr.dv.setUint32(offset, value, true);
  const u64 = (offset: number, value: bigint): void => attr.dv.setBigUint64(offset, value, true);
  const start = (): void => {
    attr.u8.fill(0, 0, ATTR_SIZE);
  };
  const call = (cmd: number): number => sys.syscall(nr, cmd, attr.address, ATTR_SIZE);
  const checked = (cmd: keyof typeof CMD): number => {
    const result = call(CMD[cmd]);
    if (result < 0) throw new SyscallError(`BPF_${cmd}`, -result, 'refused by the kernel', { hint: hintOf(-result) });
    return result;
  };
  const element = (fd: number, key: Uint8Array): void => {
    start();
    u32(0, fd);
    u64(8, key.length === 0 ? 0n : place('key', key));
  };

  return {
    mapCreate({ type, keySize, valueSize, maxEntries, flags = 0, ...more }) {
      start();
      for (const [i, value] of [type, keySize, valueSize, maxEntries, flags, more.innerMapFd ?? 0].entries()) u32(i * 4, value);
      attr.u8.set(encodeText(more.name ?? '').subarray(0, MAP_NAME_SIZE - 1), 28);
      u32(48, more.btfFd ?? 0);
      u32(52, more.btfKeyTypeId ?? 0);
      u32(56, more.btfValueTypeId ?? 0);
      u64(64, more.mapExtra ?? 0n);
      return checked('MAP_CREATE');
    },
    mapFreeze(fd) {
      start();
      u32(0, fd);
      checked('MAP_FREEZE');
    },
    mapLookup(fd, key, valueSize) {
      const value = block('value', valueSize);
      element(fd, key);
      u64(16, BigInt(value.address));
      const result = call(CMD.MAP_LOOKUP_ELEM);
      if (result === -ENOENT) return undefined;
      if (result < 0) throw new SyscallError('BPF_MAP_LOOKUP_ELEM', -result, 'refused by the kernel', { hint: hintOf(-result) });
      return value.u8.slice(0, valueSize);
    },
    mapUpdate(fd, key, value, flags = 0) {
      element(fd, key);
      u64(16, place('value', value));
      u64(24, BigInt(flags));
      checked('MAP_UPDATE_ELEM');
    },
    mapDelete(fd, key) {
      element(fd, key);
      checked('MAP_DELETE_ELEM');
    },
    btfLoad(bytes) {
      start();
      u64(0, place('btf', bytes));
      u32(16, bytes.length);
      return checked('BTF_LOAD');
    },
    progLoad(prog) {
      const { type, insns, license = 'GPL', logLevel = 1, flags = 0, expectedAttachType = 0, btfFd, funcInfo, lineInfo, coreRelos } = prog;
      const { logSize = logLevel === 0 ? 0 : LOG_SIZE } = prog;
      const log = block('log', LOG_SIZE);
      log.u8[0] = 0;
      start();
      u32(0, type);
      u32(4, insns.length / 8);
      u64(8, place('insns', insns));
      u64(16, place('license', encodeText(`${license}\0`)));
      u32(24, logLevel);
      u32(28, logSize);
      if (logSize > 0) u64(32, BigInt(log.address));
      u32(44, flags);
      u32(68, expectedAttachType);
      if (btfFd !== undefined) u32(72, btfFd);
      if (funcInfo !== undefined) {
        const size = prog.funcInfoSize ?? FUNC_INFO_SIZE;
        u32(76, size);
        u64(80, place('funcInfo', funcInfo));
        u32(88, size === 0 ? 1 : funcInfo.length / size);
      }
      if (lineInfo !== undefined) {
        const size = prog.lineInfoSize ?? LINE_INFO_SIZE;
        u32(92, size);
        u64(96, place('lineInfo', lineInfo));
        u32(104, size === 0 ? 1 : lineInfo.length / size);
      }
      u32(108, prog.attachBtfId ?? 0);
      u32(112, prog.attachFd ?? 0);
      if (prog.fdArray !== undefined) u64(120, place('fdArray', new Uint8Array(Int32Array.from(prog.fdArray).buffer)));
      if (coreRelos !== undefined) {
        const size = prog.coreReloSize ?? CORE_RELO_SIZE;
        u32(116, size === 0 ? 1 : coreRelos.length / size);
        u64(128, place('coreRelos', coreRelos));
        u32(136, size);
      }
      const fd = call(CMD.PROG_LOAD);
      const text = new TextDecoder().decode(log.u8.subarray(0, log.u8.indexOf(0)));
      const logTrueSize = attr.dv.getUint32(140, true);
      if (fd >= 0) return { fd, log: text, logTrueSize };
      const error = new VerifierError(-fd, lastLine(text) ?? 'refused by the kernel', text, [], hintOf(-fd));
      error.logTrueSize = logTrueSize;
      throw error;
    },
    progTestRun(fd, { data, repeat = 1 } = {}) {
      // Twice the packet and a little: programs may make it longer.
      const room = data === undefined ? 0 : 2 * data.length + 256;
      const out = block('out', room);
      start();
      u32(0, fd);
      if (data !== undefined) {
        u32(8, data.length);
        u32(12, room);
        u64(16, place('in', data));
        u64(24, BigInt(out.address));
      }
      u32(32, repeat);
      checked('PROG_TEST_RUN');
      return { retval: attr.dv.getUint32(4, true), data: out.u8.slice(0, attr.dv.getUint32(12, true)) };
    },
    close(fd) {
      sys.close(fd);
    },
  };
}

/** The line of a verifier log that says what is wrong: the last before its statistics. */
function lastLine(log: string): string | undefined {
  return log
    .split('\n')
    .filter((line) => line !== '' && !/^(processed \d+ insns|verification time|stack depth)/.test(line))
    .at(-1);
}

function hintOf(errno: number): string | undefined {
  return errno === 1 ? 'bpf(2) needs root or CAP_BPF' : undefined;
}
