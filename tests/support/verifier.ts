/** The verifier and the live kernel asked the same question: an assembler text, its maps by `$name`, and both verdicts. */

import { existsSync, readFileSync } from 'node:fs';
import { assemble } from '../../src/asm/index.ts';
import { errnoName, SyscallError, VerifierError } from '../../src/base/index.ts';
import { Btf, openBtf } from '../../src/btf/index.ts';
import { HELPER_BY_NAME } from '../../src/helpers/index.ts';
import { type ProgramBtf, readProgramBtf } from '../../src/host/index.ts';
import { PSEUDO } from '../../src/isa/index.ts';
import { checkMapBtf } from '../../src/maps/index.ts';
import { isGplCompatible, type Loader } from '../../src/programs/index.ts';
import type { RawBpf, RawMapAttr } from '../../src/sys/bpf.ts';
import {
  type MapFacts,
  type MapReference,
  type Refusal,
  type Verdict,
  type VerifierEnvironment,
  verify,
} from '../../src/verifier/index.ts';
import type { ProgramTypes } from './types.ts';

/** Maps that the rows' texts may name. */
const MAPS: Readonly<Record<string, RawMapAttr>> = {
  array: { type: 2, keySize: 4, valueSize: 48, maxEntries: 4 },
  one: { type: 2, keySize: 4, valueSize: 48, maxEntries: 1 },
  hash: { type: 1, keySize: 8, valueSize: 16, maxEntries: 8 },
  ring: { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 },
  perf: { type: 4, keySize: 4, valueSize: 4, maxEntries: 2 },
  progs: { type: 3, keySize: 4, valueSize: 4, maxEntries: 2 },
  stacks: { type: 7, keySize: 4, valueSize: 1016, maxEntries: 8 },
  queue: { type: 22, keySize: 0, valueSize: 8, maxEntries: 4 },
  percpu: { type: 6, keySize: 4, valueSize: 8, maxEntries: 2 },
  rdonly: { type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0x80 },
  wronly: { type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0x100 },
  lru: { type: 9, keySize: 8, valueSize: 16, maxEntries: 8 },
  percpuhash: { type: 5, keySize: 8, valueSize: 8, maxEntries: 4 },
  inner: { type: 2, keySize: 4, valueSize: 16, maxEntries: 2 },
  arena: { type: 33, keySize: 0, valueSize: 0, maxEntries: 10, flags: 0x400, mapExtra: 1n << 44n },
  xsks: { type: 17, keySize: 4, valueSize: 4, maxEntries: 4 },
  sockmap: { type: 15, keySize: 4, valueSize: 4, maxEntries: 4 },
  sockhash: { type: 18, keySize: 4, valueSize: 8, maxEntries: 4 },
  bloom: { type: 30, keySize: 0, valueSize: 8, maxEntries: 4 },
  cgroups: { type: 8, keySize: 4, valueSize: 4, maxEntries: 2 },
};

const VMLINUX = '/sys/kernel/btf/vmlinux';
let machineBtf: Btf | undefined;

/** The running kernel's types, read lazily; undefined where it has none. The same object each time. */
export function vmlinux(): Btf | undefined {
  if (machineBtf === undefined && existsSync(VMLINUX)) machineBtf = Btf.open(readFileSync(VMLINUX));
  return machineBtf;
}

let machineSymbols: Map<string, bigint> | undefined;

/** Addresses of the running kernel's symbols. */
function symbols(): Map<string, bigint> {
  machineSymbols ??= new Map(
    [...readFileSync('/proc/kallsyms', 'latin1').matchAll(/^([0-9a-f]+) . (\S+)/gm)].map((m) => [m[2] ?? '', BigInt(`0x${m[1]}`)]),
  );
  return machineSymbols;
}

/** What names of attach targets begin with, by program type and attach type, as libbpf has it; types without a prefix name functions. */
const ATTACH_PREFIXES: readonly (readonly [type: number, attach: number, prefix: string, kind: 'func' | 'typedef'])[] = [
  [26, 23, 'btf_trace_', 'typedef'],
  [26, 28, 'bpf_iter_', 'func'],
  [29, 27, 'bpf_lsm_', 'func'],
  [29, 43, 'bpf_lsm_', 'func'],
];
const STRUCT_OPS = 27;

/** Id of the kernel type that programs attach to by this name; 0 where there is none. */
export function attachId(type: number, attach: number, name: string): number {
  if (type === STRUCT_OPS) return vmlinux()?.find(name, 'struct') ?? 0;
  const row = ATTACH_PREFIXES.find(([t, a]) => t === type && a === attach);
  return vmlinux()?.find(`${row?.[2] ?? ''}${name}`, row?.[3] ?? 'func') ?? 0;
}

/** Id of the kernel function with this name. */
function kfuncId(name: string): number {
  const id = vmlinux()?.find(name, 'func');
  if (id === undefined) throw new Error(`the kernel has no function '${name}'`);
  return id;
}

