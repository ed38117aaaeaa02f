/**
 * The value domain against the live kernel: random programs are loaded with a full log, and every instruction's effect that the log shows is
 * computed here from the state that the log showed before it; what it shows is also printed again and must be
 * the same text. FUZZ_RUNS programs (default 300) from FUZZ_SEED.
 */
import { describe, expect, it } from 'vitest';
import { kernel } from '../../../tests/support/kernel.ts';
import { assemble } from '../../asm/index.ts';
import { VerifierError } from '../../base/index.ts';
import {
  ALU,
  addToPointer,
  aluScalar,
  branchTaken,
  copyScalar,
  dropContradiction,
  endScalar,
  forkWidth,
  highOf,
  isKnown,
  JMP,
  lowOf,
  moveZext32,
  refineBranch,
  Scalar,
  scalarConst,
  scalarDump,
  scalarsEqual,
  scalarText,
  setForked,
  setKnown,
  setKnownImm,
  setKnownZext,
  signExtend32,
  signExtend64,
  subFromPointer,
  truncate,
} from './index.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
const SEED = Number(process.env.FUZZ_SEED ?? 1);
/** Instructions of a random part; forward jumps double the paths, so only some are jumps. */
const LENGTH = 24;
const REGS = [6, 7, 8, 9] as const;

const ALU_OPS = [
  ['+=', ALU.ADD],
  ['-=', ALU.SUB],
  ['*=', ALU.MUL],
  ['/=', ALU.DIV],
  ['|=', ALU.OR],
  ['&=', ALU.AND],
  ['<<=', ALU.LSH],
  ['>>=', ALU.RSH],
  ['%=', ALU.MOD],
  ['^=', ALU.XOR],
  ['s>>=', ALU.ARSH],
] as const;
const JMP_OPS = [
  ['==', JMP.JEQ],
  ['>', JMP.JGT],
  ['>=', JMP.JGE],
  ['&', JMP.JSET],
  ['!=', JMP.JNE],
  ['s>', JMP.JSGT],
  ['s>=', JMP.JSGE],
  ['<', JMP.JLT],
  ['<=', JMP.JLE],
  ['s<', JMP.JSLT],
  ['s<=', JMP.JSLE],
] as const;

type Step =
  | { readonly kind: 'other'; readonly text: string }
  | { readonly kind: 'mov'; readonly text: string; readonly dst: number; readonly from: (regs: Regs) => Scalar }
  | {
      readonly kind: 'alu';
      readonly text: string;
      readonly dst: number;
      readonly src: number | undefined;
      readonly imm: number;
      readonly op: number;
      readonly is32: boolean;
    }
  | {
      readonly kind: 'jmp';
      readonly text: string;
      readonly dst: number;
      readonly src: number | undefined;
      readonly imm: number;
      readonly op: number;
      readonly is32: boolean;
      readonly off: number;
    };

type Regs = Map<number, { readonly value: Scalar; readonly id: string }>;

