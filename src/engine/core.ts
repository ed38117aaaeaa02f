/**
 * The engine's centre: its memory, fds, reference counts and grace periods. The commands stand on it, one file per object kind; it knows
 * no command itself.
 */
import { BpfError, type ErrnoName, MapError, SyscallError } from '../base/index.ts';
import type { OptInHelper } from '../helpers/index.ts';
import { destroyMap, MAP, swapSlot } from '../maps/index.ts';
import { CPU, cpuRecord, HEADER, idTableRemove, lockOwner, type Mem, type ThreadEnv } from '../mem/index.ts';
import type { Loader } from '../programs/index.ts';
import type { EngineObject, LinkObject, MapObject, OpenFile, PerfEventObject, ProgObject } from './objects.ts';
import { EVENT } from './perf.ts';
import type { EventSource } from './types.ts';

const FIRST_FD = 3;
const PROG_ARRAY = 3;
const PERF_EVENT_ARRAY = 4;
const PRESERVE_ELEMS = 0x800;

/** Memory that waits until no program that might still use it runs. */
interface Retired {
  /** CPUs that ran a program when it was retired, and their SEQ. */
  readonly running: readonly { readonly cpu: number; readonly seq: number }[];
  readonly free: () => void;
}

/** State that all commands share. */
export class EngineCore {
  readonly env: ThreadEnv;
  readonly mem: Mem;
  readonly cpus: number;
  /** Who makes maps and loads programs. */
  readonly loader: Loader;
  /** Helpers that programs may call although they change the traced process. */
  readonly allowed: ReadonlySet<string>;
  readonly sources: EventSource[] = [];
  readonly links = new Map<number, LinkObject>();
  readonly progs = new Map<number, ProgObject>();
  readonly maps = new Map<number, MapObject>();
  readonly events = new Set<PerfEventObject>();
  readonly #files = new Map<number, OpenFile>();
  #retired: Retired[] = [];
  #scratch = 0;
  #scratchSize = 0;
  #closed = false;

  constructor(env: ThreadEnv, cpus: number, loader: Loader = {}, allowed: readonly OptInHelper[] = []) {
    this.env = env;
    this.mem = env.mem;
    this.cpus = cpus;
    this.loader = loader;
    this.allowed = new Set(allowed);
  }

  /** Takes the next number of a header counter; the first is 1. */
  nextId(counter: number): number {
    return Atomics.add(this.mem.i32, counter >>> 2, 1) + 1;
  }

