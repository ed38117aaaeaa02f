/** Finds the functions of the programs, what they call, and analyses them, callees before callers. */
import type { Instruction } from '../isa/index.ts';
import { PSEUDO } from '../isa/index.ts';
import { type Block, buildBlocks, type DecodedProgram, decodeProgram } from './cfg.ts';
import { type CallFacts, isTailCall } from './effects.ts';
import { makeReducible } from './irreducible.ts';
import { MAX_EMITTED, MAX_UNROLLED } from './limits.ts';
import type { HelperSignature } from './signature.ts';
import type { InsnFact, JitOptions, JitProgram } from './types.ts';
import { unrollLoops } from './unroll.ts';
import { type FunctionBody, findWebs, type Webs } from './webs.ts';
import { constantHigh, findWidths, HIGH, type Widths } from './widths.ts';

/** A function before it has a place in the module. */
export interface FunctionDraft {
  readonly program: number;
  readonly slot: number;
  readonly kind: 'entry' | 'sub';
  readonly body: FunctionBody;
  readonly facts: readonly (InsnFact | undefined)[] | undefined;
  /** Slots of functions called, and of those whose address is taken. */
  readonly callees: readonly number[];
  readonly addresses: readonly number[];
  args: number;
  narrowArgs: number;
  needsFrame: boolean;
  /** It is called before its own callees are known: recursion. */
  pinned: boolean;
  analysis: { readonly webs: Webs; readonly widths: Widths } | undefined;
}

/** What all functions together use. */
export interface Uses {
  readonly helpers: ReadonlyMap<number, HelperSignature>;
  /** Types of the maps that programs name. */
  readonly mapTypes: ReadonlySet<number>;
  readonly packet: boolean;
  readonly probe: boolean;
  readonly tailCalls: boolean;
}

export interface Plan {
  readonly drafts: readonly FunctionDraft[];
  readonly uses: Uses;
  sub(program: number, slot: number): FunctionDraft | undefined;
}

const ALL_ARGS = 0x3e;

/** Plans the translation of programs. */
export function planPrograms(programs: readonly JitProgram[], options: JitOptions): Plan {
  const budget = { left: MAX_EMITTED };
  // Checked code stays as it is written.
  const room = { left: options.checked === true ? 0 : MAX_UNROLLED };
  const drafts: FunctionDraft[] = [];
  const subs = new Map<string, FunctionDraft>();
  const helpers = new Map<number, HelperSignature>();
  const mapTypes = new Set<number>();
  const uses = { packet: false, probe: false, tailCalls: false };
  for (const [program, { bytes, facts }] of programs.entries()) {
    const decoded = decodeProgram(bytes);
    const pending: FunctionDraft[] = [];
    const make = (kind: FunctionDraft['kind'], slot: number): FunctionDraft => {
      const draft = draftFunction({ program, slot, kind, decoded, facts, budget, room });
      drafts.push(draft);
      pending.push(draft);
      return draft;
    };
    uses.probe ||= facts?.some((fact) => fact?.probe === true) === true;
    make('entry', 0);
    for (let draft = pending.pop(); draft !== undefined; draft = pending.pop()) {
      for (const slot of [...draft.callees, ...draft.addresses]) {
        const key = `${program}:${slot}`;
        if (slot >= 0 && slot < decoded.insns.length && !subs.has(key)) subs.set(key, make('sub', slot));
      }
      for (const insn of reachable(draft.body)) {
        if (insn.kind === 'ld_imm64' && (insn.pseudo === PSEUDO.MAP_FD || insn.pseudo === PSEUDO.MAP_IDX)) {
          const type = options.map?.(Number(BigInt.asUintN(32, insn.imm)))?.type;
          if (type !== undefined) mapTypes.add(type);
        } else if (insn.kind === 'ld_abs' || insn.kind === 'ld_ind') uses.packet = true;
        else if (isTailCall(insn)) uses.tailCalls = true;
        else if (insn.kind === 'call' && insn.target === 'helper') {
          const signature = options.helper?.(insn.imm);
          if (signature !== undefined) helpers.set(insn.imm, signature);
        }
      }
    }
  }
  const sub = (program: number, slot: number): FunctionDraft | undefined => subs.get(`${program}:${slot}`);
  const plan = { drafts, uses: { helpers, mapTypes, ...uses }, sub };
  for (const draft of calleesFirst(drafts, sub)) analyse(draft, plan, programs[draft.program]?.facts, options);
  return plan;
}

function* reachable(body: FunctionBody): Generator<Instruction> {
  for (const block of body.blocks) {
    for (let slot = block.start; slot < block.end; slot++) {
      const insn = slot < 0 ? undefined : body.insns[slot];
      if (insn !== undefined) yield insn;
    }
  }
}

