/** The subprograms of a program: where they stand, what BTF says of them, and what simulation learns of them. */
import type { Btf, BtfFunc, BtfFuncProto } from '../btf/index.ts';
import type { Slot } from '../isa/index.ts';
import type { VerifierProgram } from './environment.ts';
import type { Verification } from './verification.ts';

/** A subprogram; slots [start, end). */
export interface Subprogram {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** Empty without BTF. */
  readonly name: string;
  readonly func: BtfFunc | undefined;
  readonly proto: BtfFuncProto | undefined;
  /** Bytes of stack used, found while simulating. */
  stackDepth: number;
  hasTailCall: boolean;
  tailCallReachable: boolean;
  isCallback: boolean;
  isAsyncCallback: boolean;
  /** Global: some path calls it. */
  called: boolean;
  verified: boolean;
  /** It, or something it calls, may change packet pointers; it may sleep. */
  changesPacket: boolean;
  mightSleep: boolean;
  /** Some call's arguments do not fit its prototype. */
  unreliable: boolean;
}

/** Subprograms by their starts. */
export function makeSubprograms(starts: readonly number[], insns: readonly Slot[], program: VerifierProgram): Subprogram[] {
  return starts.map((start, index) => {
    const info = program.functions?.find((f) => f.insn === start);
    const func = info === undefined || program.btf === undefined ? undefined : funcOf(program.btf, info.typeId);
    const proto = func === undefined || program.btf === undefined ? undefined : protoOf(program.btf, func);
    return {
      index,
      start,
      end: starts[index + 1] ?? insns.length,
      name: func?.name ?? '',
      func,
      proto,
      stackDepth: 0,
      hasTailCall: false,
      tailCallReachable: false,
      isCallback: false,
      isAsyncCallback: false,
      called: false,
      verified: false,
      changesPacket: false,
      mightSleep: false,
      unreliable: false,
    };
  });
}

function funcOf(btf: Btf, id: number): BtfFunc | undefined {
  const type = btf.type(id);
  return type.kind === 'func' ? type : undefined;
}

function protoOf(btf: Btf, func: BtfFunc): BtfFuncProto | undefined {
  const type = btf.type(func.type);
  return type.kind === 'func_proto' ? type : undefined;
}

/** Index of the subprogram that starts at slot `at`. */
export function subprogramAt(v: Verification, at: number): number {
  return v.subprograms.findIndex((s) => s.start === at);
}

/** Whether a subprogram is checked on its own, by its prototype, instead of at each call. */
export function isGlobal(v: Verification, index: number): boolean {
  return index > 0 && v.subprograms[index]?.func?.linkage === 'global';
}
