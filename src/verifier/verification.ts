/**
 * One run of the verifier: the program taken apart, the path that is being followed, counters and the log. Data and the few accessors that all
 * checks share; the rules stand in the files around it.
 */

import { formatInsn } from '../asm/index.ts';
import { CAPABILITIES, isCapable } from '../base/index.ts';
import type { LineInfo } from '../btf/index.ts';
import { HELPER_BY_ID, helperCapabilities } from '../helpers/index.ts';
import type { HelperProto } from '../helpers/types.ts';
import { decodeAt, type Slot } from '../isa/index.ts';
import { PROGRAM_TYPE_BY_ID, type ProgramTypeRow } from '../programs/index.ts';
import type { ArgsRefusal, FunctionArg } from './calls/global-args.ts';
import { helperVariant } from './calls/helper-rules.ts';
import type { MapFacts, VerifierEnvironment, VerifierProgram } from './environment.ts';
import type { Fastcalls } from './fastcall.ts';
import { POINT } from './graph/points.ts';
import type { SymbolUse } from './kernel-btf/symbols.ts';
import type { AttachTarget } from './kernel-btf/target.ts';
import { isKfuncCall, type KfuncCall, namedKfunc } from './kfunc/call.ts';
import { StackLiveness } from './liveness/stack-liveness.ts';
import { Log } from './log/log.ts';
import { type Privileges, privilegesOf } from './privilege.ts';
import { denied, invalid } from './rejection.ts';
import { Speculation } from './speculation.ts';
import { isPointer, KIND, type Reg, setNotInit, setUnknownScalar } from './state/reg.ts';
import { type Entry, type Frame, type History, type LinkedReg, PathState, topFrame } from './state/state.ts';
import { LoopVisits } from './states/loops.ts';
import type { Subprogram } from './subprograms.ts';

/** prog_flags. */
export const PROG_FLAG = { STRICT_ALIGNMENT: 1, ANY_ALIGNMENT: 2, STATE_FREQ: 8, SLEEPABLE: 16 } as const;

/** Texts of instructions are made once for programs of up to so many slots. */
const MAX_TEXTS = 1 << 16;

/** A path to be followed later. */
export interface Pending {
  readonly state: PathState;
  readonly insn: number;
  readonly prevInsn: number;
  /** Length of the log to go back to. */
  readonly logLength: number;
}

/** What a map reference stands for. */
export interface MapUse {
  readonly map: MapFacts;
  /** Offset into the value, or undefined for the map itself. */
  readonly offset: number | undefined;
}

/** Facts of an instruction gathered while it is simulated. */
export interface InsnFact {
  /** Kind of pointer that a memory access uses (KIND with flags); a second, different one may not come. */
  pointer?: number;
  /** Paths came with pointers of different kinds. */
  mixed?: boolean;
  /** Ways that a conditional jump can go: 1 jumps, 2 goes on. */
  ways?: number;
  /** Key of an array lookup that is a constant and in range; -1: not on all paths. */
  key?: number;
  /** bpf_loop: the callback of the first path, and whether all had this one and no flags. */
  loop?: { readonly subprog: number; readonly inline: boolean };
}

/** What an instruction puts in its destination, by path. */
export const RESULT = { POINTER: 1, NULLABLE: 2, OTHER: 4 } as const;

export class Verification {
  /** Extensions become programs of the type that they extend once they are known to be attachable. */
  program: VerifierProgram;
  readonly environment: VerifierEnvironment;
  readonly insns: readonly Slot[];
  readonly log: Log;
  row: ProgramTypeRow;
  readonly helper: (id: number) => HelperProto | undefined;
  /** Whether programs of the type may call the helper, if their loader is as capable as this one. */
  readonly allowed: (id: number) => boolean;
  readonly privileges: Privileges;
  /** The loader may use bounded loops, calls, precise tracking (CAP_BPF). */
  readonly capable: boolean;
  /** Addresses may be seen by the program (CAP_PERFMON). */
  readonly leaks: boolean;
  /** The program as a whole may sleep; a path knows better. */
  readonly sleepable: boolean;
  /** The program may read stack that it never wrote (CAP_PERFMON). */
  readonly uninitStack: boolean;
  /** What paths of mispredicting processors come to. */
  readonly speculation: Speculation;
  /** Every access is checked for alignment. */
  readonly strict: boolean;
  /** Every instruction at a prune point is kept (tests of the kernel). */
  readonly testFreq: boolean;

  /** When it began, on performance.now()'s clock. */
  readonly started = performance.now();

