/** verify(): takes a program apart, simulates it and says whether it may run, in the kernel's order and words (bpf_check, v6.18). */
import { type Diagnostic, type ErrnoName, FormatError } from '../base/index.ts';
import type { HelperProto } from '../helpers/types.ts';
import { PSEUDO, SLOT_SIZE, type Slot, slotAt } from '../isa/index.ts';
import { loaderRefusal, PROGRAM_TYPE_BY_ID } from '../programs/index.ts';
import { setGlobalArgs, subprogramArgs } from './calls/global.ts';
import { helperAllowed, helperFits } from './calls/helper-rules.ts';
import { changesPackets } from './calls/packets.ts';
import { diagnose } from './diagnose/index.ts';
import { isRefusal, type MapFacts, type VerifierEnvironment, type VerifierProgram } from './environment.ts';
import { explore } from './explore/check.ts';
import { type ProgramFacts, programFacts } from './facts.ts';
import { Fastcalls } from './fastcall.ts';
import { finalDepths } from './final-depths.ts';
import { checkFunctionRecords, checkFunctions, checkLines } from './func-info.ts';
import { liveRegisters } from './graph/live-registers.ts';
import { findPoints } from './graph/points.ts';
import { findLoops, postorder } from './graph/postorder.ts';
import { isHelperCall } from './graph/successors.ts';
import type { InsnFacts } from './insn-rules.ts';
import { attachTarget } from './kernel-btf/attach.ts';
import { resolveSymbol, type SymbolUse } from './kernel-btf/symbols.ts';
import { addKfunc, hasFlag, isKfuncCall, kfuncOf } from './kfunc/call.ts';
import { exceptionCallbackStart } from './kfunc/exception.ts';
import { changesPacketsKfunc } from './kfunc/kfunc.ts';
import { kfuncPoints } from './kfunc/points.ts';
import {
  checkBorders,
  checkGraph,
  checkPairs,
  checkReturns,
  findSubprograms,
  isFuncRef,
  isLocalCall,
  type MapReference,
} from './layout.ts';
import { checkMapFits } from './map-fit.ts';
import { acquire } from './objects/held.ts';
import { type Refusal, refuse } from './refusal.ts';
import { invalid, Rejection } from './rejection.ts';
import { checkRemoved } from './removed.ts';
import { checkStackDepth } from './stack-depth.ts';
import { KIND, setPointer } from './state/reg.ts';
import { Frame, PathState } from './state/state.ts';
import { isGlobal, makeSubprograms, type Subprogram, subprogramAt } from './subprograms.ts';
import { type MapUse, regOf, Verification } from './verification.ts';

/** BPF_COMPLEXITY_LIMIT_INSNS, as the log's last line names it. */
const MAX_INSNS = 1_000_000;
/** MAX_USED_MAPS. */
const MAX_MAPS = 64;
const TAIL_CALL = 12;
const ARRAY = 2;
const ARENA = 33;
const PAGE = 4096;
/** BPF_MAX_VAR_OFF. */
const MAX_VALUE_OFFSET = 2 ** 29;
/** Types that may use ld_abs and ld_ind: may_access_skb. */
const PACKET_LOAD_TYPES: readonly number[] = [1, 3, 4];
const EXT = 28;

/** Counters of a verification, as the log's last line has them. */
export interface VerifyStats {
  /** Instructions simulated. */
  readonly processed: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  /** Bytes of stack by subprogram. */
  readonly stackDepths: readonly number[];
}

/** The verdict on a program. */
export interface Verdict {
  readonly verdict: 'accepted' | 'rejected';
  /** Undefined where accepted. */
  readonly errno: ErrnoName | undefined;
  /** The kernel's log; its last message even at level 0. */
  readonly log: string;
  /** Bytes that the whole log would have needed, a NUL included (log_true_size); 0 at level 0. */
  readonly logTrueSize: number;
  /** It did not fit environment.logSize: the kernel answers ENOSPC whatever the verdict. */
  readonly logOverflowed: boolean;
  /** Why it was rejected, in the kernel's words; empty where accepted. */
  readonly message: string;
  /** Slot at which it was rejected, where there is one. */
  readonly insn: number | undefined;
  /** The rejection as data: one finding, or none. */
  readonly diagnostics: readonly Diagnostic[];
  readonly stats: VerifyStats;
  /** Kinds of registers by slot, for what compiles the program: see facts.ts. */
  readonly facts: ProgramFacts;
}

