/**
 * The host that only verifies: what the loader makes here are facts, and loading a program gives the verifier's verdict. Nothing runs, so
 * that every program type, map type, helper and kernel function of the kernel is known here, whether or not an engine has it.
 */
import { MapError, NotSupportedError, SyscallError, VerifierError } from '../base/index.ts';
import { Btf, checkBtfLoad } from '../btf/index.ts';
import {
  type Fd,
  type Host,
  type LinkInfo,
  type MapBatch,
  type MapBatchDone,
  type MapInfo,
  type MapView,
  type ProgInfo,
  type ProgLoadAttr,
  type ProgLoadResult,
  type ProgramBtf,
  type RingbufView,
  type RingView,
  readProgramBtf,
  relocated,
  type TestRunResult,
  type TraceSource,
} from '../host/index.ts';
import type { MapCreateAttr } from '../maps/index.ts';
import { attachTypeOf, checkProgLoad, isGplCompatible, type Loader } from '../programs/index.ts';
import { type AttachProgram, type MapFacts, type Refusal, type Verdict, verify } from '../verifier/index.ts';
import { type CheckedMap, createMap } from './maps.ts';

/** The world that programs are verified for. */
export interface VerifierHostOptions {
  /** The kernel's types, asked for once, when something needs them. Absent: a kernel without BTF. */
  readonly kernelBtf?: () => Btf | undefined;
  /** Address of a symbol of the kernel, for typeless `__ksym` externs; undefined where there is none. */
  readonly symbol?: (name: string) => bigint | undefined;
  /** Possible CPUs, default 1. */
  readonly cpus?: number;
  /** Ids of helpers that the kernel lacks. */
  readonly withoutHelpers?: ReadonlySet<number>;
  /** enum bpf_prog_type of types that the kernel was built without. */
  readonly withoutTypes?: ReadonlySet<number>;
  /** Who loads. Default: a loader with all capabilities. */
  readonly loader?: Loader;
}

interface CheckedBtf {
  readonly kind: 'btf';
  readonly btf: Btf;
}

interface CheckedProgram {
  readonly kind: 'prog';
  readonly attr: ProgLoadAttr;
  readonly btf: Partial<ProgramBtf>;
}

type CheckedObject = CheckedMap | CheckedBtf | CheckedProgram;

const FIRST_FD = 3;
/** What a map's fd means where there is none. */
const notAMap = (fd: Fd): string => `fd ${fd} is not pointing to valid bpf_map`;
const PSEUDO_FDS = [1, 2];

/** Verifies programs for a kernel; everything else of Host that would need a running one is refused. */
export class VerifierHost implements Host {
  readonly name = 'verifier';
  readonly possibleCpus: number;
  readonly #options: VerifierHostOptions;
  readonly #objects = new Map<Fd, CheckedObject>();
  #nextFd = FIRST_FD;
  #kernelBtf: { readonly btf: Btf | undefined } | undefined;
  /** The last program's verdict, accepted or not; undefined before one came to the verifier. */
  verdict: Verdict | undefined;

  constructor(options: VerifierHostOptions = {}) {
    this.#options = options;
    this.possibleCpus = options.cpus ?? 1;
  }

  kernelBtf(): Btf | undefined {
    this.#kernelBtf ??= { btf: this.#options.kernelBtf?.() };
    return this.#kernelBtf.btf;
  }

  kernelSymbol(name: string): bigint | undefined {
    return this.#options.symbol?.(name);
  }