/** Mulberry32: small, seeded. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function generator(seed: number): () => Step[] {
  const next = random(seed);
  const below = (n: number): number => Math.floor(next() * n);
  const pick = <T>(from: readonly T[]): T => {
    const item = from[below(from.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  };
  const constant = (): number => {
    switch (below(6)) {
      case 0:
        return below(9) - 4;
      case 1:
        return (1 << below(32)) | 0;
      case 2:
        return ((1 << below(32)) - 1) | 0;
      case 3:
        return pick([0x7fffffff, -0x80000000, -1, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7f, 0x80, -128, -129, -0x8000, 0]);
      case 4:
        return below(512) - 256;
      default:
        return (next() * 2 ** 32) | 0;
    }
  };
  const cast = (): Step => {
    const dst = pick(REGS);
    const src = pick(REGS);
    const of = (change: (r: Scalar) => void) => (regs: Regs) => changed(get(regs, src), change);
    const dstOf = (change: (r: Scalar) => void) => (regs: Regs) => changed(get(regs, dst), change);
    const bits = pick([16, 32, 64] as const);
    return pick<() => Step>([
      () => ({ kind: 'mov', text: `w${dst} = w${src}`, dst, from: of(moveZext32) }),
      () => ({ kind: 'mov', text: `r${dst} = r${src}`, dst, from: of(() => {}) }),
      () => ({ kind: 'mov', text: `r${dst} = (s8)r${src}`, dst, from: of((r) => signExtend64(r, 1)) }),
      () => ({ kind: 'mov', text: `r${dst} = (s16)r${src}`, dst, from: of((r) => signExtend64(r, 2)) }),
      () => ({ kind: 'mov', text: `r${dst} = (s32)r${src}`, dst, from: of((r) => signExtend64(r, 4)) }),
      () => ({ kind: 'mov', text: `w${dst} = (s8)w${src}`, dst, from: of((r) => signExtend32(r, 1)) }),
      () => ({ kind: 'mov', text: `w${dst} = (s16)w${src}`, dst, from: of((r) => signExtend32(r, 2)) }),
      () => ({ kind: 'mov', text: `r${dst} = -r${dst}`, dst, from: dstOf((r) => aluScalar(r, r, ALU.NEG, false)) }),
      () => ({ kind: 'mov', text: `w${dst} = -w${dst}`, dst, from: dstOf((r) => aluScalar(r, r, ALU.NEG, true)) }),
      () => ({ kind: 'mov', text: `r${dst} = bswap${bits} r${dst}`, dst, from: dstOf((r) => endScalar(r, bits, true)) }),
      () => ({ kind: 'mov', text: `r${dst} = be${bits} r${dst}`, dst, from: dstOf((r) => endScalar(r, bits, true)) }),
      () => ({ kind: 'mov', text: `r${dst} = le${bits} r${dst}`, dst, from: dstOf((r) => endScalar(r, bits, false)) }),
    ])();
  };
  // The stack is not written: with CAP_PERFMON its bytes are read as unknown.
  const fresh = (): Step => {
    const dst = pick(REGS);
    const imm = constant();
    return pick<() => Step>([
      () => ({ kind: 'mov', text: `r${dst} = ${imm}`, dst, from: () => changed(new Scalar(), (r) => setKnownImm(r, imm)) }),
      () => ({ kind: 'mov', text: `w${dst} = ${imm}`, dst, from: () => changed(new Scalar(), (r) => setKnownZext(r, imm)) }),
      ...([1, 2, 4] as const).map((size) => () => ({
        kind: 'mov' as const,
        text: `r${dst} = *(u${size * 8} *)(r10 - 64)`,
        dst,
        from: () => changed(new Scalar(), (r) => truncate(r, size)),
      })),
      ...([1, 2, 4] as const).map((size) => () => ({
        kind: 'mov' as const,
        text: `r${dst} = *(s${size * 8} *)(r10 - 64)`,
        dst,
        from: () => changed(new Scalar(), (r) => signExtend64(r, size)),
      })),
      () => ({ kind: 'mov', text: `r${dst} = *(u64 *)(r10 - 64)`, dst, from: () => new Scalar() }),
    ])();
  };
  const alu = (): Step => {
    const [sign, op] = pick(ALU_OPS);
    const is32 = below(2) === 0;
    const letter = is32 ? 'w' : 'r';
    const dst = pick(REGS);
    const src = below(3) === 0 ? pick(REGS) : undefined;
    const isShift = op === ALU.LSH || op === ALU.RSH || op === ALU.ARSH;
    const divides = op === ALU.DIV || op === ALU.MOD;
    const imm = isShift ? below(is32 ? 32 : 64) : divides ? 1 + below(100) : constant();
    return { kind: 'alu', text: `${letter}${dst} ${sign} ${src === undefined ? imm : `${letter}${src}`}`, dst, src, imm, op, is32 };
  };
  const jump = (left: number): Step => {
    const [sign, op] = pick(JMP_OPS);
    const is32 = below(2) === 0;
    const letter = is32 ? 'w' : 'r';
    const dst = pick(REGS);
    const src = below(3) === 0 ? pick(REGS) : undefined;
    const imm = constant();
    const off = 1 + below(Math.min(3, left));
    const text = `if ${letter}${dst} ${sign} ${src === undefined ? imm : `${letter}${src}`} goto +${off}`;
    return { kind: 'jmp', text, dst, src, imm, op, is32, off };
  };
  return () => {
    const out: Step[] = [];
    for (const reg of REGS) {
      out.push({ kind: 'other', text: 'call 7' });
      out.push({ kind: 'other', text: `r${reg} = r0` });
    }
    out.push({ kind: 'other', text: 'r0 = 0' });
    let jumps = 0;
    for (let i = 0; i < LENGTH; i++) {
      const kind = below(10);
      if (kind < 4 && jumps < 7) {
        jumps++;
        out.push(jump(LENGTH - i));
      } else if (kind < 8) out.push(alu());
      else if (kind < 9) {
        const step = cast();
        out.push(step);
        // Copies would change together, and the log does not show that; so the source does not stay one.
        const source = /= (?:\(s\d+\))?[rw](\d)$/.exec(step.text)?.[1];
        if (source !== undefined)
          out.push({ kind: 'mov', text: `r${source} = *(u64 *)(r10 - 64)`, dst: Number(source), from: () => new Scalar() });
      } else out.push(fresh());
    }
    // Registers stay alive, so that states are not merged early.
    for (const reg of REGS) out.push({ kind: 'other', text: `r0 ^= r${reg}` });
    out.push({ kind: 'other', text: 'r0 = 0' }, { kind: 'other', text: 'exit' });
    return out;
  };
}

function get(regs: Regs, reg: number): Scalar {
  return regs.get(reg)?.value ?? new Scalar();
}

function changed(from: Scalar, change: (r: Scalar) => void): Scalar {
  const out = new Scalar();
  copyScalar(out, from);
  change(out);
  return out;
}

/** A printed scalar, `42` or `scalar(id=1,smin=smin32=0,var_off=(0x0; 0x7))`; printing loses nothing. */
function parseScalar(text: string): { value: Scalar; id: string } {
  const value = new Scalar();
  const bare = text.replace(/^P/, '');
  if (!bare.startsWith('scalar(')) {
    setKnown(value, BigInt(bare));
    return { value, id: '' };
  }
  let id = '';
  for (const part of bare.slice(7, -1).match(/var_off=\([^)]*\)|[^,]+/g) ?? []) {
    const names = part.split('=');
    const last = names.pop() ?? '';
    if (names[0] === 'id') {
      id = last;
      continue;
    }
    if (names[0] === 'var_off') {
      const [v = 0n, m = 0n] = last.slice(1, -1).split('; ').map(BigInt);
      Object.assign(value, { vH: highOf(v), vL: lowOf(v), mH: highOf(m), mL: lowOf(m) });
      continue;
    }
    for (const name of names) {
      // Inside of pointers, also what the map is.
      if (!/^[su](min|max)(32)?$/.test(name)) continue;
      const n = BigInt(last);
      if (name.endsWith('32')) Object.assign(value, { [`${name.slice(0, 1)}32${name.slice(1, 4)}`]: lowOf(n) });
      else Object.assign(value, { [`${name}H`]: highOf(n), [`${name}L`]: lowOf(n) });
    }
  }
  return { value, id };
}