/** Verifies a program. Never throws; time and memory are bounded by the kernel's limits. */
export function verify(program: VerifierProgram, environment: VerifierEnvironment): Verdict {
  const count = program.insns.length / SLOT_SIZE;
  const none = { processed: 0, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, stackDepths: [] };
  const early = (refusal: Refusal): Verdict => ({
    verdict: 'rejected',
    errno: refusal.errno,
    log: '',
    logTrueSize: 0,
    logOverflowed: false,
    message: '',
    insn: refusal.insn,
    diagnostics: [{ code: 'load', severity: 'error', message: refusal.message || 'the program is refused', location: {}, notes: [] }],
    stats: none,
    facts: { kinds: [], results: [], branches: [], keys: [] },
  });
  const barred = loaderRefusal(program.type, count, environment);
  if (barred !== undefined) return early(barred);
  if (!Number.isInteger(count) || PROGRAM_TYPE_BY_ID.get(program.type) === undefined) return early(refuse('EINVAL', ''));
  const insns: Slot[] = [];
  for (let i = 0; i < count; i++) {
    const slot = slotAt(program.insns, i);
    if (slot !== undefined) insns.push(slot);
  }
  const v = new Verification(program, environment, insns);
  let end: Rejection | undefined;
  let at: number | undefined;
  try {
    const refusal = prepare(v);
    if (refusal === undefined) {
      at = -1;
      simulate(v);
      at = undefined;
      v.fastcalls?.remove();
      checkStackDepth(v);
      if (v.absentKfunc) throw invalid('invalid kernel function call not eliminated in verifier pass');
      checkRemoved(v);
    } else {
      at = refusal.insn;
      end = new Rejection(refusal.errno, refusal.message);
    }
  } catch (refusal) {
    if (!(refusal instanceof Rejection || refusal instanceof FormatError)) throw refusal;
    if (at === -1) at = v.insn;
    // Types are read lazily: what is wrong with them comes out where they are used.
    end = refusal instanceof Rejection ? refusal : new Rejection('EINVAL', refusal.message);
  }
  return conclude(v, end, at);
}

function conclude(v: Verification, end: Rejection | undefined, insn: number | undefined): Verdict {
  const { log } = v;
  v.environment.trail?.finish(v);
  if (end !== undefined) log.write(end.text);
  const stackDepths = end === undefined ? finalDepths(v) : v.subprograms.map((s) => s.stackDepth);
  if ((log.level & 4) !== 0) {
    log.write(`verification time ${Math.round((performance.now() - v.started) * 1000)} usec\n`);
    log.write(`stack depth ${stackDepths.join('+')}\n`);
  }
  log.write(
    `processed ${v.processed} insns (limit ${MAX_INSNS}) max_states_per_insn ${v.maxStatesPerInsn} total_states ${v.totalStates} ` +
      `peak_states ${v.peakStates} mark_read 0\n`,
  );
  return {
    verdict: end === undefined ? 'accepted' : 'rejected',
    errno: end?.errno,
    log: log.text(),
    logTrueSize: log.trueSize,
    logOverflowed: log.overflowed,
    message: end?.message ?? '',
    insn,
    diagnostics: end === undefined ? [] : [diagnose(v, end, insn)],
    facts: programFacts(v),
    stats: {
      processed: v.processed,
      maxStatesPerInsn: v.maxStatesPerInsn,
      totalStates: v.totalStates,
      peakStates: v.peakStates,
      stackDepths,
    },
  };
}

/** Everything before simulation. */
function prepare(v: Verification): Refusal | undefined {
  const { insns, program } = v;
  const records = checkFunctionRecords(program);
  if (records !== undefined) return records;
  const found = new Set<number>();
  const starts = findSubprograms(insns, {
    starts: found,
    capable: v.capable,
    kfunc: (insn) => addKfunc(v, insn),
    more: () => exceptionCallbackStart(program),
  });
  if (!Array.isArray(starts)) {
    v.subprograms = makeSubprograms(
      [...found].sort((a, b) => a - b),
      insns,
      program,
    );
    return starts;
  }
  const subprograms = makeSubprograms(starts, insns, program);
  v.subprograms = subprograms;
  const catcher = exceptionCallbackStart(program);
  if (typeof catcher === 'number') setExceptionCallback(v, catcher);
  for (const subprog of subprograms) noteCalls(v, subprog);
  if (v.log.all) for (const s of subprograms) v.log.write(`func#${s.index} @${s.start}\n`);
  const described = program.functions === undefined ? checkReturns(insns, starts) : checkFunctions(v);
  const uses = new Map<number, MapUse>();
  const known = new Set<MapFacts>();
  const symbols = new Map<number, SymbolUse>();
  const shape =
    checkBorders(insns, starts) ??
    described ??
    checkLines(v) ??
    program.faults?.core ??
    checkPairs(insns, (ref) => resolveReference(v, ref, { uses, known, symbols }));
  if (shape !== undefined) return shape;
  v.mapUses = uses;
  v.symbols = symbols;
  const root = v.subprograms[v.exceptionCallback]?.start ?? 0;
  const points = findPoints(insns, { loops: v.capable, kfuncs: kfuncPoints(v), alsoFrom: root });
  if (!(points instanceof Uint8Array)) return points;
  const graph = checkGraph(insns, root);
  if (graph !== undefined) return graph;
  v.points = points;
  spreadEffects(v, subprograms);
  const target = attachTarget(v);
  if (target !== undefined && 'errno' in target) return target;
  v.target = target;
  becomeExtended(v);
  const seen = new Uint8Array(insns.length);
  const order = subprograms.flatMap((s) => postorder(insns, s.start, seen));
  v.loops = findLoops(insns);
  v.fastcalls = new Fastcalls(v);
  v.live = liveRegisters(insns, order, (insn) => parameterCount(v, insn));
  if (v.log.all) logLive(v);
  return undefined;
}