/** A map whose types are given as text (see types.ts): its value, and its key where it is not a number. */
export interface TypedMap extends RawMapAttr {
  readonly types: ProgramTypes;
  /** Type of the value; default `value`. */
  readonly value?: string;
  /** Default u32; empty for none. */
  readonly key?: string;
  /** Template of its maps, of the same table. */
  readonly inner?: string;
}

/** One question. */
export interface Question {
  readonly text?: string;
  readonly insns?: Uint8Array;
  /** enum bpf_prog_type; default socket_filter. */
  readonly type?: number;
  readonly license?: string;
  readonly flags?: number;
  readonly attach?: number;
  readonly level?: number;
  /** The program's functions: BTF, func_info records, and line_info records if there are any. */
  readonly functions?: { readonly btf: Uint8Array; readonly records: Uint8Array; readonly lines?: Uint8Array };
  /** Kernel function, tracepoint, hook, iterator or struct_ops type that it attaches to, by libbpf's name; or the type's id. */
  readonly attachTo?: string | number;
}

/** What either says. */
export interface Answer {
  /** Undefined where accepted. */
  readonly errno: string | undefined;
  /** Last line before the counters. */
  readonly message: string;
  readonly processed: number;
  readonly counters: string;
  readonly log: string;
}

/** BTF that is kept open. */
const MAX_BTFS = 256;

/** Asks the live kernel and verify(). */
export class Pair {
  readonly #bpf: RawBpf;
  readonly #fds = new Map<string, number>();
  readonly #btfs = new Map<Uint8Array, number>();
  readonly #facts = new Map<number, MapFacts>();
  readonly #typed: Readonly<Record<string, Omit<TypedMap, 'valueSize'>>>;

  constructor(bpf: RawBpf, typed: Readonly<Record<string, Omit<TypedMap, 'valueSize'>>> = {}) {
    this.#bpf = bpf;
    this.#typed = typed;
  }