  subprograms: readonly Subprogram[] = [];
  /** Where the program is attached, for types that are attached by BTF. */
  target: AttachTarget | undefined = undefined;
  /** The program replaces a function of another. */
  extension = false;
  /** References that the program owns from its start, by the offset of the argument. */
  readonly argumentRefs = new Map<number, number>();
  /** What subprograms' parameters take, as far as it was asked for. */
  readonly subprogramArgs = new Map<number, readonly FunctionArg[] | ArgsRefusal>();
  /** What ld_imm64 instructions that name kernel symbols load, by slot. */
  symbols: ReadonlyMap<number, SymbolUse> = new Map();
  points: Uint8Array = new Uint8Array();
  loops: Int32Array = new Int32Array();
  live: Uint16Array = new Uint16Array();
  mapUses: ReadonlyMap<number, MapUse> = new Map();
  readonly facts: (InsnFact | undefined)[] = [];
  /** RESULT bits by slot. Of types alone: ranges may be wider in states that were found equal to one simulated. */
  readonly results: Uint8Array;
  /** Instructions that some path came to. */
  readonly seen: Uint8Array;
  readonly liveness = new StackLiveness(this);
  readonly loopVisits = new LoopVisits(this);

  state = new PathState();
  insn = 0;
  prevInsn = -1;
  /** The history entry of the current instruction, when it has one. */
  entry: History | undefined = undefined;
  readonly pending: Pending[] = [];
  processed = 0;
  jumps = 0;
  prevProcessed = 0;
  prevJumps = 0;
  ids = 0;
  mapUids = 0;
  asyncEntries = 0;
  /** Kernel functions that the program calls. */
  readonly kfuncs = new Map<string, KfuncCall>();
  /** Subprogram that runs where a value is thrown, 0 for none of the program's own. */
  exceptionCallback = 0;
  /** Saves around calls, known before simulation. */
  fastcalls: Fastcalls | undefined = undefined;
  /** Some path throws. */
  seenException = false;
  /** A call of a kernel function that was not found is still there. */
  absentKfunc = false;
  readonly visited = new Map<number, Entry[]>();
  maxStatesPerInsn = 0;
  totalStates = 0;
  peakStates = 0;
  statesKept = 0;
  /** Memory of the kept states, about. */
  stateBytes = 0;
  /** Ends of paths kept until their loop is left. */
  backedges = 0;
  /** Registers and stack slots that changed since they were printed last. */
  scratchedRegs = 0;
  #scratchedLow = 0;
  #scratchedHigh = 0;
  /** Length of the log after the instruction's line; 0 when something else came since. */
  lineEnd = 0;
  lineWidth = 0;

  constructor(program: VerifierProgram, environment: VerifierEnvironment, insns: readonly Slot[]) {
    this.program = program;
    this.environment = environment;
    this.insns = insns;
    this.log = new Log(environment.logLevel ?? 0, environment.logSize);
    const type = PROGRAM_TYPE_BY_ID.get(program.type);
    if (type === undefined) throw invalid('');
    this.row = type;
    const row = environment.helper ?? ((id: number) => HELPER_BY_ID.get(id));
    this.helper = (id) => {
      const proto = row(id);
      return proto === undefined ? undefined : helperVariant(this, proto);
    };
    const capabilities = environment.capabilities ?? CAPABILITIES;
    this.privileges = privilegesOf(capabilities);
    this.capable = this.privileges.bpfCapable;
    this.leaks = this.privileges.allowPtrLeaks;
    this.uninitStack = this.privileges.allowUninitStack;
    this.speculation = new Speculation(insns.length);
    this.allowed = (id) => {
      const open = this.row.helpers.has(id) && environment.withoutHelpers?.has(id) !== true;
      const proto = open ? this.helper(id) : undefined;
      return proto !== undefined && helperCapabilities(proto.name).every((wanted) => isCapable(capabilities, wanted));
    };
    const flags = program.flags ?? 0;
    this.sleepable = (flags & PROG_FLAG.SLEEPABLE) !== 0;
    this.strict = (flags & PROG_FLAG.STRICT_ALIGNMENT) !== 0 && (flags & PROG_FLAG.ANY_ALIGNMENT) === 0;
    this.testFreq = this.capable && (flags & PROG_FLAG.STATE_FREQ) !== 0;
    this.seen = new Uint8Array(insns.length);
    this.results = new Uint8Array(insns.length);
  }

  get frame(): Frame {
    return topFrame(this.state);
  }

  /** Register of the innermost frame. */
  reg(n: number): Reg {
    return regOf(this.frame, n);
  }

  slot(at: number): Slot {
    const slot = this.insns[at];
    if (slot === undefined) throw invalid(`invalid insn idx ${at} insn_cnt ${this.insns.length}`);
    return slot;
  }

  isPoint(at: number, bits: number): boolean {
    return ((this.points[at] ?? 0) & bits) !== 0;
  }

  callsBack(at: number): boolean {
    return this.isPoint(at, POINT.CALLS_BACK);
  }

  newId(): number {
    return ++this.ids;
  }

  fact(at: number): InsnFact {
    const known = this.facts[at];
    if (known !== undefined) return known;
    const made: InsnFact = {};
    this.facts[at] = made;
    return made;
  }

  scratchReg(n: number): void {
    this.scratchedRegs |= 1 << n;
  }

  scratchSlot(slot: number): void {
    if (slot < 32) this.#scratchedLow |= 1 << slot;
    else this.#scratchedHigh |= 1 << (slot - 32);
  }