  mapCreate(attr: MapCreateAttr): Fd {
    const typed = (attr.btfKeyTypeId ?? 0) !== 0 || (attr.btfValueTypeId ?? 0) !== 0;
    const btf = typed ? this.#want('BPF_MAP_CREATE', attr.btfFd ?? -1, 'btf').btf : undefined;
    const inner = attr.innerMapFd === undefined ? undefined : this.#want('BPF_MAP_CREATE', attr.innerMapFd, 'map');
    return this.#open(
      createMap(attr, { cpus: this.possibleCpus, loader: this.#options.loader, btf, inner, kernelBtf: () => this.kernelBtf() }),
    );
  }

  /** Only arrays with one element have contents. */
  mapLookupElem(fd: Fd): Uint8Array | undefined {
    return this.#want('BPF_MAP_LOOKUP_ELEM', fd, 'map').value?.slice();
  }

  /** Only arrays with one element keep what they are given: programs may see it as constants. */
  mapUpdateElem(fd: Fd, _key: Uint8Array | undefined, value: Uint8Array): void {
    const map = this.#want('BPF_MAP_UPDATE_ELEM', fd, 'map');
    if (map.facts.frozen) throw new MapError('BPF_MAP_UPDATE_ELEM', 'EPERM', 'the map is frozen');
    if (map.value !== undefined) map.value = value.slice();
  }

  mapDeleteElem(): boolean {
    return false;
  }

  mapGetNextKey(): Uint8Array | undefined {
    return undefined;
  }

  mapLookupAndDeleteElem(): Uint8Array | undefined {
    return undefined;
  }

  mapLookupBatch(): MapBatch {
    throw runsNothing('a batch of elements');
  }

  mapLookupAndDeleteBatch(): MapBatch {
    throw runsNothing('a batch of elements');
  }

  mapUpdateBatch(): MapBatchDone {
    throw runsNothing('a batch of elements');
  }

  mapDeleteBatch(): MapBatchDone {
    throw runsNothing('a batch of elements');
  }

  mapMmap(): MapView {
    throw runsNothing('a mapping');
  }

  ringbufMmap(): RingbufView {
    throw runsNothing('a mapping');
  }

  mapGetNextId(): number | undefined {
    return undefined;
  }

  mapGetFdById(id: number): Fd {
    throw new SyscallError('BPF_MAP_GET_FD_BY_ID', 'ENOENT', `there is no map ${id}`);
  }

  mapFreeze(fd: Fd): void {
    this.#want('BPF_MAP_FREEZE', fd, 'map').facts.frozen = true;
  }

  mapInfo(fd: Fd): MapInfo {
    const { facts } = this.#want('BPF_OBJ_GET_INFO_BY_FD', fd, 'map');
    const { type, keySize, valueSize, maxEntries, flags, name } = facts;
    return { type, id: fd, keySize, valueSize, maxEntries, flags, name };
  }

  btfLoad(bytes: Uint8Array): Fd {
    const refusal = checkBtfLoad(bytes, this.kernelBtf());
    if (refusal !== undefined) throw new SyscallError('BPF_BTF_LOAD', refusal.errno, refusal.message);
    return this.#open({ kind: 'btf', btf: Btf.open(bytes) });
  }

  /** Verifies. @throws VerifierError with the verifier's log; SyscallError for what does not come to the verifier */
  progLoad(attr: ProgLoadAttr): ProgLoadResult {
    this.verdict = undefined;
    const early = checkProgLoad(attr, this.#options.loader);
    if (early !== undefined) throw new SyscallError('BPF_PROG_LOAD', early.errno, early.message);
    if (this.#options.withoutTypes?.has(attr.type)) {
      throw new SyscallError('BPF_PROG_LOAD', 'EINVAL', `this kernel was built without programs of type ${attr.type}`);
    }
    const records = this.#programBtf(attr);
    const { insns, ...btf } = relocated(attr, records, () => this.kernelBtf());
    const kernelBtf = (): Btf | undefined => this.kernelBtf();
    const attachBtfId = attr.attachBtfId ?? 0;
    const target = this.#attachProgram(attr);
    const attachBtf = target === undefined ? (attachBtfId === 0 ? undefined : this.kernelBtf()) : target.btf;
    const verdict = verify(
      {
        type: attr.type,
        insns,
        gplCompatible: isGplCompatible(attr.license),
        expectedAttachType: attachTypeOf(attr),
        flags: attr.flags ?? 0,
        ...btf,
        ...(target === undefined ? {} : { attachProgram: target }),
        ...(attachBtf === undefined || attachBtfId === 0 ? {} : { attach: { btf: attachBtf, typeId: attachBtfId } }),
      },
      {
        map: ({ pseudo, fd }) => this.#map(pseudo, fd),
        logLevel: attr.logLevel ?? 0,
        cpus: this.possibleCpus,
        withoutHelpers: this.#options.withoutHelpers,
        ...this.#options.loader,
        ...(this.#options.symbol === undefined ? {} : { symbol: this.#options.symbol }),
        get kernelBtf() {
          return kernelBtf();
        },
      },
    );
    this.verdict = verdict;
    if (verdict.verdict === 'rejected') {
      const at = verdict.insn === undefined || verdict.insn < 0 ? '' : `insn ${verdict.insn}: `;
      const message = `${at}${verdict.message || 'the program is refused'}`;
      throw new VerifierError(verdict.errno ?? 'EINVAL', message, verdict.log, verdict.diagnostics);
    }
    return { fd: this.#open({ kind: 'prog', attr, btf }), log: (attr.logLevel ?? 0) === 0 ? '' : verdict.log };
  }

  progInfo(fd: Fd): ProgInfo {
    const { attr } = this.#want('BPF_OBJ_GET_INFO_BY_FD', fd, 'prog');
    return {
      type: attr.type,
      id: fd,
      tag: '',
      name: attr.name ?? '',
      mapIds: [],
      gplCompatible: isGplCompatible(attr.license),
      insnCount: attr.insns.length / 8,
      runCount: 0,
      runTime: 0n,
    };
  }

  progTestRun(): TestRunResult {
    throw runsNothing('a test run');
  }

  linkCreate(): Fd {
    throw runsNothing('attaching');
  }

  linkInfo(): LinkInfo {
    throw runsNothing('a link');
  }

  perfEventOpen(): Fd {
    throw runsNothing('a perf event');
  }

  perfEventEnable(): void {
    throw runsNothing('a perf event');
  }

  perfEventMmap(): RingView {
    throw runsNothing('a perf event');
  }

  tracePipe(): TraceSource {
    throw runsNothing('the trace pipe');
  }

  /** Pins are ignored: nothing outlives the host. */
  objPin(): void {}

  objGet(path: string): Fd {
    throw new SyscallError('BPF_OBJ_GET', 'ENOENT', `nothing is pinned at ${path}`);
  }

  close(fd: Fd): void {
    if (!this.#objects.delete(fd)) throw new SyscallError('close', 'EBADF', `fd ${fd} is not open`);
  }

  #open(object: CheckedObject): Fd {
    const fd = this.#nextFd++;
    this.#objects.set(fd, object);
    return fd;
  }

  #want<K extends CheckedObject['kind']>(command: string, fd: Fd, kind: K): Extract<CheckedObject, { kind: K }> {
    const object = this.#objects.get(fd);
    if (object === undefined) throw new SyscallError(command, 'EBADF', `fd ${fd} is not open`);
    if (object.kind !== kind) throw new SyscallError(command, 'EINVAL', `fd ${fd} is a ${object.kind}, expected a ${kind}`);
    return object as Extract<CheckedObject, { kind: K }>;
  }

  #map(pseudo: number, fd: Fd): MapFacts | Refusal {
    if (!PSEUDO_FDS.includes(pseudo)) return { errno: 'EPROTO', message: 'fd_idx without fd_array is invalid' };
    const object = this.#objects.get(fd);
    if (object?.kind === 'map') return object.facts;
    return { errno: object === undefined ? 'EBADF' : 'EINVAL', message: notAMap(fd) };
  }

  #programBtf(attr: ProgLoadAttr): Partial<ProgramBtf> {
    if (attr.btfFd === undefined || (attr.funcInfo?.length ?? 0) + (attr.lineInfo?.length ?? 0) === 0) return {};
    const { btf } = this.#want('BPF_PROG_LOAD', attr.btfFd, 'btf');
    return attr.funcInfo === undefined || attr.funcInfo.length === 0 ? {} : readProgramBtf(btf, attr.funcInfo, attr.lineInfo, attr);
  }

  #attachProgram(attr: ProgLoadAttr): AttachProgram | undefined {
    if ((attr.attachProgFd ?? 0) === 0) return undefined;
    const program = this.#want('BPF_PROG_LOAD', attr.attachProgFd ?? -1, 'prog');
    const { btf, functions } = program.btf;
    return {
      type: program.attr.type,
      expectedAttachType: attachTypeOf(program.attr),
      sleepable: ((program.attr.flags ?? 0) & 0x10) !== 0,
      ...(btf === undefined ? {} : { btf }),
      ...(functions === undefined ? {} : { functions }),
    };
  }
}

function runsNothing(what: string): NotSupportedError {
  return new NotSupportedError(`${what} needs a host that runs programs: this one only verifies`);
}