interface DraftInput {
  readonly program: number;
  readonly slot: number;
  readonly kind: FunctionDraft['kind'];
  readonly decoded: DecodedProgram;
  readonly facts: readonly (InsnFact | undefined)[] | undefined;
  readonly budget: { left: number };
  /** Instructions that unrolled loops may still add. */
  readonly room: { left: number };
}

function draftFunction({ program, slot, kind, decoded, facts, budget, room }: DraftInput): FunctionDraft {
  const blocks: Block[] = buildBlocks(decoded, slot, budget, (at) => facts?.[at]?.branch);
  const { graph, bounded } = unrollLoops({ insns: decoded.insns, blocks, graph: makeReducible(blocks), room });
  const body: FunctionBody = { insns: decoded.insns, blocks, graph, bounded };
  const callees = new Set<number>();
  const addresses = new Set<number>();
  for (const block of blocks) {
    for (let at = block.start; at < block.end; at++) {
      const insn = at < 0 ? undefined : decoded.insns[at];
      if (insn?.kind === 'call' && insn.target === 'local') callees.add(at + 1 + insn.imm);
      if (insn?.kind === 'ld_imm64' && insn.pseudo === PSEUDO.FUNC) addresses.add(at + 1 + Number(BigInt.asIntN(32, insn.imm)));
    }
  }
  return {
    program,
    slot,
    kind,
    body,
    facts,
    callees: [...callees],
    addresses: [...addresses],
    args: ALL_ARGS,
    narrowArgs: 0,
    needsFrame: true,
    pinned: false,
    analysis: undefined,
  };
}

/** Callees before callers; a function called while its own callees are looked at is pinned. */
function calleesFirst(drafts: readonly FunctionDraft[], sub: Plan['sub']): FunctionDraft[] {
  const done: FunctionDraft[] = [];
  const state = new Map<FunctionDraft, 'open' | 'done'>();
  for (const root of drafts) {
    const stack = [{ draft: root, next: 0 }];
    if (state.has(root)) continue;
    state.set(root, 'open');
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const slot = frame.draft.callees[frame.next++];
      if (slot === undefined) {
        state.set(frame.draft, 'done');
        done.push(frame.draft);
        stack.pop();
        continue;
      }
      const callee = sub(frame.draft.program, slot);
      if (callee === undefined) continue;
      const known = state.get(callee);
      if (known === 'open') callee.pinned = true;
      if (known !== undefined) continue;
      state.set(callee, 'open');
      stack.push({ draft: callee, next: 0 });
    }
  }
  return done;
}

function analyse(draft: FunctionDraft, plan: Plan, facts: readonly (InsnFact | undefined)[] | undefined, options: JitOptions): void {
  const helper = (id: number): HelperSignature | undefined => plan.uses.helpers.get(id);
  const calls: CallFacts = {
    helperArgs: (id) => helper(id)?.params.length ?? 0,
    functionArgs: (slot) => plan.sub(draft.program, slot)?.args ?? 0,
  };
  const webs = findWebs(draft.body, calls);
  const checked = options.checked === true;
  const zero = constantHigh(0, 0);
  const widths = findWidths({
    body: draft.body,
    webs,
    calls,
    checked,
    facts,
    entryHigh: draft.kind === 'entry' ? [HIGH.nullable, HIGH.zero, zero, zero, zero] : [0, 0, 0, 0, 0],
    helper,
    narrowArgs: (slot) => plan.sub(draft.program, slot)?.narrowArgs ?? 0,
  });
  draft.analysis = { webs, widths };
  if (draft.kind === 'entry' || draft.pinned) return;
  draft.args = webs.liveIn & ALL_ARGS;
  for (let reg = 1; reg <= 5; reg++) {
    if ((draft.args & (1 << reg)) !== 0 && widths.narrow[webs.web[reg] ?? 0] === 1) draft.narrowArgs |= 1 << reg;
  }
  draft.needsFrame = checked || usesFrame(draft, plan);
}

function usesFrame(draft: FunctionDraft, plan: Plan): boolean {
  for (const insn of reachable(draft.body)) {
    switch (insn.kind) {
      case 'alu':
        if ('reg' in insn.src && insn.src.reg === 10) return true;
        break;
      case 'jmp':
        if (insn.dst === 10 || ('reg' in insn.src && insn.src.reg === 10)) return true;
        break;
      case 'ldx':
        if (insn.src === 10) return true;
        break;
      case 'st':
        if (insn.dst === 10) return true;
        break;
      case 'stx':
      case 'atomic':
        if (insn.dst === 10 || insn.src === 10) return true;
        break;
      case 'ld_ind':
        if (insn.src === 10) return true;
        break;
      case 'call':
        if (isTailCall(insn)) return true;
        if (insn.target === 'helper' && plan.uses.helpers.get(insn.imm)?.callsBack === true) return true;
        break;
      default:
        break;
    }
  }
  return draft.callees.some((slot) => plan.sub(draft.program, slot)?.needsFrame === true);
}