  scratchAll(): void {
    this.scratchedRegs = -1;
    this.#scratchedLow = -1;
    this.#scratchedHigh = -1;
  }

  isScratched(slot: number): boolean {
    return ((slot < 32 ? this.#scratchedLow : this.#scratchedHigh) & (1 << (slot & 31))) !== 0;
  }

  get anyScratched(): boolean {
    return (this.scratchedRegs | this.#scratchedLow | this.#scratchedHigh) !== 0;
  }

  /** What changed was printed. */
  forgetScratched(): void {
    this.scratchedRegs = 0;
    this.#scratchedLow = 0;
    this.#scratchedHigh = 0;
  }

  /** The register may be read. */
  checkRead(n: number): Reg {
    if (n > 10) throw invalid(`R${n} is invalid`);
    this.scratchReg(n);
    const reg = this.reg(n);
    if (reg.type === KIND.NOT_INIT) throw denied(`R${n} !read_ok`, n);
    return reg;
  }

  /** The register may be written; its contents stay. */
  checkWrite(n: number): Reg {
    if (n > 10) throw invalid(`R${n} is invalid`);
    this.scratchReg(n);
    if (n === 10) throw denied('frame pointer is read only');
    return this.reg(n);
  }

  /** The register becomes an unknown scalar. */
  markUnknown(n: number): Reg {
    const reg = this.reg(n);
    setUnknownScalar(reg, !this.capable);
    return reg;
  }

  markNotInit(reg: Reg): void {
    setNotInit(reg, !this.capable);
  }

  /** The register's pointer is of no use any more: an unknown number, or unreadable where addresses are secret. */
  forget(reg: Reg): void {
    if (this.leaks) setUnknownScalar(reg, !this.capable);
    else setNotInit(reg, !this.capable);
  }

  /** Whether the register holds an address that the program must not learn. */
  hidesPointer(n: number): boolean {
    return !this.leaks && isPointer(this.reg(n));
  }

  /** The number of states in memory changed. */
  notePeak(): void {
    this.peakStates = Math.max(this.peakStates, this.statesKept + this.backedges);
  }

  readonly #texts: string[] = [];

  /** The instruction as the log prints it. */
  insnText(at: number): string {
    const known = this.#texts[at];
    if (known !== undefined) return known;
    const made = this.#makeText(at);
    if (this.insns.length <= MAX_TEXTS) this.#texts[at] = made;
    return made;
  }

  #makeText(at: number): string {
    const insn = decodeAt(this.program.insns, at);
    const code = (this.insns[at]?.code ?? 0).toString(16).padStart(2, '0');
    const shown = insn.kind === 'invalid' ? insn.printed : insn;
    if (shown === undefined) return `(${code}) ???`;
    const text = formatInsn(shown, {
      style: 'kernel',
      helperName: (id) => {
        const name = this.helper(id)?.name;
        return name === undefined ? undefined : `bpf_${name}`;
      },
      kfuncName: () => this.#kfuncName(at),
    });
    return `(${code}) ${text}`;
  }

  /** Name of the kernel function that is called; empty for one that was not found. */
  #kfuncName(at: number): string {
    const insn = this.slot(at);
    return isKfuncCall(insn) ? (namedKfunc(this, insn)?.name ?? '') : '';
  }

  /** Adds to the current instruction's history. */
  pushHistory(flags: number, linked?: readonly LinkedReg[]): void {
    if (this.entry !== undefined) {
      this.entry.flags |= flags;
      this.entry.linked = linked;
      return;
    }
    const { state } = this;
    this.entry = { idx: this.insn, prevIdx: this.prevInsn, flags, linked, before: state.history };
    state.history = this.entry;
    state.historyCount++;
  }

  #told: LineInfo | undefined = undefined;
  #lines: (LineInfo | undefined)[] | undefined = undefined;

  /** Tells the source line of the instruction, where it is another one than that told before (verbose_linfo). */
  logSource(at: number): void {
    this.#lines ??= linesBySlot(this.program.lines ?? [], this.insns.length);
    const line = this.#lines[at];
    if (line === undefined) return;
    const told = this.#told;
    if (told !== undefined && told.fileOff === line.fileOff && told.line === line.line) return;
    this.#told = line;
    this.log.write('; ');
    this.log.message(line.source.trimStart());
    this.log.message(` @ ${line.file.slice(line.file.lastIndexOf('/') + 1)}:${line.line}\n`);
  }
}

/** The record of each slot: the last at or before it. */
function linesBySlot(lines: readonly LineInfo[], count: number): (LineInfo | undefined)[] {
  const out: (LineInfo | undefined)[] = [];
  let next = 0;
  let line: LineInfo | undefined;
  for (let at = 0; at < count; at++) {
    for (let record = lines[next]; record !== undefined && record.insn <= at; record = lines[++next]) line = record;
    out.push(line);
  }
  return out;
}

/** Register n of a frame. */
export function regOf(frame: Frame, n: number): Reg {
  const reg = frame.regs[n];
  if (reg === undefined) throw new RangeError(`register ${n}, expected 0 to 10`);
  return reg;
}
