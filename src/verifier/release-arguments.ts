/**
 * How old releases want helper arguments: constant sizes, memory on the stack, output buffers that were written before, no addresses inside of
 * map values (kernel/bpf/verifier.c v4.4 to v4.11: raw stack 4.7, map value arithmetic 4.9, other memory and bounded sizes 4.11). Seen from the straight line of code before a call; what is not certain is not told.
 */
import { HELPER_BY_ID, type HelperArg } from '../helpers/index.ts';
import { decodeAt, type Instruction, slotsOf } from '../isa/index.ts';

/** A finding: the rule's code, what it is, the release from which on it is allowed, what to do. */
export interface ArgumentNeed {
  readonly code: 'argument' | 'map-value';
  readonly what: string;
  readonly since: string;
  readonly insn: number;
  readonly instead: string;
}

/** What a register holds, where the code before says so. */
type Value =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'stack'; readonly offset: number }
  | { readonly kind: 'map_value' }
  | { readonly kind: 'variable' };

const FP = 10;
const LOOKUP = 1;
const MAP_VALUE = 2;
/** Instructions that are looked at before a call. */
const REACH = 200;

const MEMORY = new Set([
  'mem',
  'mem_or_null',
  'mem_uninit',
  'mem_uninit_or_null',
  'mem_write',
  'map_key',
  'map_value',
  'map_value_or_null',
]);
const OUTPUT = new Set(['mem_uninit', 'mem_uninit_or_null']);
const SIZES = new Set(['size', 'size_or_zero']);

/** Everything that a program does with helper arguments and map values that some release refused. */
export function argumentNeeds(insns: Uint8Array): ArgumentNeed[] {
  const code = listing(insns);
  const out: ArgumentNeed[] = [];
  for (const [i, { at, insn }] of code.entries()) {
    if (insn.kind === 'call' && insn.target === 'helper') {
      const args = HELPER_BY_ID.get(insn.imm)?.args ?? [];
      for (const [n, arg] of args.entries()) out.push(...argument(code, i, at, `bpf_${HELPER_BY_ID.get(insn.imm)?.name}`, args, n, arg));
    }
    if (insn.kind === 'alu' && insn.width === 64 && insn.op === 'add' && heldBy(code, i, insn.dst)?.kind === 'map_value') {
      out.push({
        code: 'map-value',
        what: 'an address computed within a map value',
        since: '4.9',
        insn: at,
        instead: 'use members of the value at constant offsets only',
      });
    }
  }
  return out;
}

interface Line {
  readonly at: number;
  readonly insn: Instruction;
  /** Some jump comes here: what was before is not all that can have been. */
  entered: boolean;
}

function listing(insns: Uint8Array): Line[] {
  const out: Line[] = [];
  const targets = new Set<number>();
  for (let at = 0; at < insns.length / 8; ) {
    const insn = decodeAt(insns, at);
    if (insn.kind === 'jmp' || insn.kind === 'ja' || insn.kind === 'may_goto') targets.add(at + 1 + insn.off);
    if (insn.kind !== 'invalid') out.push({ at, insn, entered: false });
    at += slotsOf(insn);
  }
  for (const line of out) line.entered = targets.has(line.at);
  return out;
}

function argument(
  code: readonly Line[],
  i: number,
  at: number,
  helper: string,
  args: readonly HelperArg[],
  n: number,
  arg: HelperArg,
): ArgumentNeed[] {
  const value = heldBy(code, i, n + 1);
  if (value === undefined) return [];
  const need = (what: string, since: string, instead: string): ArgumentNeed[] => [{ code: 'argument', what, since, insn: at, instead }];
  if (SIZES.has(arg.kind) && value.kind === 'variable') {
    return need(`a size of ${helper} that is not a constant`, '4.11', 'pass sizeof(buffer)');
  }
  if (!MEMORY.has(arg.kind)) return [];
  if (value.kind === 'map_value') return need(`memory for ${helper} in a map value`, '4.11', 'use a buffer on the stack and copy');
  const size = args[n + 1] === undefined ? undefined : heldBy(code, i, n + 2);
  if (OUTPUT.has(arg.kind) && value.kind === 'stack' && size?.kind === 'constant' && !written(code, value.offset, size.value)) {
    return need(`a buffer for ${helper} that was not initialised`, '4.7', 'initialise it: = {}');
  }
  return [];
}

/** Whether every byte of [offset, + size) is stored somewhere in the program. */
function written(code: readonly Line[], offset: number, size: number): boolean {
  const bytes = new Set<number>();
  for (const { insn } of code) {
    if ((insn.kind === 'st' || insn.kind === 'stx') && insn.dst === FP) for (let b = 0; b < insn.size; b++) bytes.add(insn.off + b);
  }
  for (let b = 0; b < size && b < 512; b++) if (!bytes.has(offset + b)) return false;
  return true;
}

/** What register `reg` holds before line `i`. */
function heldBy(code: readonly Line[], i: number, reg: number): Value | undefined {
  let wanted = reg;
  let added = 0;
  // Something unknown was added or done to it on the way.
  let moved = false;
  for (let j = i - 1, left = REACH; left > 0; j--, left--) {
    if (wanted === FP) return moved ? undefined : { kind: 'stack', offset: added };
    if (code[j + 1]?.entered === true) return undefined;
    const line = code[j];
    if (line === undefined) return undefined;
    const { insn } = line;
    switch (insn.kind) {
      case 'alu':
        if (insn.dst !== wanted) break;
        if (insn.op === 'mov') {
          if ('imm' in insn.src) return moved ? { kind: 'variable' } : { kind: 'constant', value: insn.src.imm + added };
          wanted = insn.src.reg;
        } else if (insn.op === 'add') {
          if ('imm' in insn.src) added += insn.src.imm;
          else moved = true;
        } else {
          return { kind: 'variable' };
        }
        break;
      case 'neg':
      case 'end':
        if (insn.dst === wanted) return { kind: 'variable' };
        break;
      case 'atomic':
        if (insn.src === wanted || wanted === 0) return { kind: 'variable' };
        break;
      case 'ldx':
        if (insn.dst === wanted) return { kind: 'variable' };
        break;
      case 'ld_imm64':
        if (insn.dst === wanted) return insn.pseudo === MAP_VALUE ? { kind: 'map_value' } : undefined;
        break;
      case 'call':
        if (wanted === 0) return insn.target === 'helper' && insn.imm === LOOKUP ? { kind: 'map_value' } : undefined;
        if (wanted <= 5) return undefined;
        break;
      case 'ld_abs':
      case 'ld_ind':
        if (wanted <= 5) return wanted === 0 ? { kind: 'variable' } : undefined;
        break;
      case 'ja':
      case 'exit':
        return undefined;
      default:
        break;
    }
  }
  return undefined;
}
