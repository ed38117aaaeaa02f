/** What the engine's file descriptors stand for, with reference counts: maps, programs, links, BTF, perf events. Commands on them are elsewhere. */
import type { SpecialField } from '../btf/index.ts';
import type { AttachTarget } from '../host/host.ts';
import type { MapKernel } from '../maps/index.ts';

/** The first program of a prog array decides what else fits (kernel/bpf/core.c __bpf_prog_map_compatible, v6.18). */
export interface ProgArrayOwner {
  readonly type: number;
  readonly expectedAttachType: number;
  readonly xdpFrags: boolean;
}

interface Counted {
  /** Fds, pins and other objects that hold this one. */
  refs: number;
}

/** What the inner maps of a map of maps have in common. */
export interface InnerTemplate {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly special: readonly SpecialField[];
  readonly hasBtf: boolean;
}

/** A map; its bytes are in the shared memory. */
export interface MapObject extends Counted {
  readonly kind: 'map';
  readonly id: number;
  /** Offset of the descriptor. */
  readonly offset: number;
  readonly kernel: MapKernel;
  readonly btf: BtfObject | undefined;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  /** Locks, timers and pointers in the value. */
  readonly special: readonly SpecialField[];
  /** Prog arrays. */
  owner: ProgArrayOwner | undefined;
  /** Maps of maps: what their inner maps are like. */
  readonly inner: InnerTemplate | undefined;
  /** How often it is mapped for writing. */
  writableViews: number;
  /** What is in a map of references, by index, or by key. */
  readonly held: Map<number | string, ProgObject | PerfEventObject | MapObject>;
}

/** A loaded program; its image and counters are in the shared memory. */
export interface ProgObject extends Counted {
  readonly kind: 'prog';
  readonly id: number;
  readonly type: number;
  readonly name: string;
  readonly tag: string;
  readonly gpl: boolean;
  readonly sleepable: boolean;
  readonly expectedAttachType: number;
  readonly xdpFrags: boolean;
  readonly insnCount: number;
  readonly maps: readonly MapObject[];
  /** Offsets of its record and of its image. */
  readonly record: number;
  readonly image: number;
  /** One past the last context byte that it reads directly. */
  readonly ctxEnd: number;
}

/** A program attached to a target. */
export interface LinkObject extends Counted {
  readonly kind: 'link';
  readonly id: number;
  readonly prog: ProgObject;
  readonly target: AttachTarget;
  readonly cookie: bigint;
  /** Held while attached to a perf event. */
  readonly event: PerfEventObject | undefined;
}

/** Loaded type information. */
export interface BtfObject extends Counted {
  readonly kind: 'btf';
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** A perf event; its state is in the shared memory. */
export interface PerfEventObject extends Counted {
  readonly kind: 'perf_event';
  readonly id: bigint;
  /** Offset of the descriptor. */
  readonly offset: number;
  readonly inherit: boolean;
}

/** Anything that an fd stands for. */
export type EngineObject = MapObject | ProgObject | LinkObject | BtfObject | PerfEventObject;

/** An open file: several fds of one object may have different modes. */
export interface OpenFile {
  readonly object: EngineObject;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Perf event arrays: slots filled through this file, emptied when it closes. */
  readonly slots: Set<number>;
}