function parseState(text: string, into: Regs): Set<number> {
  const seen = new Set<number>();
  for (const [, reg, printed] of text.matchAll(/R(\d+)=(P?scalar\((?:[^()]|\([^)]*\))*\)|P?-?\d\w*)/g)) {
    if (reg === undefined || printed === undefined) continue;
    seen.add(Number(reg));
    const parsed = parseScalar(printed);
    const [, id = '0', delta] = /^(\d+)([+-]\d+)?$/.exec(parsed.id) ?? [];
    const marks = { precise: printed.startsWith('P'), id: Number(id), ...(delta === undefined ? {} : { delta: Number(delta) }) };
    const again = scalarText(parsed.value, marks);
    if (again !== printed) throw new Error(`the kernel prints ${printed}, we ${again}`);
    into.set(Number(reg), parsed);
  }
  return seen;
}

interface Pending {
  readonly step: Step & { readonly kind: 'jmp' | 'alu' };
  readonly regs: Regs;
  readonly result: Map<number, Scalar>;
}

/** Follows a log and returns what differs from our computation. */
function differences(steps: readonly Step[], log: string, count: (kind: string) => void): string[] {
  const out: string[] = [];
  let regs: Regs = new Map();
  const pending = new Map<number, Pending[]>();
  let expectedNext: number | undefined;
  const compare = (where: string, reg: number, ours: Scalar, before: string, compareTo: Regs): void => {
    const theirs = get(compareTo, reg);
    // Of a constant the log does not show the ranges, which differ between the two halves of a doubled exploration.
    if (scalarsEqual(ours, theirs) || (isKnown(ours) && scalarText(ours) === scalarText(theirs))) return;
    out.push(`${where}\n  before ${before}\n  kernel ${scalarText(theirs)}\n  ours   ${scalarText(ours)}\n  ${scalarDump(ours)}`);
  };
  const lines = log.split('\n');
  for (const [n, line] of lines.entries()) {
    if (line.includes('INVARIANTS')) {
      out.push(`we found nothing wrong: ${line}`);
      return out;
    }
    const from = /^from (\d+) to (\d+): (.*)$/.exec(line);
    if (from !== null) {
      const at = Number(from[1]);
      const state = pending.get(at)?.pop();
      if (state === undefined) {
        out.push(`${line}: we would not go there (${steps[at]?.text})`);
        return out;
      }
      expectedNext = undefined;
      if (from[3] === 'safe') continue;
      const now: Regs = new Map();
      parseState(from[3] ?? '', now);
      for (const [reg, ours] of state.result)
        compare(`${state.step.text} taken, R${reg}`, reg, ours, describe1(state.step, state.regs), now);
      regs = now;
      continue;
    }
    const state = /^(\d+): (?!\()(.*)$/.exec(line);
    if (state !== null) {
      parseState(state[2] ?? '', regs);
      continue;
    }
    const insn = /^(\d+): \([0-9a-f]{2}\) (?:[^;]*?)(?:\s*; (.*))?$/.exec(line);
    if (insn === null) continue;
    const index = Number(insn[1]);
    const step = steps[index];
    if (step === undefined) throw new Error(`no step for ${line}`);
    if (expectedNext !== undefined && index !== expectedNext) {
      out.push(`${line}: expected to go to ${expectedNext}`);
      return out;
    }
    expectedNext = undefined;
    const before = new Map(regs);
    const printed = insn[2] ?? stateAfter(lines, n);
    if (printed !== undefined) parseState(printed, regs);
    if (step.kind === 'mov') {
      count(step.text.replaceAll(/\d+/g, ''));
      if (printed !== undefined) compare(step.text, step.dst, step.from(before), scalarText(get(before, step.dst)), regs);
    } else if (step.kind === 'alu') {
      count(`${step.text.split(' ')[1]}${step.is32 ? 32 : 64}`);
      const dst = changed(get(before, step.dst), () => {});
      const src =
        step.src === undefined ? changed(dst, (r) => setKnownImm(r, step.imm)) : step.src === step.dst ? dst : get(before, step.src);
      const fork = forkWidth(dst, src, step.op);
      if (fork !== 0) {
        const other = changed(dst, (r) => setForked(r, fork, 0));
        push(pending, index, { step, regs: before, result: new Map([[step.dst, other]]) });
        setForked(dst, fork, -1);
      }
      aluScalar(dst, src, step.op, step.is32);
      dropContradiction(dst, 'alu');
      if (printed !== undefined) compare(step.text, step.dst, dst, describe1(step, before), regs);
    } else if (step.kind === 'jmp') {
      count(`jump ${step.text.split(' ')[2]}${step.is32 ? 32 : 64}`);
      const sides = [true, false].map((taken) => {
        const dst = changed(get(before, step.dst), () => {});
        const src =
          step.src === undefined
            ? changed(dst, (r) => setKnownImm(r, step.imm))
            : step.src === step.dst
              ? dst
              : changed(get(before, step.src), () => {});
        return { dst, src, taken };
      });
      const [yes, no] = sides;
      if (yes === undefined || no === undefined) continue;
      const outcome = branchTaken(yes.dst, yes.src, step.op, step.is32);
      if (outcome !== -1) {
        expectedNext = index + 1 + (outcome === 1 ? step.off : 0);
        continue;
      }
      expectedNext = index + 1;
      const linked = step.src !== undefined && step.src !== step.dst && shareId(before, step.dst, step.src);
      for (const side of sides) {
        refineBranch(side.dst, side.src, step.op, step.is32, side.taken);
      }
      // The log does not show ranges that were forgotten, so a program is followed no further.
      const violations = sides
        .flatMap(({ dst, src, taken }) => [dropContradiction(dst, `${taken}_reg1`), dropContradiction(src, `${taken}_reg2`)])
        .filter((text) => text !== undefined);
      const theirs = lines.slice(n + 1, n + 1 + violations.length);
      if (violations.join('\n') !== theirs.join('\n')) out.push(`${step.text}: expected\n${violations.join('\n')}\n${theirs.join('\n')}`);
      if (violations.length > 0) {
        count('violation');
        return out;
      }
      const result = (side: { dst: Scalar; src: Scalar }): Map<number, Scalar> => {
        if (linked) return new Map();
        const map = new Map([[step.dst, side.dst]]);
        if (step.src !== undefined) map.set(step.src, side.src);
        return map;
      };
      push(pending, index, { step, regs: before, result: result(yes) });
      if (printed !== undefined)
        for (const [reg, ours] of result(no)) compare(`${step.text} not taken, R${reg}`, reg, ours, describe1(step, before), regs);
    }
  }
  for (const [index, left] of pending) if (left.length > 0) out.push(`${steps[index]?.text}: the kernel did not come back here`);
  return out;
}

/** What an instruction did where its own line does not say: on a later line once precision was traced back; undefined if the path ended. */
function stateAfter(lines: readonly string[], n: number): string | undefined {
  for (let i = n + 1; i < lines.length; i++) {
    const text = lines[i] ?? '';
    if (/^(\d+: safe|from \d)/.test(text)) return undefined;
    const found = /^\d+: (?!\()(.*)$/.exec(text);
    if (found !== null) return found[1];
    if (/^\d+: \(/.test(text)) return '';
  }
  return undefined;
}

function push(pending: Map<number, Pending[]>, index: number, item: Pending): void {
  const list = pending.get(index);
  if (list === undefined) pending.set(index, [item]);
  else list.push(item);
}

function shareId(regs: Regs, a: number, b: number): boolean {
  const base = (reg: number): string => regs.get(reg)?.id.split(/[+-]/)[0] ?? '';
  return base(a) !== '' && base(a) === base(b);
}

function describe1(step: Step & { kind: 'jmp' | 'alu' }, regs: Regs): string {
  const of = (reg: number): string => `R${reg}=${scalarText(get(regs, reg))}`;
  return step.src === undefined ? of(step.dst) : `${of(step.dst)} ${of(step.src)}`;
}

const { bpf, reason } = kernel;

if (bpf === undefined) {
  describe('scalars and the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  const load = (steps: readonly Step[]): string => {
    try {
      const { fd, log } = bpf.progLoad({ type: 1, insns: assemble(steps.map((s) => s.text).join('\n')), logLevel: 2 });
      bpf.close(fd);
      return log;
    } catch (error) {
      if (error instanceof VerifierError) return error.log;
      throw error;
    }
  };
  describe('scalars and the kernel', () => {
    it(`${RUNS} random programs: every effect is the one that the kernel's log shows`, { timeout: 60_000 + RUNS * 100 }, () => {
      const make = generator(SEED);
      const counts = new Map<string, number>();
      const found: string[] = [];
      for (let i = 0; i < RUNS && found.length < 5; i++) {
        const steps = make();
        const log = load(steps);
        const different = differences(steps, log, (kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1));
        if (different[0] !== undefined) {
          found.push(`program ${i} of seed ${SEED}: ${different[0]}`);
        }
      }
      expect(found.join('\n')).toBe('');
      expect(counts.size).toBeGreaterThan(50);
    });

    it('variable offsets of pointers', () => {
      const next = random(SEED);
      const below = (n: number): number => Math.floor(next() * n);
      const fd = bpf.mapCreate({ type: 2, keySize: 4, valueSize: 64, maxEntries: 1 });
      const found: string[] = [];
      for (let i = 0; i < RUNS / 10; i++) {
        const text = [`r9 = map[fd:${fd}][0]+0`];
        for (const reg of [6, 7]) {
          text.push('call 7', `r${reg} = r0`, `r${reg} &= ${below(2 ** (1 + below(12)))}`, `r${reg} += ${below(2) * (below(600) - 300)}`);
          if (below(3) === 0) text.push(`r${reg} = (s8)r${reg}`);
        }
        text.push('r8 = r9', 'r8 += r6', `r8 ${below(2) === 0 ? '+' : '-'}= r7`, 'r0 = 0', 'exit');
        const loaded = bpf.progLoad({ type: 1, insns: assemble(text.join('\n')), logLevel: 2 });
        bpf.close(loaded.fd);
        const regs = new Map<number, Scalar>();
        let op: RegExpExecArray | null = null;
        for (const line of loaded.log.split('\n')) {
          if (line.startsWith('mark_precise')) continue;
          op = /^\d+: \([0-9a-f]+\) r8 ([+-])= r(\d)/.exec(line) ?? op;
          // Precision is traced back first, so the result stands on a later line.
          const shown = /R8=map_value(\((?:[^()]|\([^)]*\))*\))/.exec(line)?.[1];
          if (op !== null && shown !== undefined) {
            const offset = regs.get(Number(op[2])) ?? new Scalar();
            const before = regs.get(8) ?? scalarConst(0);
            const ours = new Scalar();
            // A constant goes to the pointer's fixed offset.
            if (isKnown(offset)) copyScalar(ours, before);
            else (op[1] === '+' ? addToPointer : subFromPointer)(ours, before, offset);
            const theirs = isKnown(ours) ? ours : parseScalar(`scalar${shown}`).value;
            if (!scalarsEqual(ours, theirs)) {
              found.push(
                `${scalarText(before)} ${op[1]} ${scalarText(offset)}\n  kernel ${scalarText(theirs)}\n  ours   ${scalarText(ours)}`,
              );
            }
            regs.set(8, ours);
            op = null;
          }
          for (const [, reg, printed] of line.matchAll(/R([67])=(scalar\((?:[^()]|\([^)]*\))*\)|-?\d\w*)/g)) {
            if (reg !== undefined && printed !== undefined) regs.set(Number(reg), parseScalar(printed).value);
          }
        }
        if (!regs.has(8)) found.push(`R8 was not shown:\n${loaded.log}`);
      }
      bpf.close(fd);
      expect(found.slice(0, 3).join('\n')).toBe('');
    });
  });
}
