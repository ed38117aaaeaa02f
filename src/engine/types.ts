/** Contracts inside the engine: what event sources register and what a thread that runs programs offers them. */
import type { CurrentTask } from '../helpers/types.ts';
import type { AttachTarget } from '../host/host.ts';
import type { Region } from '../maps/types.ts';
import type { Mem, SharedMemory } from '../mem/memory.ts';
import type { PacketView } from './packet.ts';

/** A program attached to a target; plain data, so that it can be posted to a worker. */
export interface AttachedLink {
  readonly id: number;
  readonly progId: number;
  /** enum bpf_prog_type. */
  readonly progType: number;
  readonly target: AttachTarget;
  readonly cookie: bigint;
}

/** A real producer of events. With none registered every target is accepted and only fire() runs it. */
export interface EventSource {
  readonly name: string;
  /** Takes the link, or throws AttachError naming the nearest targets it can produce. */
  attach(link: AttachedLink): void;
  detach(linkId: number): void;
}

/** One run of one program. */
export interface RunContext {
  /** Memory offset and bytes of the context. */
  readonly ctx: number;
  readonly ctxSize: number;
  readonly task: CurrentTask;
  readonly cpu: number;
  readonly cookie?: bigint;
  /** bpf_get_func_ip's answer. */
  readonly funcIp?: bigint;
  /** Further memory that the program may touch. */
  readonly regions?: readonly Region[];
  readonly packet?: PacketView;
  /** Runs one after another; default 1. */
  readonly repeat?: number;
}

/** What a worker needs to run programs: posted as is (structured clone). */
export interface SharedEngine {
  readonly memory: SharedMemory;
  readonly possibleCpus: number;
}

/** A thread's way into the engine: made from SharedEngine on any thread. */
export interface ProgramRunner {
  readonly mem: Mem;
  /** Zeroed, 64-byte aligned block of engine memory; throws when exhausted. */
  alloc(size: number): number;
  free(offset: number): void;
  /**
   * Runs a program to its end while holding the CPU. A program already running on that CPU makes this a counted miss (the kernel's no-nesting rule).
   * @returns the low 32 bits of r0, or undefined when it was skipped or faulted (faults are recorded, see Engine)
   */
  run(progId: number, run: RunContext): number | undefined;
  /** Whether the program can read its context: false lets a source skip building it. */
  readsCtx(progId: number): boolean;
  /** Whether the CPU's number can matter to the program (per-CPU maps, rings, prints, its helper): false lets a source skip asking. Absent: it can. */
  readsCpu?(progId: number): boolean;
}
