/** The rules by what their messages say: a stable name for each, and what usually helps. */

/** A rule. */
export interface Rule {
  /** Kebab-case, stable. */
  readonly code: string;
  readonly matches: RegExp;
  /** What would fix it; `regs` are the registers at fault. */
  readonly help?: (regs: readonly string[]) => string;
}

const reg = (regs: readonly string[]): string => regs[0] ?? 'the register';

/** The first that matches is taken. */
export const RULES: readonly Rule[] = [
  { code: 'uninitialised-register', matches: /!read_ok/, help: (r) => `give ${reg(r)} a value on every path before this instruction` },
  {
    code: 'null-pointer',
    matches: /invalid mem access '\w*_or_null|null-check it first|expected to be non-NULL|type=\w*_or_null/,
    help: (r) => `check ${reg(r)} against NULL before it is used: if (!ptr) return 0;`,
  },
  {
    code: 'use-after-release',
    matches: /reference has not been acquired/,
    help: () => 'release a reference once, on the path that took it',
  },
  {
    code: 'reference-leak',
    matches: /Unreleased reference|reference leak/,
    help: () => 'give the reference back on every path: bpf_ringbuf_submit or _discard, bpf_sk_release',
  },
  {
    code: 'negative-offset',
    matches: /min value is negative/,
    help: (r) => `make ${reg(r)} unsigned, or test it first: if (i < 0) return 0;`,
  },
  {
    code: 'unbounded-size',
    matches: /unbounded memory access, use/,
    help: (r) => `bound ${reg(r)} before the call: if (size > sizeof(buf)) return 0;`,
  },
  { code: 'unbounded-offset', matches: /unbounded memory access/, help: (r) => `bound the offset in ${reg(r)}: if (i >= n) return 0;` },
  {
    code: 'packet-bounds',
    matches: /invalid access to packet|outside of the packet/,
    help: () => 'compare first: if (data + size > data_end) return 0; with the very pointer that is used',
  },
  {
    code: 'map-value-bounds',
    matches: /invalid access to map (value|key)/,
    help: () => 'keep offset and size within the value: test the index against the number of elements',
  },
  { code: 'memory-bounds', matches: /invalid access to memory/, help: () => 'keep offset and size within the memory that was reserved' },
  {
    code: 'stack-bounds',
    matches: /invalid (read from|write to|unbounded variable-offset|variable-offset).*stack/,
    help: () => 'use the 512 bytes below r10 only',
  },
  { code: 'uninitialised-stack', matches: /invalid read from stack/, help: () => 'initialise the whole buffer first: = {}' },
  { code: 'stack-alignment', matches: /misaligned stack access/, help: () => 'access the stack at multiples of the size' },
  { code: 'alignment', matches: /misaligned/ },
  {
    code: 'context-access',
    matches: /bpf_context access|ctx ptr|ctx access/,
    help: () => 'read a field of the context at its offset and size',
  },
  {
    code: 'scalar-dereference',
    matches: /invalid mem access/,
    help: (r) => `${reg(r)} is no pointer that may be read here; use a probe_read helper`,
  },
  { code: 'endless-loop', matches: /infinite loop detected/, help: () => 'let something that the condition tests change in each round' },
  {
    code: 'too-complex',
    matches: /too large|too complex/i,
    help: () => 'shorten loops, or move their body to a global function or bpf_loop',
  },
  { code: 'back-edge', matches: /back-edge/, help: () => 'loops need CAP_BPF' },
  { code: 'unreachable', matches: /unreachable insn/ },
  { code: 'jump', matches: /jump (out of range|into the middle)|last insn is not/ },
  { code: 'helper-not-allowed', matches: /cannot use helper|invalid func/ },
  { code: 'license', matches: /GPL/, help: () => 'declare a GPL-compatible license: char LICENSE[] SEC("license") = "GPL";' },
  { code: 'argument-type', matches: /type=\w+\s+expected=/ },
  { code: 'map-type', matches: /cannot pass map_type|expected prog array/ },
  { code: 'size-zero', matches: /invalid zero-sized/, help: (r) => `make sure that ${reg(r)} is not 0` },
  {
    code: 'pointer-arithmetic',
    matches: /pointer arithmetic|pointer prohibited|subtract pointer|math between|pointer offset|out of bounds/,
  },
  { code: 'pointer-leak', matches: /leaks addr|partial copy of pointer|pointer comparison prohibited/ },
  { code: 'return-value', matches: /should have been in|at program exit|cannot return/i, help: () => 'return a value in the range' },
  { code: 'lock', matches: /lock/ },
  {
    code: 'call-depth',
    matches: /call stack of|combined stack size|stack size of subprog/,
    help: () => 'use less stack in the functions of this chain, or fewer calls',
  },
  { code: 'spill', matches: /register (spill|fill)/, help: () => 'store and load pointers as 8 aligned bytes' },
  { code: 'read-only', matches: /(write into|read from) map forbidden|cannot write into|not allowed/ },
  { code: 'reserved-field', matches: /reserved fields|unknown opcode|invalid shift|div by zero|atomic/ },
];

/** What a rule is about: findings of verify() and of releases alike. */
export function ruleSummary(code: string): string {
  if (code.startsWith('release-')) return `the kernel release lacks this: ${code.slice('release-'.length).replaceAll('-', ' ')}`;
  return code.replaceAll('-', ' ');
}