  /** Gives the maps and BTF back. */
  close(): void {
    for (const fd of [...this.#fds.values(), ...this.#btfs.values()]) this.#bpf.close(fd);
    this.#fds.clear();
    this.#btfs.clear();
    this.#facts.clear();
  }

  /** The bytecode of a text. */
  assemble(text: string): Uint8Array {
    const named = text
      .replace(/\$([a-z]\w*)/g, (_, name: string) => String(this.mapFd(name)))
      .replace(/call kfunc ([a-z_]\w*)(?!#)/g, (_, name: string) => `call kfunc ${kfuncId(name)}`);
    return assemble(named, { helperId: (name) => HELPER_BY_NAME.get(name.replace(/^bpf_/, ''))?.id });
  }

  /** The map that texts call `$name`. */
  mapFd(name: string): number {
    const known = this.#fds.get(name);
    if (known !== undefined) return known;
    const typed = this.#typed[name];
    if (typed !== undefined) return this.#typedMap(name, typed);
    // Prog arrays take programs of one type: each type has its own, named by a letter more.
    const attr = MAPS[name.replace(/^progs./, 'progs')];
    if (name === 'nested') return this.#nested();
    if (attr === undefined) throw new Error(`no map '${name}'`);
    const fd = this.#bpf.mapCreate(attr);
    this.#fds.set(name, fd);
    this.addMap(fd, { ...attr, flags: attr.flags ?? 0, name: '' });
    return fd;
  }

  #typedMap(name: string, { types, value = 'value', key = 'u32', inner, ...given }: Omit<TypedMap, 'valueSize'>): number {
    const { id, size } = value === '' ? { id: 0, size: given.keySize === 0 ? 0 : 4 } : types.laid(value);
    const innerFd = inner === undefined ? undefined : this.mapFd(inner);
    const attr = {
      ...given,
      name,
      valueSize: size,
      ...(value === '' ? {} : { btfFd: this.#btf(types.bytes), btfKeyTypeId: key === '' ? 0 : types.id(key), btfValueTypeId: id }),
    };
    const fd = this.#bpf.mapCreate({ ...attr, ...(innerFd === undefined ? {} : { innerMapFd: innerFd }) });
    this.#fds.set(name, fd);
    const special = value === '' ? [] : checkMapBtf(attr, openBtf(types.bytes), vmlinux());
    if (typeof special === 'number') throw new Error(`map '${name}' is refused with ${errnoName(-special)}`);
    const template = innerFd === undefined ? undefined : this.#facts.get(innerFd);
    const { type, keySize, valueSize, maxEntries, flags = 0 } = attr;
    const facts = { type, keySize, valueSize, maxEntries, flags, name, hasBtf: value !== '', special };
    this.addMap(fd, template === undefined ? facts : { ...facts, inner: { ...template, name: '' } });
    return fd;
  }

  /** An array of arrays. */
  #nested(): number {
    const innerMapFd = this.mapFd('inner');
    const attr = { type: 12, keySize: 4, valueSize: 4, maxEntries: 2, flags: 0 };
    const fd = this.#bpf.mapCreate({ ...attr, innerMapFd });
    this.#fds.set('nested', fd);
    const inner = this.#facts.get(innerMapFd);
    this.addMap(fd, { ...attr, name: '', ...(inner === undefined ? {} : { inner }) });
    return fd;
  }

  /** Facts of the map behind an fd. */
  mapFacts(fd: number): MapFacts | undefined {
    return this.#facts.get(fd);
  }

  #btf(bytes: Uint8Array): number {
    const known = this.#btfs.get(bytes);
    if (known !== undefined) return known;
    if (this.#btfs.size >= MAX_BTFS) {
      for (const old of this.#btfs.values()) this.#bpf.close(old);
      this.#btfs.clear();
    }
    const fd = this.#bpf.btfLoad(bytes);
    this.#btfs.set(bytes, fd);
    return fd;
  }

  addMap(fd: number, facts: MapFacts): void {
    this.#facts.set(fd, facts);
  }

  bytes(question: Question): Uint8Array {
    return question.insns ?? this.assemble(question.text ?? '');
  }

  kernel(question: Question): Answer {
    const { fd, ...said } = this.load(question);
    if (fd !== undefined) this.#bpf.close(fd);
    return said;
  }

  /** Asks the kernel and keeps what it accepts: the caller closes `fd`. */
  load(question: Question): Answer & { readonly fd?: number } {
    const { type = 1, license = 'GPL', flags = 0, attach = 0, level = 1, functions } = question;
    try {
      const { fd, log } = this.#bpf.progLoad({
        type,
        insns: this.bytes(question),
        license,
        flags,
        logLevel: level,
        expectedAttachType: attach,
        ...(functions === undefined ? {} : { btfFd: this.#btf(functions.btf), funcInfo: functions.records }),
        ...(functions?.lines === undefined ? {} : { lineInfo: functions.lines }),
        attachBtfId: attachOf(question),
      });
      return { ...answer(undefined, log), fd };
    } catch (error) {
      if (error instanceof VerifierError) return answer(error.errno, error.log);
      if (error instanceof SyscallError) return answer(error.errno, '');
      throw error;
    }
  }

  verify(question: Question, loader: Loader = {}, more: Partial<VerifierEnvironment> = {}): Verdict {
    const { type = 1, license = 'GPL', flags = 0, attach = 0, level = 1, functions } = question;
    const kernelBtf = more.kernelBtf ?? vmlinux();
    const typeId = attachOf(question);
    return verify(
      {
        type,
        insns: this.bytes(question),
        gplCompatible: isGplCompatible(license),
        flags,
        expectedAttachType: attach,
        ...(functions === undefined ? {} : programBtf(functions)),
        ...(typeId === 0 || kernelBtf === undefined ? {} : { attach: { btf: kernelBtf, typeId } }),
      },
      {
        map: (ref) => (isIndex(ref) ? undefined : this.#facts.get(ref.fd)) ?? noMap(ref),
        ...loader,
        logLevel: level,
        cpus: 2,
        ...(kernelBtf === undefined ? {} : { kernelBtf }),
        symbol: (name) => symbols().get(name),
        ...more,
      },
    );
  }

  ours(question: Question, loader: Loader = {}): Answer {
    const { errno, log } = this.verify(question, loader);
    return answer(errno, log);
  }
}

function programBtf({ btf, records, lines }: NonNullable<Question['functions']>): ProgramBtf {
  return readProgramBtf(openBtf(btf), records, lines);
}

function isIndex({ pseudo }: MapReference): boolean {
  return pseudo === PSEUDO.MAP_IDX || pseudo === PSEUDO.MAP_IDX_VALUE;
}

/** What is no map is another file, or nothing. */
function noMap(ref: MapReference): Refusal {
  if (isIndex(ref)) return { errno: 'EPROTO', message: 'fd_idx without fd_array is invalid' };
  const errno = existsSync(`/proc/self/fd/${ref.fd}`) ? 'EINVAL' : 'EBADF';
  return { errno, message: `fd ${ref.fd} is not pointing to valid bpf_map` };
}

function attachOf({ type = 1, attach = 0, attachTo }: Question): number {
  return typeof attachTo === 'string' ? attachId(type, attach, attachTo) : (attachTo ?? 0);
}

function answer(errno: number | string | undefined, log: string): Answer {
  const lines = log.split('\n').filter((line) => line !== '' && !/^(verification time|stack depth)/.test(line));
  const counters = lines.at(-1)?.startsWith('processed ') === true ? (lines.pop() ?? '') : '';
  return {
    errno: errno === undefined ? undefined : typeof errno === 'string' ? errno : errnoName(errno),
    message: errno === undefined ? '' : (lines.at(-1) ?? ''),
    processed: Number(/^processed (\d+) insns/.exec(counters)?.[1] ?? 0),
    counters,
    log,
  };
}