/** The exception callback counts as called. */
function setExceptionCallback(v: Verification, start: number): void {
  v.exceptionCallback = subprogramAt(v, start);
  const subprog = v.subprograms[v.exceptionCallback];
  if (subprog === undefined) return;
  subprog.isCallback = true;
  subprog.isAsyncCallback = true;
  subprog.called = true;
}

/** Parameters of the helper or kernel function that is called, where it is known. */
function parameterCount(v: Verification, insn: Slot): number | undefined {
  if (isKfuncCall(insn)) return kfuncOf(v, insn)?.proto.params.length;
  const proto = isHelperCall(insn) ? v.helper(insn.imm) : undefined;
  return proto !== undefined && helperFits(v, proto) ? proto.args.length : undefined;
}

function noteCalls(v: Verification, subprog: Subprogram): void {
  for (let i = subprog.start; i < subprog.end; i++) {
    const insn = v.insns[i];
    if (insn === undefined) continue;
    const kfunc = kfuncOf(v, insn);
    if (kfunc !== undefined) {
      if (hasFlag(kfunc, 'sleepable')) subprog.mightSleep = true;
      if (changesPacketsKfunc(kfunc)) subprog.changesPacket = true;
    }
    if (!isHelperCall(insn)) continue;
    if (insn.imm === TAIL_CALL) subprog.hasTailCall = true;
    if (changesPackets(insn.imm)) subprog.changesPacket = true;
    if (v.row.helpers.has(insn.imm) && v.helper(insn.imm)?.sleepable === true) subprog.mightSleep = true;
  }
}

/** What a subprogram does is done by its callers. */
function spreadEffects(v: Verification, subprograms: readonly Subprogram[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const subprog of subprograms) {
      for (let i = subprog.start; i < subprog.end; i++) {
        const insn = v.insns[i];
        if (insn === undefined || (!isLocalCall(insn) && !isFuncRef(insn))) continue;
        const callee = subprograms[subprogramAt(v, i + insn.imm + 1)];
        if (callee?.changesPacket === true && !subprog.changesPacket) subprog.changesPacket = changed = true;
        if (callee?.mightSleep === true && !subprog.mightSleep) subprog.mightSleep = changed = true;
      }
    }
  }
}

/** An extension is verified as a program of the type that it extends (check_attach_btf_id). */
function becomeExtended(v: Verification): void {
  const { attachProgram } = v.program;
  const row = attachProgram === undefined ? undefined : PROGRAM_TYPE_BY_ID.get(attachProgram.type);
  if (v.program.type !== EXT || attachProgram === undefined || row === undefined) return;
  v.program = { ...v.program, type: row.id, expectedAttachType: attachProgram.expectedAttachType ?? 0 };
  v.row = row;
  v.extension = true;
}

/** A reference of an ld_imm64: to a map or a kernel symbol. */
function resolveReference(
  v: Verification,
  ref: MapReference,
  { uses, known, symbols }: { uses: Map<number, MapUse>; known: Set<MapFacts>; symbols: Map<number, SymbolUse> },
): Refusal | undefined {
  if (ref.pseudo !== PSEUDO.BTF_ID) return resolveMap(v, ref, uses, known);
  const symbol = resolveSymbol(v, ref.fd, ref.offset, ref.insn);
  if ('errno' in symbol) return symbol;
  symbols.set(ref.insn, symbol);
  return undefined;
}

function resolveMap(v: Verification, ref: MapReference, uses: Map<number, MapUse>, known: Set<MapFacts>): Refusal | undefined {
  const map = v.environment.map(ref);
  if (isRefusal(map)) return map;
  const value = ref.pseudo === PSEUDO.MAP_VALUE || ref.pseudo === PSEUDO.MAP_IDX_VALUE;
  if (!known.has(map) && known.size >= MAX_MAPS) {
    return refuse('E2BIG', `The total number of maps per program has reached the limit of ${MAX_MAPS}`, ref.insn);
  }
  known.add(map);
  uses.set(ref.insn, { map, offset: value ? ref.offset : undefined });
  const sleepable = v.sleepable;
  return checkMapFits(v.program, map, { used: known, sleepable, capable: v.capable }) ?? (value ? checkMapValue(map, ref) : undefined);
}

