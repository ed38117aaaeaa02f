/** A rejection as a finding: which rule, where in the source, what was known of the registers, where that came from, and what would help. */
import type { Diagnostic, Location } from '../../base/index.ts';
import type { LineInfo } from '../../btf/index.ts';
import { regText } from '../log/reg-text.ts';
import type { Rejection } from '../rejection.ts';
import { KIND, mayBeNull } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { assigned, dereferenced } from './names.ts';
import { originOf } from './origin.ts';
import { ruleOf } from './rules.ts';

export { allRules, ruleSummary } from './rules.ts';

type Related = NonNullable<Diagnostic['related']>[number];

/** The finding. @param insn slot at which the program was rejected */
export function diagnose(v: Verification, end: Rejection, insn: number | undefined): Diagnostic {
  const rule = ruleOf(end.message);
  const notes: string[] = [];
  const related: Related[] = [];
  const simulated = v.state.frames.length > 0 && insn === v.insn;
  const regs = simulated ? registersOf(v, end) : [];
  const names = regs.map((n) => {
    const origin = originOf(v, n);
    notes.push(knownOf(v, n));
    for (const at of origin.toReversed()) {
      if (related.some((r) => r.location.insn === at)) continue;
      related.push({ message: `r${n} comes from ${textOf(v, at)}`, location: locationOf(v, at) });
    }
    return nameOf(v, origin);
  });
  const taken = /alloc_insn=(\d+)/.exec(end.message)?.[1];
  if (taken !== undefined) related.push({ message: `taken by ${textOf(v, Number(taken))}`, location: locationOf(v, Number(taken)) });
  const location = locationOf(v, insn);
  const [name] = names;
  const [reg] = regs;
  const help = rule.help?.({
    it: reg === undefined ? 'the register' : name === undefined ? `r${reg}` : `${name} (r${reg})`,
    name: name ?? (reg === undefined ? 'x' : `r${reg}`),
    beforeHere: location.line === undefined ? '' : ` before line ${location.line}`,
    message: end.message,
  });
  return {
    code: rule.code,
    severity: 'error',
    message: end.message === '' ? 'the program is refused' : end.message.replaceAll('\n', '; '),
    location,
    notes,
    ...(help === undefined ? {} : { help }),
    ...(related.length === 0 ? {} : { related }),
  };
}

/** Registers at fault: those that the check named, else those that the message names. */
function registersOf(v: Verification, end: Rejection): readonly number[] {
  // The number is at fault, not the pointer that it is added to.
  const { code, src } = v.slot(v.insn);
  if (/^(math between|value -?\d)/.test(end.message) && (code & 8) !== 0) return [src];
  if (end.regs.length > 0) return [...new Set(end.regs)];
  const named = /^R(\d{1,2}) /.exec(end.message)?.[1];
  return named === undefined || Number(named) > 10 ? [] : [Number(named)];
}

function lineOf(v: Verification, insn: number): LineInfo | undefined {
  return v.program.lines?.findLast((l) => l.insn <= insn);
}

function locationOf(v: Verification, insn: number | undefined): Location {
  if (insn === undefined || insn < 0) return {};
  const line = lineOf(v, insn);
  const program = v.subprograms.find((s) => insn >= s.start && insn < s.end)?.name;
  return {
    insn,
    ...(program === undefined || program === '' ? {} : { program }),
    ...(line === undefined ? {} : { file: line.file, line: line.line, column: line.column, source: line.source }),
  };
}

function knownOf(v: Verification, n: number): string {
  const reg = v.frame.regs[n];
  if (reg === undefined || reg.type === KIND.NOT_INIT) return `r${n} has no value`;
  return `r${n} is ${regText(reg, v.state.frames.length - 1)}${mayBeNull(reg.type) ? ', which may be NULL' : ''}`;
}

/** The instruction without its opcode. */
function textOf(v: Verification, at: number): string {
  return v.insnText(at).replace(/^\([0-9a-f]{2}\) /, '');
}

/** The variable that the register holds, where a source line on its way tells: assigned there, or gone through here. */
function nameOf(v: Verification, origin: readonly number[]): string | undefined {
  for (const at of origin) {
    const line = lineOf(v, at);
    const name = line === undefined ? undefined : assigned(line.source);
    if (name !== undefined) return name;
  }
  const here = lineOf(v, v.insn);
  return here === undefined ? undefined : dereferenced(here.source);
}
