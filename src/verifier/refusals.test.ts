/** Malformed programs: errno and message as the kernel's; every row is put to the running kernel too, where bpf(2) is available. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeFunctions } from '../../tests/support/functions.ts';
import { kernel } from '../../tests/support/kernel.ts';
import { VerifierError } from '../base/index.ts';
import { Btf } from '../btf/index.ts';
import { encode, FORM_FIELDS, INSN_TABLE, type Instruction } from '../isa/index.ts';
import { type MapFacts, verify } from './index.ts';

const SOCKET_FILTER = 1;
const KPROBE_LIKE = 5;

/** code, dst, src, off, imm */
type Raw = readonly [code: number, dst?: number, src?: number, off?: number, imm?: number];

function bytesOf(rows: readonly Raw[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * 8);
  const view = new DataView(bytes.buffer);
  rows.forEach(([code, dst = 0, src = 0, off = 0, imm = 0], i) => {
    view.setUint8(i * 8, code);
    view.setUint8(i * 8 + 1, (src << 4) | dst);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  return bytes;
}

const ZERO: Raw = [0xb7];
const EXIT: Raw = [0x95];
const R6_CTX: Raw = [0xbf, 6, 1];

interface Row {
  readonly name: string;
  readonly insns: readonly Raw[];
  readonly errno?: string;
  readonly message?: string;
  readonly type?: number;
  readonly license?: string;
}

const bad = (name: string, errno: string, message: string, insns: readonly Raw[], more: Partial<Row> = {}): Row => ({
  name,
  errno,
  message,
  insns,
  ...more,
});
const good = (name: string, insns: readonly Raw[], more: Partial<Row> = {}): Row => ({ name, insns, ...more });
const chain = (calls: number): Raw[] => [...Array.from({ length: calls }, (): Raw[] => [[0x85, 0, 1, 0, 1], EXIT]).flat(), ZERO, EXIT];

const ROWS: Row[] = [
  bad('no instructions', 'E2BIG', '', []),
  good('the least', [ZERO, EXIT]),
  // Layout.
  bad('falls off the end', 'EINVAL', 'last insn is not an exit or jmp', [ZERO]),
  bad('ends in a 32-bit exit', 'EINVAL', 'last insn is not an exit or jmp', [ZERO, [0x96]]),
  bad('ends in a conditional jump', 'EINVAL', 'last insn is not an exit or jmp', [ZERO, [0x15, 0, 0, -2, 0]]),
  bad('jump forward out', 'EINVAL', 'jump out of range from insn 0 to 3', [[0x05, 0, 0, 2], ZERO, EXIT]),
  bad('jump backward out', 'EINVAL', 'jump out of range from insn 0 to -1', [[0x05, 0, 0, -2], ZERO, EXIT]),
  bad('gotol out', 'EINVAL', 'jump out of range from insn 0 to 100001', [[0x06, 0, 0, 0, 100000], ZERO, EXIT]),
  bad('jump into another subprogram', 'EINVAL', 'jump out of range from insn 1 to 3', [
    [0x85, 0, 1, 0, 2],
    [0x05, 0, 0, 1],
    EXIT,
    ZERO,
    EXIT,
  ]),
  bad('subprogram falls into the next', 'EINVAL', 'last insn is not an exit or jmp', [[0x85, 0, 1, 0, 1], ZERO, ZERO, EXIT]),
  bad('call beyond the end', 'EINVAL', 'call to invalid destination', [[0x85, 0, 1, 0, 100], EXIT]),
  bad('call before the start', 'EINVAL', 'call to invalid destination', [[0x85, 0, 1, 0, -2], EXIT]),
  bad('reference to no function', 'EINVAL', 'call to invalid destination', [[0x18, 1, 4, 0, 100], [0], EXIT]),
  bad('kernel function', 'EINVAL', 'kernel btf_id 1 is not a function', [[0x85, 0, 2, 0, 1], EXIT]),
  bad('kernel function of a module', 'EPROTO', 'failed to find BTF for kernel function', [[0x85, 0, 2, 1, 5], EXIT]),
  bad('kernel function without GPL', 'EINVAL', 'cannot call kernel function from non-GPL compatible program', [[0x85, 0, 2, 0, 5], EXIT], {
    license: 'MIT',
  }),
  bad('kernel function that was not found', 'EINVAL', 'invalid kernel function call not eliminated in verifier pass', [
    [0x85, 0, 2],
    ZERO,
    EXIT,
  ]),
  good('the same behind a constant', [ZERO, [0x15, 0, 0, 1, 0], [0x85, 0, 2], EXIT]),
  bad('ld_abs in a bare subprogram', 'EINVAL', 'LD_ABS is not allowed in subprogs without BTF', [[0x85, 0, 1, 0, 1], EXIT, [0x30], EXIT]),
  bad('tail call in a bare subprogram', 'EINVAL', 'tail_call is not allowed in subprogs without BTF', [
    [0x85, 0, 1, 0, 1],
    EXIT,
    [0x85, 0, 0, 0, 12],
    EXIT,
  ]),
  bad('too many subprograms', 'E2BIG', 'too many subprograms', [
    ...Array.from({ length: 256 }, (_, i): Raw => [0x85, 0, 1, 0, 256 - i + 2 * i]),
    EXIT,
    ...Array.from({ length: 256 }, (): Raw[] => [ZERO, EXIT]).flat(),
  ]),
  bad('unreachable', 'EINVAL', 'unreachable insn 2', [ZERO, EXIT, ZERO, EXIT]),
  bad('unreachable subprogram after the main one', 'EINVAL', 'unreachable insn 2', [ZERO, EXIT, [0x05, 0, 0, -1]]),
  bad('jump into the middle of ld_imm64', 'EINVAL', 'jump into the middle of ldimm64 insn 2', [
    ZERO,
    [0x15, 0, 0, 1, 0],
    [0x18],
    [0],
    EXIT,
  ]),
  bad('only way leads into the middle', 'EINVAL', 'unreachable insn 1', [[0x05, 0, 0, 1], [0x18], [0], EXIT]),
  // Pairs and opcodes.
  bad('half an ld_imm64', 'EINVAL', 'last insn is not an exit or jmp', [[0x18]]),
  bad('second half with registers', 'EINVAL', 'invalid bpf_ld_imm64 insn', [[0x18], [0, 1], EXIT]),
  bad('second half with an opcode', 'EINVAL', 'invalid bpf_ld_imm64 insn', [[0x18], EXIT]),
  bad('ld_imm64 of an unknown kind', 'EINVAL', 'unrecognized bpf_ld_imm64 insn', [[0x18, 0, 7], [0], EXIT]),
  bad('map fd with a high word', 'EINVAL', 'unrecognized bpf_ld_imm64 insn', [[0x18, 1, 1], [0, 0, 0, 0, 1], EXIT]),
  bad('load with an immediate', 'EINVAL', 'BPF_LDX uses reserved fields', [[0x79, 0, 1, 0, 5], EXIT]),
  bad('unknown opcode', 'EINVAL', 'unknown opcode ff', [[0xff], EXIT]),
  bad('callx', 'EINVAL', 'unknown opcode 8d', [ZERO, [0x8d, 1], EXIT]),
  bad('ld_abs of 8 bytes', 'EINVAL', 'unknown opcode 38', [R6_CTX, [0x38], EXIT]),
  bad('neg with a register bit', 'EINVAL', 'unknown opcode 8f', [ZERO, [0x8f], EXIT]),
  // Single instructions.
  bad('r11', 'EINVAL', 'R11 is invalid', [[0xb7, 11], EXIT]),
  bad('source r12', 'EINVAL', 'R12 is invalid', [[0xbf, 0, 12], EXIT]),
  bad('write to r10', 'EACCES', 'frame pointer is read only', [[0xb7, 10], EXIT]),
  bad('add to r10', 'EACCES', 'frame pointer is read only', [[0x07, 10, 0, 0, 8], EXIT]),
  bad('load to r10', 'EACCES', 'frame pointer is read only', [[0x79, 10, 1], EXIT]),
  bad('ld_imm64 to r10', 'EACCES', 'frame pointer is read only', [[0x18, 10], [0], EXIT]),
  bad('ld_imm64 with an offset', 'EINVAL', 'BPF_LD_IMM64 uses reserved fields', [[0x18, 0, 0, 1], [0], EXIT]),
  bad('neg', 'EINVAL', 'BPF_NEG uses reserved fields', [ZERO, [0x87, 0, 1], EXIT]),
  bad('end of 8 bits', 'EINVAL', 'BPF_END uses reserved fields', [ZERO, [0xd4, 0, 0, 0, 8], EXIT]),
  bad('end with a source', 'EINVAL', 'BPF_END uses reserved fields', [ZERO, [0xd4, 0, 1, 0, 16], EXIT]),
  bad('mov imm with a source', 'EINVAL', 'BPF_MOV uses reserved fields', [[0xb7, 0, 1], EXIT]),
  bad('mov reg with an immediate', 'EINVAL', 'BPF_MOV uses reserved fields', [[0xbf, 0, 1, 0, 3], EXIT]),
  bad('movsx of 24 bits', 'EINVAL', 'BPF_MOV uses reserved fields', [ZERO, [0xbf, 0, 0, 24], EXIT]),
  bad('movsx32 of 32 bits', 'EINVAL', 'BPF_MOV uses reserved fields', [ZERO, [0xbc, 0, 0, 32], EXIT]),
  bad('addr_space_cast', 'EINVAL', 'addr_space_cast insn can only be used in a program that has an associated arena', [
    ZERO,
    [0xbf, 0, 0, 1, 1],
    EXIT,
  ]),
  bad('addr_space_cast to 7', 'EINVAL', 'addr_space_cast insn can only convert between address space 1 and 0', [
    ZERO,
    [0xbf, 0, 0, 1, 7],
    EXIT,
  ]),
  bad('add with an offset', 'EINVAL', 'BPF_ALU uses reserved fields', [ZERO, [0x07, 0, 0, 2, 1], EXIT]),
  bad('signed add', 'EINVAL', 'BPF_ALU uses reserved fields', [ZERO, [0x07, 0, 0, 1, 1], EXIT]),
  good('signed division', [ZERO, [0x37, 0, 0, 1, 3], EXIT]),
  bad('division by zero', 'EINVAL', 'div by zero', [ZERO, [0x37], EXIT]),
  bad('modulo by zero', 'EINVAL', 'div by zero', [ZERO, [0x94], EXIT]),
  bad('shift by 64', 'EINVAL', 'invalid shift 64', [ZERO, [0x67, 0, 0, 0, 64], EXIT]),
  bad('32-bit shift by 32', 'EINVAL', 'invalid shift 32', [ZERO, [0xc4, 0, 0, 0, 32], EXIT]),
  bad('shift by -1', 'EINVAL', 'invalid shift -1', [ZERO, [0x77, 0, 0, 0, -1], EXIT]),
  bad('st with a source', 'EINVAL', 'BPF_ST uses reserved fields', [[0x7a, 10, 1, -8], ZERO, EXIT]),
  bad('stx with an immediate', 'EINVAL', 'BPF_STX uses reserved fields', [ZERO, [0x7b, 10, 0, -8, 1], EXIT]),
  bad('atomic operation 2', 'EINVAL', 'BPF_ATOMIC uses invalid atomic opcode 02', [ZERO, [0xdb, 10, 0, -8, 2], EXIT]),
  bad('atomic byte', 'EINVAL', 'invalid atomic operand size', [ZERO, [0xd3, 10, 0, -8, 0], EXIT]),
  bad('jump register with an immediate', 'EINVAL', 'BPF_JMP/JMP32 uses reserved fields', [ZERO, [0x1d, 0, 0, 0, 1], EXIT]),
  bad('jump immediate with a source', 'EINVAL', 'BPF_JMP/JMP32 uses reserved fields', [ZERO, [0x15, 0, 1], EXIT]),
  bad('ja with an immediate', 'EINVAL', 'BPF_JA uses reserved fields', [[0x05, 0, 0, 0, 1], ZERO, EXIT]),
  bad('gotol with an offset', 'EINVAL', 'BPF_JA uses reserved fields', [[0x06, 0, 0, 1], ZERO, EXIT]),
  bad('exit with an immediate', 'EINVAL', 'BPF_EXIT uses reserved fields', [ZERO, [0x95, 0, 0, 0, 1]]),
  bad('may_goto with a register', 'EINVAL', 'invalid may_goto imm 0', [ZERO, [0xe5, 1], EXIT]),
  good('may_goto', [ZERO, [0xe5], EXIT]),
  bad('call of kind 3', 'EINVAL', 'BPF_CALL uses reserved fields', [[0x85, 0, 3], EXIT]),
  bad('call with a register', 'EINVAL', 'BPF_CALL uses reserved fields', [[0x85, 1, 0, 0, 7], EXIT]),
  bad('ld_abs in a tracing program', 'EINVAL', 'BPF_LD_[ABS|IND] instructions not allowed for this program type', [R6_CTX, [0x30], EXIT], {
    type: KPROBE_LIKE,
  }),
  bad('ld_abs with a register', 'EINVAL', 'BPF_LD_[ABS|IND] uses reserved fields', [R6_CTX, [0x30, 1], EXIT]),
  good('ld_abs', [R6_CTX, [0x30], EXIT]),
  // Helpers.
  bad('helper 0', 'EINVAL', 'program of this type cannot use helper bpf_unspec#0', [[0x85], EXIT]),
  bad('helper 212', 'EINVAL', 'invalid func unknown#212', [[0x85, 0, 0, 0, 212], EXIT]),
  bad('helper -1', 'EINVAL', 'invalid func unknown#-1', [[0x85, 0, 0, 0, -1], EXIT]),
  bad('helper of other types', 'EINVAL', 'program of this type cannot use helper bpf_probe_read#4', [[0x85, 0, 0, 0, 4], EXIT]),
  bad('GPL helper', 'EINVAL', 'cannot call GPL-restricted function from non-GPL compatible program', [[0x85, 0, 0, 0, 6], EXIT], {
    type: KPROBE_LIKE,
    license: 'MIT',
  }),
  bad('sleeping helper', 'EINVAL', 'helper call might sleep in a non-sleepable prog', [[0x85, 0, 0, 0, 148], EXIT], { type: KPROBE_LIKE }),
  good('free helper without GPL', [[0x85, 0, 0, 0, 7], EXIT], { license: 'MIT' }),
  // Calls.
  bad('recursion', 'E2BIG', 'the call stack of 9 frames is too deep', [ZERO, [0x85, 0, 1, 0, -2], EXIT]),
  good('eight frames', chain(7)),
  bad('nine frames', 'E2BIG', 'the call stack of 9 frames is too deep', chain(8)),
  // Order: an earlier pass wins over an earlier instruction.
  bad('opcode before register', 'EINVAL', 'unknown opcode ff', [[0xb7, 11], [0xff], EXIT]),
  bad('last insn before opcode', 'EINVAL', 'last insn is not an exit or jmp', [[0xff], ZERO]),
  bad('graph before registers', 'EINVAL', 'unreachable insn 2', [[0xb7, 11], EXIT, EXIT]),
  bad('the fall-through path comes first', 'EINVAL', 'invalid shift 64', [
    ZERO,
    [0x85, 0, 0, 0, 7],
    [0x15, 0, 0, 2, 0],
    [0x67, 0, 0, 0, 64],
    EXIT,
    [0x67, 0, 0, 0, 65],
    EXIT,
  ]),
  bad('a callee comes at its call', 'EINVAL', 'invalid shift 65', [
    [0x85, 0, 1, 0, 2],
    [0x67, 0, 0, 0, 64],
    EXIT,
    ZERO,
    [0x67, 0, 0, 0, 65],
    EXIT,
  ]),
  // What a constant rules out is not looked at.
  good('bad helper behind a constant', [ZERO, [0x15, 0, 0, 1, 0], [0x85, 0, 0, 0, 195896080], EXIT]),
  good('bad helper behind a computed constant', [[0xb4, 0, 0, 0, 6], [0x54, 0, 0, 0, 3], [0x16, 0, 0, 1, 2], [0x37], EXIT]),
  bad('bad helper behind an unknown value', 'EINVAL', 'invalid func unknown#195896080', [
    [0x85, 0, 0, 0, 7],
    [0x15, 0, 0, 1, 0],
    [0x85, 0, 0, 0, 195896080],
    EXIT,
  ]),
];

interface Answer {
  readonly errno: string | undefined;
  readonly message: string;
  /** Refused before the simulation started. */
  readonly early: boolean;
}

const noMap = ({ fd }: { readonly fd: number }) => ({ errno: 'EBADF', message: `fd ${fd} is not pointing to valid bpf_map` }) as const;

/** A kernel with types, type 1 no function: without any, calls of its functions are refused before all else. */
const kernelBtf = Btf.parse(describeFunctions([]).btf);

const check = (row: Row): Answer => {
  const program = { type: row.type ?? SOCKET_FILTER, insns: bytesOf(row.insns), gplCompatible: (row.license ?? 'GPL') === 'GPL' };
  const { verdict, errno, message, stats } = verify(program, { map: noMap, kernelBtf });
  return {
    errno: verdict === 'accepted' ? undefined : errno,
    message: verdict === 'accepted' ? '' : (message.split('\n').at(-1) ?? ''),
    early: stats.processed === 0,
  };
};

const { bpf, reason } = kernel;

/** The kernel's answer: its last line before the statistics. */
function ask(row: Row): Answer {
  if (bpf === undefined) throw new Error('no kernel');
  try {
    const { fd } = bpf.progLoad({ type: row.type ?? SOCKET_FILTER, insns: bytesOf(row.insns), license: row.license ?? 'GPL', logLevel: 1 });
    bpf.close(fd);
    return { errno: undefined, message: '', early: false };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const lines = error.log.trimEnd().split('\n');
    const message = lines.filter((line) => !line.startsWith('processed ')).at(-1) ?? '';
    return { errno: error.code, message, early: error.log.includes('processed 0 insns') };
  }
}

describe('verify', () => {
  it.each(ROWS)('$name', (row) => {
    const { errno, message } = check(row);
    expect([errno, message]).toEqual([row.errno, row.message ?? '']);
  });

  it('puts the refusal of a map reference where the kernel does', () => {
    const insns: readonly Raw[] = [[0x18, 1, 1, 0, 77], [0], [0xff], EXIT];
    const program = { type: SOCKET_FILTER, insns: bytesOf(insns), gplCompatible: true };
    expect(verify(program, { map: noMap })).toMatchObject({ errno: 'EBADF', insn: 0, message: 'fd 77 is not pointing to valid bpf_map' });
    const array: MapFacts = { type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0, name: '' };
    expect(verify(program, { map: () => array })).toMatchObject({ message: 'unknown opcode ff', insn: 2 });
  });
});

if (bpf === undefined) {
  describe('the running kernel', () => it.skip(`skipped: ${reason}`));
} else {
  describe('the running kernel', () => {
    it.each(ROWS)('$name', (row) => {
      const { errno, message } = ask(row);
      expect([errno, message]).toEqual([row.errno, row.message ?? '']);
    });

    it('agrees on random programs: early refusals are the same, what it accepts is accepted', () => {
      const insn = fc
        .tuple(
          fc.constantFrom(...INSN_TABLE),
          fc.nat({ max: 11 }),
          fc.nat({ max: 11 }),
          fc.integer({ min: -4, max: 4 }),
          fc.oneof(fc.integer({ min: -4, max: 8 }), fc.integer()),
          fc.nat({ max: 30 }),
        )
        .map(([row, dst, src, off, imm, noise]): Raw => {
          const used = FORM_FIELDS[row.form];
          const all = noise === 0;
          return [
            noise === 1 ? imm & 0xff : row.code,
            used.dst || all ? dst : 0,
            row.src ?? (used.src || all ? src : 0),
            row.off ?? (used.off || all ? off : 0),
            // Most numbers are no kernel function, but which ones are is the kernel's build's business.
            row.imm ?? (row.form === 'call_kfunc' ? imm & 1 : used.imm || all ? imm : 0),
          ];
        });
      const seen = { early: 0, late: 0, accepted: 0 };
      fc.assert(
        fc.property(fc.array(insn, { maxLength: 8 }), fc.boolean(), (insns, plain) => {
          // Random programs hardly ever pass: half of them are made of arithmetic on initialised registers.
          const start = encode(
            Array.from({ length: 10 }, (_, dst): Instruction => ({ kind: 'alu', width: 64, op: 'mov', dst, src: { imm: dst } })),
          );
          const body = plain ? insns.filter(([code]) => (code & 7) === 4 || (code & 7) === 7) : insns;
          const head: Raw[] = plain ? Array.from({ length: 10 }, (_, i): Raw => [start[i * 8] ?? 0, i, 0, 0, i]) : [];
          const row = { name: '', insns: [...head, ...body, ZERO, EXIT] };
          const theirs = ask(row);
          const ours = check(row);
          if (theirs.errno === undefined) {
            seen.accepted++;
            expect(ours.errno).toBeUndefined();
          } else if (theirs.early || ours.early) {
            seen.early++;
            expect(ours).toEqual(theirs);
          } else {
            seen.late++;
          }
        }),
        { numRuns: 1500 },
      );
      expect(seen.early).toBeGreaterThan(50);
      expect(seen.accepted).toBeGreaterThan(50);
    });
  });
}
