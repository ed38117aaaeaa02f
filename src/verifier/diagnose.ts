/** A rejection as a finding: which rule, where in the source, what was known of the registers, where that came from, and what would help. */
import type { Diagnostic, Location } from '../base/index.ts';
import type { Slot } from '../isa/index.ts';
import { LD_IMM64 } from './layout.ts';
import { regText } from './log/reg-text.ts';
import type { Rejection } from './rejection.ts';
import { RULES } from './rules.ts';
import { mayBeNull } from './state/reg.ts';
import type { History } from './state/state.ts';
import type { Verification } from './verification.ts';

/** Instructions told of each register's past. */
const MAX_CHAIN = 8;

/** The finding. @param insn slot at which the program was rejected */
export function diagnose(v: Verification, end: Rejection, insn: number | undefined): Diagnostic {
  const rule = RULES.find((r) => r.matches.test(end.message));
  const notes: string[] = [];
  const simulated = v.state.frames.length > 0 && insn === v.insn;
  if (simulated) for (const n of end.regs) noteRegister(v, n, notes);
  const help = rule?.help;
  if (help !== undefined) notes.push(help(end.regs.map((n) => `r${n}`)));
  return {
    code: rule?.code ?? 'rejected',
    severity: 'error',
    message: end.message === '' ? 'the program is refused' : end.message.replaceAll('\n', '; '),
    location: locationOf(v, insn),
    notes,
  };
}

function locationOf(v: Verification, insn: number | undefined): Location {
  if (insn === undefined || insn < 0) return {};
  const line = v.program.lines?.findLast((l) => l.insn <= insn);
  const program = v.subprograms.find((s) => insn >= s.start && insn < s.end)?.name;
  return {
    insn,
    ...(program === undefined || program === '' ? {} : { program }),
    ...(line === undefined ? {} : { file: line.file, line: line.line, column: line.column, source: line.source }),
  };
}

function noteRegister(v: Verification, n: number, notes: string[]): void {
  const reg = v.frame.regs[n];
  if (reg === undefined) return;
  const known = regText(reg, v.state.frames.length - 1);
  notes.push(`r${n} is ${known}${mayBeNull(reg.type) ? ', which may be NULL' : ''}`);
  const chain = chainOf(v, n);
  for (const at of chain) notes.push(`r${n} comes from insn ${at}: ${v.insnText(at)}${sourceOf(v, at)}`);
}

function sourceOf(v: Verification, at: number): string {
  const line = v.program.lines?.findLast((l) => l.insn <= at);
  return line === undefined ? '' : ` (line ${line.line})`;
}

/** Instructions on the path that made register `n`, the last one first. */
function chainOf(v: Verification, n: number): number[] {
  const chain: number[] = [];
  let wanted = 1 << n;
  for (const at of pathBack(v)) {
    const insn = v.insns[at];
    if (insn === undefined || wanted === 0 || chain.length >= MAX_CHAIN) break;
    const { writes, reads } = effect(insn);
    if ((writes & wanted) === 0) continue;
    chain.push(at);
    wanted = (wanted & ~writes) | (reads & 0x3ff);
  }
  return chain;
}

/** Slots of the current path before the current one, the last one first, as far as the path's history reaches. */
function* pathBack(v: Verification): Generator<number> {
  let history: History | undefined = v.state.history;
  let first = v.state.firstInsn;
  let parent = v.state.parent;
  let at = v.insn;
  for (let steps = 0; steps < 1000; steps++) {
    if (at === first && (history === undefined || (history.before === undefined && history.idx === at))) {
      if (parent === undefined) return;
      at = parent.lastInsn;
      history = parent.history;
      first = parent.firstInsn;
      parent = parent.parent;
      if (at < 0) return;
      yield at;
      continue;
    }
    if (history !== undefined && history.idx === at) {
      at = history.prevIdx;
      history = history.before;
    } else {
      at--;
    }
    if (at < 0) return;
    yield at;
  }
}

/** Registers written and read by an instruction that computes. */
function effect(insn: Slot): { readonly writes: number; readonly reads: number } {
  const dst = 1 << insn.dst;
  const src = 1 << insn.src;
  const isReg = (insn.code & 8) !== 0;
  switch (insn.code & 7) {
    case 0:
      return { writes: insn.code === LD_IMM64 ? dst : 1, reads: 0 };
    case 1:
      return { writes: dst, reads: src };
    case 4:
    case 7: {
      const moves = (insn.code & 0xf0) === 0xb0;
      return { writes: dst, reads: (moves ? 0 : dst) | (isReg ? src : 0) };
    }
    case 5:
      return insn.code === 0x85 ? { writes: 0b11_1111, reads: 0 } : { writes: 0, reads: 0 };
    default:
      return { writes: 0, reads: 0 };
  }
}