/** A reference to a place in a map's memory (map_direct_value_addr): of arrays with one element, and of arenas. */
function checkMapValue(map: MapFacts, { offset, insn }: MapReference): Refusal | undefined {
  if (offset >= MAX_VALUE_OFFSET) return refuse('EINVAL', `direct value offset of ${offset} is not allowed`, insn);
  const message = `invalid access to map value pointer, value_size=${map.valueSize} off=${offset}`;
  if (map.type === ARENA) return offset > map.maxEntries * PAGE ? refuse('ERANGE', message, insn) : undefined;
  if (map.type !== ARRAY) return refuse('EINVAL', 'no direct value access support for this map type', insn);
  if (map.maxEntries !== 1) return refuse('ENOTSUPP', message, insn);
  return offset >= map.valueSize ? refuse('EINVAL', message, insn) : undefined;
}

function logLive(v: Verification): void {
  v.log.write('Live regs before insn:\n');
  for (let i = 0; i < v.insns.length; i++) {
    const loop = v.loops[i] ?? 0;
    let regs = '';
    for (let n = 0; n < 10; n++) regs += ((v.live[i] ?? 0) & (1 << n)) !== 0 ? n : '.';
    v.log.write(`${loop === 0 ? '    ' : `${String(loop).padStart(3)} `}${String(i).padStart(3)}: ${regs} ${v.insnText(i)}\n`);
    if (v.insns[i]?.code === 0x18) i++;
  }
}

/** Simulates the program, then every global function that it may call. */
function simulate(v: Verification): void {
  const asks = (id: number, rule: (of: Verification, proto: HelperProto) => boolean): boolean => {
    const proto = v.helper(id);
    return proto === undefined || rule(v, proto);
  };
  const facts: InsnFacts = {
    helper: (id) => v.helper(id),
    allowed: (id) => asks(id, helperFits),
    fits: (id) => asks(id, helperAllowed),
    gplCompatible: v.program.gplCompatible,
    packetLoads: PACKET_LOAD_TYPES.includes(v.program.type),
    arena: [...v.mapUses.values()].some(({ map }) => map.type === ARENA),
  };
  run(v, 0, facts);
  if (v.program.functions === undefined) return;
  for (let more = true; more; ) {
    more = false;
    for (const subprog of v.subprograms) {
      if (!isGlobal(v, subprog.index) || !subprog.called || subprog.verified) continue;
      run(v, subprog.index, facts);
      if (v.log.on) v.log.write(`Func#${subprog.index} ('${subprog.name}') is safe for any args that match its prototype\n`);
      subprog.verified = true;
      more = true;
    }
  }
}

/** The main function's prototype is not relied on; what is odd about it is told. */
function describeMain(v: Verification, subprog: Subprogram): void {
  if (v.program.functions === undefined) return;
  const args = subprogramArgs(v, subprog);
  if ('errno' in args && args.message !== '') v.log.write(`${args.message}\n`);
}

function run(v: Verification, index: number, facts: InsnFacts): void {
  const subprog = v.subprograms[index];
  if (subprog === undefined) return;
  const state = new PathState();
  state.branches = 1;
  state.sleepable = v.sleepable;
  state.frames = [new Frame(-1, 0, index)];
  state.firstInsn = subprog.start;
  state.lastInsn = -1;
  v.state = state;
  v.insn = subprog.start;
  v.prevInsn = -1;
  v.visited.clear();
  v.liveness.resetChain();
  v.scratchAll();
  const start = v.log.length;
  if (index === 0 && !v.extension) {
    describeMain(v, subprog);
    setPointer(regOf(v.frame, 1), KIND.CTX);
  } else {
    if (v.log.on) v.log.write(`Validating ${subprog.name}() func#${index}...\n`);
    const args = subprogramArgs(v, subprog);
    if ('errno' in args) throw new Rejection(args.errno, args.message);
    if (index !== 0 && index === v.exceptionCallback && (args.length !== 1 || args[0]?.kind !== 'scalar')) {
      throw invalid('exception cb only supports single integer argument');
    }
    setGlobalArgs(v, args);
  }
  if (index === 0) for (const arg of v.target?.args ?? []) if (arg.refcounted === true) v.argumentRefs.set(arg.offset, acquire(v, 0));
  explore(v, facts);
  if (!v.log.all) v.log.cut(start === 0 || index === 0 ? 0 : start);
}