  /** BpfError once the engine is closed. */
  needOpen(): void {
    if (this.#closed) throw new BpfError('the engine is closed');
  }

  /** Opens an fd on an object, which gains a reference. */
  open(object: EngineObject, mode: { readable?: boolean; writable?: boolean } = {}): number {
    this.needOpen();
    let fd = FIRST_FD;
    while (this.#files.has(fd)) fd++;
    object.refs++;
    this.#files.set(fd, { object, readable: mode.readable ?? true, writable: mode.writable ?? true, slots: new Set() });
    if (object.kind === 'map') this.#userRef(object, 1);
    return fd;
  }

  file(fd: number): OpenFile | undefined {
    return this.#files.get(fd);
  }

  /** The fd's file and object, which must be of `kind`: else EBADF or EINVAL. */
  want<K extends EngineObject['kind']>(
    command: string,
    fd: number,
    kind: K,
  ): { readonly file: OpenFile; readonly object: Extract<EngineObject, { kind: K }> } {
    const file = this.#files.get(fd);
    if (file === undefined) throw this.error(command, 'EBADF', `fd ${fd} is not open`);
    const { object } = file;
    if (object.kind !== kind) throw this.error(command, 'EINVAL', `fd ${fd} is a ${object.kind}, expected a ${kind}`);
    return { file, object: object as Extract<EngineObject, { kind: K }> };
  }

  error(command: string, errno: ErrnoName | number, message: string, hint?: string): SyscallError {
    return command.startsWith('BPF_MAP_')
      ? new MapError(command, errno, message, { hint })
      : new SyscallError(command, errno, message, { hint });
  }

  close(fd: number): void {
    const file = this.#files.get(fd);
    if (file === undefined) throw this.error('close', 'EBADF', `fd ${fd} is not open`);
    this.#files.delete(fd);
    const { object } = file;
    if (object.kind === 'map') {
      this.#dropSlots(file, object);
      this.#userRef(object, -1);
    }
    this.put(object);
    this.reclaim();
  }

  /** A pin comes or goes; it counts as a user's reference. */
  pin(object: EngineObject, by: 1 | -1): void {
    if (by === 1) object.refs++;
    if (object.kind === 'map') this.#userRef(object, by);
    if (by === -1) this.put(object);
  }

  /** Every open fd. */
  fds(): number[] {
    return [...this.#files.keys()];
  }

  /** Offset of at least `size` bytes for this thread's next command. Not zeroed. */
  scratch(size: number): number {
    if (size > this.#scratchSize) {
      if (this.#scratch !== 0) this.env.free(this.#scratch);
      this.#scratch = 0;
      this.#scratchSize = 0;
      this.#scratch = this.env.allocOrThrow(Math.max(4096, size * 2));
      this.#scratchSize = Math.max(4096, size * 2);
    }
    this.mem.refresh();
    return this.#scratch;
  }

  /** Gives a reference back; the last one destroys the object. */
  put(object: EngineObject): void {
    object.refs--;
    if (object.refs > 0) return;
    switch (object.kind) {
      case 'map':
        this.#destroyMap(object);
        break;
      case 'prog':
        this.#destroyProg(object);
        break;
      case 'link':
        this.#destroyLink(object);
        break;
      case 'perf_event':
        this.#destroyEvent(object);
        break;
      case 'btf':
        break;
    }
  }

  /** Empties a slot of an array of references. @returns whether it held something */
  clearSlot(map: MapObject, index: number): boolean {
    const held = swapSlot(this.mem, map.offset, index, 0);
    if (held === 0) return false;
    const object = map.held.get(index);
    map.held.delete(index);
    if (object !== undefined) this.put(object);
    return true;
  }

  /** Calls `free` once no program that runs now can still use the memory. */
  retire(free: () => void): void {
    const running: { cpu: number; seq: number }[] = [];
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      if (lockOwner(this.mem, cpuRecord(this.mem, cpu) + CPU.LOCK) === undefined) continue;
      running.push({ cpu, seq: Atomics.load(this.mem.i32, (cpuRecord(this.mem, cpu) + CPU.SEQ) >>> 2) });
    }
    if (running.length === 0) free();
    else this.#retired.push({ running, free });
  }

  /** Frees what waited and may go now. */
  reclaim(): void {
    if (this.#retired.length === 0) return;
    const waiting = this.#retired;
    this.#retired = [];
    for (const retired of waiting) {
      const busy = retired.running.some(({ cpu, seq }) => this.#stillRuns(cpu, seq));
      if (busy) this.#retired.push(retired);
      else retired.free();
    }
  }

  #stillRuns(cpu: number, seq: number): boolean {
    const record = cpuRecord(this.mem, cpu);
    return lockOwner(this.mem, record + CPU.LOCK) !== undefined && Atomics.load(this.mem.i32, (record + CPU.SEQ) >>> 2) === seq;
  }

  /** Closes all fds and frees this thread's memory. */
  shutDown(): void {
    for (const fd of this.fds()) this.close(fd);
    if (this.#scratch !== 0) this.env.free(this.#scratch);
    this.#scratch = 0;
    this.#scratchSize = 0;
    this.#closed = true;
  }

  #userRef(map: MapObject, by: 1 | -1): void {
    const left = Atomics.add(this.mem.i32, (map.offset + MAP.USER_REFS) >>> 2, by) + by;
    // The last user is gone: no program may be reached through it any more, although programs still hold the map.
    if (left === 0 && this.#type(map) === PROG_ARRAY) this.#dropHeld(map);
  }

  /** Lets go of everything that is in a map of references. */
  #dropHeld(map: MapObject): void {
    for (const [at, object] of [...map.held]) {
      if (typeof at === 'number') this.clearSlot(map, at);
      else this.put(object);
    }
  }

  #dropSlots(file: OpenFile, map: MapObject): void {
    if (this.#type(map) !== PERF_EVENT_ARRAY) return;
    if ((this.mem.dv.getUint32(map.offset + MAP.FLAGS, true) & PRESERVE_ELEMS) !== 0) return;
    for (const index of file.slots) this.clearSlot(map, index);
  }

  #type(map: MapObject): number {
    return this.mem.dv.getUint32(map.offset + MAP.TYPE, true);
  }

  #destroyMap(map: MapObject): void {
    this.maps.delete(map.id);
    this.#dropHeld(map);
    if (map.btf !== undefined) this.put(map.btf);
    this.retire(() => destroyMap(this.env, map.offset));
  }

  #destroyProg(prog: ProgObject): void {
    this.progs.delete(prog.id);
    idTableRemove(this.mem, this.mem.dv.getUint32(HEADER.PROG_TABLE, true), prog.id);
    Atomics.add(this.mem.i32, HEADER.PROG_GENERATION >>> 2, 1);
    this.retire(() => {
      this.env.free(prog.record);
      this.env.free(prog.image);
      for (const map of prog.maps) this.put(map);
    });
  }

  #destroyLink(link: LinkObject): void {
    this.links.delete(link.id);
    for (const source of this.sources) source.detach(link.id);
    if (link.event !== undefined) this.put(link.event);
    this.put(link.prog);
  }

  #destroyEvent(event: PerfEventObject): void {
    this.events.delete(event);
    this.retire(() => {
      const ring = this.mem.dv.getUint32(event.offset + EVENT.RING, true);
      if (ring !== 0) this.env.free(ring);
      this.env.free(event.offset);
    });
  }
}
