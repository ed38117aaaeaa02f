/** Programs whose functions BTF describes: what parameters may be, tags, calls, and records that do not fit. */
import { type Described, describeProgram, type Line } from '../support/btf-functions.ts';
import type { Question } from '../support/verifier.ts';
import type { Case } from './cases.ts';

/** f is called with what `before` puts into R1..; its body starts right after main. */
interface Callee {
  readonly proto: string;
  readonly tags?: Described['tags'];
  readonly linkage?: Described['linkage'];
  readonly before?: readonly string[];
  readonly body: string;
  readonly main?: string;
  readonly type?: number;
  readonly more?: Partial<Question>;
}

function slots(text: string): number {
  return text.split('\n').reduce((n, line) => n + (line.trim() === '' ? 0 : /map\[|subprog\[/.test(line) ? 2 : 1), 0);
}

const MAIN: Readonly<Record<number, string>> = {
  1: 'struct __sk_buff *',
  2: 'bpf_user_pt_regs_t *',
  6: 'struct xdp_md *',
  17: 'void *',
  5: 'void *',
};

function call(name: string, { proto, tags, linkage, before = [], body, main, type = 17, more = {} }: Callee): Case {
  const head = [...before, 'call pc+2', 'r0 = 0', 'exit'].join('\n');
  const functions: Described[] = [
    { insn: 0, proto: main ?? `int main(${MAIN[type] ?? 'void *'})` },
    { insn: slots(head), proto, ...(tags === undefined ? {} : { tags }), ...(linkage === undefined ? {} : { linkage }) },
  ];
  return { name, text: `${head}\n${body}`, type, functions: describeProgram(functions), ...more };
}

const OK = 'r0 = 0\nexit';
const STACK = ['*(u64 *)(r10 - 8) = 0', 'r1 = r10', 'r1 += -8'];
const TASK = ['call bpf_get_current_task_btf', 'r1 = r0'];
const DYNPTR = [
  'r6 = r1',
  'r1 = map[fd:$ring]',
  'r2 = 8',
  'r3 = 0',
  'r4 = r10',
  'r4 += -16',
  'call bpf_ringbuf_reserve_dynptr',
  'r1 = r10',
  'r1 += -16',
];

const CALLS: readonly Case[] = [
  call('void result', { proto: 'void f(int)', before: ['r1 = 0'], body: OK }),
  call('pointer result', { proto: 'int * f(int)', before: ['r1 = 0'], body: OK }),
  call('enum result', { proto: 'enum e f(int)', before: ['r1 = 0'], body: OK }),
  call('struct result', { proto: 'struct s f(int)', before: ['r1 = 0'], body: OK }),
  call('128-bit result', { proto: '__int128 f(int)', before: ['r1 = 0'], body: OK }),
  call('six parameters', { proto: 'int f(int, int, int, int, int, int)', before: ['r1 = 0'], body: OK }),
  call('struct parameter', { proto: 'int f(struct s)', before: ['r1 = 0'], body: OK }),
  call('float parameter', { proto: 'int f(float)', before: ['r1 = 0'], body: OK }),
  call('enum parameter', { proto: 'int f(enum e)', before: ['r1 = 0'], body: 'r0 = r1\nexit' }),
  call('void pointer', { proto: 'int f(void *)', before: STACK, body: OK }),
  call('pointer to a forward declaration', { proto: 'int f(fwd s *)', before: STACK, body: OK }),
  call('pointer to an array', {
    proto: 'int f(int[4] *)',
    before: ['*(u64 *)(r10 - 8) = 0', '*(u64 *)(r10 - 16) = 0', 'r1 = r10', 'r1 += -16'],
    body: 'if r1 == 0 goto +1\nr0 = *(u32 *)(r1 + 12)\nr0 = 0\nexit',
  }),
  call('pointer to an empty array', { proto: 'int f(int[0] *)', before: STACK, body: OK }),
  call('pointer to a pointer', { proto: 'int f(int * *)', before: STACK, body: 'if r1 == 0 goto +1\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit' }),
  call('const pointer written', {
    proto: 'int f(const int *)',
    before: STACK,
    body: 'if r1 == 0 goto +1\n*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit',
  }),
  call('nonnull', { proto: 'int f(int *)', tags: { 0: 'arg:nonnull' }, before: STACK, body: 'r0 = *(u32 *)(r1 + 0)\nexit' }),
  call('nonnull given NULL', {
    proto: 'int f(int *)',
    tags: { 0: 'arg:nonnull' },
    before: ['r1 = 0'],
    body: 'r0 = *(u32 *)(r1 + 0)\nexit',
  }),
  call('nonnull given a maybe', {
    proto: 'int f(int *)',
    tags: { 0: 'arg:nonnull' },
    before: ['*(u64 *)(r10 - 8) = 0', 'r2 = r10', 'r2 += -8', 'r1 = map[fd:$hash]', 'call bpf_map_lookup_elem', 'r1 = r0'],
    body: 'r0 = *(u32 *)(r1 + 0)\nexit',
  }),
  call('memory given a maybe', {
    proto: 'int f(int *)',
    before: ['*(u64 *)(r10 - 8) = 0', 'r2 = r10', 'r2 += -8', 'r1 = map[fd:$hash]', 'call bpf_map_lookup_elem', 'r1 = r0'],
    body: 'if r1 == 0 goto +1\nr0 = *(u32 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('memory given read-only memory', { proto: 'int f(int *)', before: ['r1 = map[fd:$rdonly][0]+0'], body: OK }),
  call('memory given a context', { proto: 'int f(int *)', body: OK }),
  call('memory given a task', { proto: 'int f(int *)', before: TASK, body: OK }),
  call('memory of the task struct', { proto: 'int f(struct task_struct *)', before: TASK, body: OK }),
  call('two tags', {
    proto: 'int f(int *)',
    tags: { 0: ['arg:nonnull', 'arg:nonnull'] },
    before: STACK,
    body: 'r0 = *(u32 *)(r1 + 0)\nexit',
  }),
  call('nullable memory', { proto: 'int f(int *)', tags: { 0: 'arg:nullable' }, before: STACK, body: OK }),
  call('unknown tag', { proto: 'int f(int *)', tags: { 0: 'arg:what' }, before: STACK, body: OK }),
  call('tag of another family', { proto: 'int f(int *)', tags: { 0: 'note' }, before: STACK, body: OK }),
  call('tag on a number', { proto: 'int f(int)', tags: { 0: 'arg:nonnull' }, before: ['r1 = 0'], body: OK }),
  call('tag in a static function', {
    proto: 'int f(int *)',
    linkage: 'static',
    tags: { 0: 'arg:nonnull' },
    before: STACK,
    body: 'r0 = *(u32 *)(r1 + 0)\nexit',
  }),
  call('static function given a pointer for a number', {
    proto: 'int f(int)',
    linkage: 'static',
    before: STACK,
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('ctx tag on void', { proto: 'int f(void *)', tags: { 0: 'arg:ctx' }, body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit' }),
  call('ctx tag and nonnull', { proto: 'int f(void *)', tags: { 0: ['arg:ctx', 'arg:nonnull'] }, body: OK }),
  call('ctx tag on u64', { proto: 'int f(u64 *)', tags: { 0: 'arg:ctx' }, body: 'r0 = *(u64 *)(r1 + 8)\nr0 = 0\nexit' }),
  call('ctx tag on int', { proto: 'int f(int *)', tags: { 0: 'arg:ctx' }, body: OK }),
  call('ctx tag on the type', {
    proto: 'int f(struct bpf_raw_tracepoint_args *)',
    tags: { 0: 'arg:ctx' },
    body: 'r0 = *(u64 *)(r1 + 8)\nr0 = 0\nexit',
  }),
  call('ctx by its type', { proto: 'int f(struct bpf_raw_tracepoint_args *)', body: 'r0 = *(u64 *)(r1 + 8)\nr0 = 0\nexit' }),
  call('ctx given a moved one', { proto: 'int f(struct bpf_raw_tracepoint_args *)', before: ['r1 += 8'], body: OK }),
  call('ctx of another type', { proto: 'int f(struct __sk_buff *)', tags: { 0: 'arg:ctx' }, body: OK }),
  call('ctx of a socket filter', { proto: 'int f(struct __sk_buff *)', body: 'r0 = *(u32 *)(r1 + 0)\nexit', type: 1 }),
  call('ctx of a socket filter as the kernel has it', { proto: 'int f(struct sk_buff *)', body: 'r0 = *(u32 *)(r1 + 0)\nexit', type: 1 }),
  call('ctx tag on an anonymous struct', { proto: 'int f(struct *)', tags: { 0: 'arg:ctx' }, body: OK, type: 1 }),
  call('ctx of xdp', { proto: 'int f(struct xdp_md *)', body: 'r0 = *(u32 *)(r1 + 0)\nr0 = 1\nexit', type: 6 }),
  call('ctx of xdp as the kernel has it', { proto: 'int f(struct xdp_buff *)', body: OK, type: 6 }),
  call('ctx of a kprobe by its typedef', { proto: 'int f(bpf_user_pt_regs_t *)', body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit', type: 2 }),
  call('ctx of a kprobe by its struct', { proto: 'int f(struct pt_regs *)', body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit', type: 2 }),
  call('ctx of a kprobe by its tagged struct', {
    proto: 'int f(struct pt_regs *)',
    tags: { 0: 'arg:ctx' },
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
    type: 2,
  }),
  call('ctx of a perf event', {
    proto: 'int f(struct bpf_perf_event_data *)',
    tags: { 0: 'arg:ctx' },
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
    type: 7,
  }),
  call('ctx of a tracepoint', {
    proto: 'int f(struct anything *)',
    tags: { 0: 'arg:ctx' },
    body: 'r0 = *(u64 *)(r1 + 8)\nr0 = 0\nexit',
    type: 5,
  }),
  call('dynptr', { proto: 'int f(struct bpf_dynptr *)', before: DYNPTR, body: OK }),
  call('dynptr used', {
    proto: 'int f(struct bpf_dynptr *)',
    before: [...STACK],
    body: 'r2 = 0\nr3 = 4\ncall bpf_dynptr_data\nif r0 == 0 goto +1\nr0 = *(u32 *)(r0 + 0)\nr0 = 0\nexit',
  }),
  call('dynptr tagged', { proto: 'int f(struct bpf_dynptr *)', tags: { 0: 'arg:nonnull' }, before: STACK, body: OK }),
  call('dynptr given memory', { proto: 'int f(struct bpf_dynptr *)', before: STACK, body: OK }),
  call('dynptr given NULL', { proto: 'int f(struct bpf_dynptr *)', before: ['r1 = 0'], body: OK }),
  call('dynptr by its forward declaration', { proto: 'int f(fwd bpf_dynptr *)', before: STACK, body: OK }),
  call('trusted', {
    proto: 'int f(struct task_struct *)',
    tags: { 0: 'arg:trusted' },
    before: TASK,
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('trusted flavour', {
    proto: 'int f(struct task_struct___mine *)',
    tags: { 0: 'arg:trusted' },
    before: TASK,
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('trusted given NULL', { proto: 'int f(struct task_struct *)', tags: { 0: 'arg:trusted' }, before: ['r1 = 0'], body: OK }),
  call('trusted given a number', { proto: 'int f(struct task_struct *)', tags: { 0: 'arg:trusted' }, before: ['r1 = 5'], body: OK }),
  call('trusted given another struct', { proto: 'int f(struct mm_struct *)', tags: { 0: 'arg:trusted' }, before: TASK, body: OK }),
  call('trusted nullable', {
    proto: 'int f(struct task_struct *)',
    tags: { 0: ['arg:trusted', 'arg:nullable'] },
    before: ['r1 = 0'],
    body: 'if r1 == 0 goto +1\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('trusted nullable unchecked', {
    proto: 'int f(struct task_struct *)',
    tags: { 0: ['arg:trusted', 'arg:nullable'] },
    before: ['r1 = 0'],
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('trusted nonnull', { proto: 'int f(struct task_struct *)', tags: { 0: ['arg:trusted', 'arg:nonnull'] }, before: TASK, body: OK }),
  call('trusted of nothing', { proto: 'int f(struct no_such_thing *)', tags: { 0: 'arg:trusted' }, before: TASK, body: OK }),
  call('trusted int', { proto: 'int f(int *)', tags: { 0: 'arg:trusted' }, before: TASK, body: OK }),
  call('trusted given its middle', {
    proto: 'int f(struct task_struct *)',
    tags: { 0: 'arg:trusted' },
    before: [...TASK, 'r1 += 8'],
    body: OK,
  }),
  call('untrusted', {
    proto: 'int f(struct task_struct *)',
    tags: { 0: 'arg:untrusted' },
    before: ['r1 = 5'],
    body: 'r0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit',
  }),
  call('untrusted void', {
    proto: 'int f(void *)',
    tags: { 0: 'arg:untrusted' },
    before: STACK,
    body: 'r0 = *(u64 *)(r1 + 1000)\nr0 = 0\nexit',
  }),
  call('untrusted int written', {
    proto: 'int f(int *)',
    tags: { 0: 'arg:untrusted' },
    before: STACK,
    body: '*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit',
  }),
  call('untrusted and nonnull', { proto: 'int f(int *)', tags: { 0: ['arg:untrusted', 'arg:nonnull'] }, before: STACK, body: OK }),
  call('untrusted of nothing', { proto: 'int f(struct no_such_thing *)', tags: { 0: 'arg:untrusted' }, before: STACK, body: OK }),
  call('untrusted union', { proto: 'int f(union u *)', tags: { 0: 'arg:untrusted' }, before: STACK, body: OK }),
  call('untrusted handed on', {
    proto: 'int f(struct task_struct *)',
    tags: { 0: 'arg:untrusted' },
    before: TASK,
    body: 'call bpf_task_pt_regs\nr0 = 0\nexit',
  }),
  call('arena', { proto: 'int f(int *)', tags: { 0: 'arg:arena' }, before: ['r1 = 0'], body: 'r0 = r1\nexit' }),
  call('arena given the stack', { proto: 'int f(int *)', tags: { 0: 'arg:arena' }, before: STACK, body: OK }),
  call('arena and nonnull', { proto: 'int f(int *)', tags: { 0: ['arg:arena', 'arg:nonnull'] }, before: ['r1 = 0'], body: OK }),
  call('returns a pointer', { proto: 'int f(int)', before: ['r1 = 0'], body: 'r0 = r10\nexit' }),
  call('returns its context', { proto: 'int f(struct __sk_buff *)', body: 'r0 = r1\nexit', type: 1 }),
  call('main takes something else', { proto: 'int f(int)', before: ['r1 = 0'], body: OK, main: 'int main(int)' }),
  call('main returns nothing', { proto: 'int f(int)', before: ['r1 = 0'], body: OK, main: 'void main(void *)' }),
  call('main takes two', { proto: 'int f(int)', before: ['r1 = 0'], body: 'r0 = r3\nexit', main: 'int main(void *, int)' }),
];

/** Two functions: main at 0, and one at 3. */
const TWO = 'call pc+2\nr0 = 0\nexit\nr0 = 0\nexit';
const F: readonly Described[] = [
  { insn: 0, proto: 'int main(void *)' },
  { insn: 3, proto: 'int f()', linkage: 'static' },
];

function records(name: string, functions: readonly Described[], lines?: readonly Line[], text = TWO, more: Partial<Question> = {}): Case {
  return { name, text, type: 17, functions: describeProgram(functions, lines), ...more };
}

/** func_info of these slots and type ids, whatever the functions are. */
function raw(name: string, words: readonly number[], text = TWO): Case {
  const { btf } = describeProgram(F);
  return { name, text, type: 17, functions: { btf, records: new Uint8Array(Uint32Array.from(words).buffer) } };
}

const JUMPY = 'r1 = map[fd:$array]\nr0 = 0\nexit';
const L = (...insns: readonly number[]): Line[] => insns.map((insn) => ({ insn }));

const RECORDS: readonly Case[] = [
  records('functions', F),
  records('one function too few', F.slice(0, 1)),
  records('one function too many', [...F, { insn: 4, proto: 'int g()', linkage: 'static' }]),
  records('function at the wrong slot', [F[0] ?? { insn: 0, proto: 'int main(void *)' }, { insn: 2, proto: 'int f()' }]),
  raw('first function not at 0', [1, 4, 3, 6]),
  raw('functions out of order', [0, 4, 3, 6, 2, 6]),
  raw('function twice', [0, 4, 0, 6]),
  raw('type that is no function', [0, 1, 3, 6]),
  raw('type that is none', [0, 999, 3, 6]),
  raw('type void', [0, 0, 3, 6]),
  records(
    'void function with a tail call',
    [
      { insn: 0, proto: 'int main(void *)' },
      { insn: 3, proto: 'void f()', linkage: 'static' },
    ],
    undefined,
    'call pc+2\nr0 = 0\nexit\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
  ),
  records(
    'void function with ld_abs',
    [
      { insn: 0, proto: 'int main(struct __sk_buff *)' },
      { insn: 3, proto: 'void f(struct __sk_buff *)', linkage: 'static' },
    ],
    undefined,
    'call pc+2\nr0 = 0\nexit\nr6 = r1\nr0 = *(u8 *)skb[0]\nexit',
    { type: 1 },
  ),
  records(
    '128-bit function with a tail call',
    [
      { insn: 0, proto: 'int main(void *)' },
      { insn: 3, proto: '__int128 f()', linkage: 'static' },
    ],
    undefined,
    'call pc+2\nr0 = 0\nexit\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
  ),
  records('lines', F, L(0, 1, 3)),
  records('lines for every slot', F, L(0, 1, 2, 3, 4)),
  records('no line at the start', F, L(1, 3)),
  records('no line for a function', F, L(0, 1)),
  records('no line at a function', F, L(0, 4)),
  records('lines out of order', F, L(0, 3, 2)),
  records('line twice', F, L(0, 0, 3)),
  records('line beyond', F, L(0, 3, 5)),
  records('line far beyond', F, L(0, 3, 4_000_000_000)),
  records('line without a name', F, [{ insn: 0, source: 0 }, { insn: 3 }]),
  records('line of no string', F, [{ insn: 0, source: 100_000 }, { insn: 3 }]),
  records('file of no string', F, [{ insn: 0, file: 100_000 }, { insn: 3 }]),
  records('line in an ld_imm64', F.slice(0, 1), L(0, 1), JUMPY),
  records('line numbers', F, [
    { insn: 0, line: 7 },
    { insn: 3, line: 9 },
  ]),
];

export const PROTOTYPE_CASES: readonly Case[] = [...CALLS, ...RECORDS];
