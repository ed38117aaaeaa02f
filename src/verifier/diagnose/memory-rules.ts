/** Rules of registers, pointers and memory. */
import type { Rule } from './rule.ts';

/** Number after `key=` in a message. */
function given(message: string, key: string): string | undefined {
  return new RegExp(`(?:^|[ ,(])${key}=(\\d+)`).exec(message)?.[1];
}

/** In the order in which they are tried. */
export const MEMORY_RULES: readonly Rule[] = [
  {
    code: 'uninitialised-register',
    summary: 'a register is read that has no value on this path',
    matches: /!read_ok/,
    help: ({ it, beforeHere }) => `give ${it} a value on every path${beforeHere}; calls leave r1 to r5 without one`,
  },
  {
    code: 'null-pointer',
    summary: 'a pointer that may be NULL is used before it was compared with NULL',
    matches:
      /invalid mem access '\w*_or_null|null-check it first|expected to be non-NULL|Possibly NULL pointer|type=\w*_or_null|\w*or_null_/,
    help: ({ it, name, beforeHere }) => `check ${it} against NULL${beforeHere}: if (!${name}) return 0;`,
  },
  {
    code: 'speculation',
    summary: 'without CAP_PERFMON pointer arithmetic must be maskable: one kind of pointer, one direction, one limit at each instruction',
    matches: /pointer arithmetic with it prohibited for !root/,
    help: () => 'use constant offsets, or an index that is bounded and never negative; or load with CAP_PERFMON',
  },
  {
    code: 'unprivileged',
    summary: 'the loader lacks a capability for this',
    matches: /prohibited for !root|CAP_BPF|CAP_PERFMON|CAP_SYS_ADMIN/,
    help: () => 'load the program with CAP_BPF and CAP_PERFMON',
  },
  {
    code: 'pointer-leak',
    summary: 'without CAP_PERFMON a program may not learn addresses',
    matches: /leaks addr|partial copy of pointer|sign-extension part|pointer comparison prohibited|leaking pointer|corrupt spilled pointer/,
    help: () => 'store, compare and return numbers only; or load the program with CAP_PERFMON',
  },
  {
    code: 'negative-offset',
    summary: 'an offset or size may be negative',
    matches: /min value is negative|negative offset|invalid negative access/,
    help: ({ it, name, beforeHere }) =>
      `bound ${it}${beforeHere}: if (${name} < 0 || ${name} > limit) return 0; where ${name} is unsigned the upper bound is enough`,
  },
  {
    code: 'unbounded-size',
    summary: 'a size has no upper bound',
    matches: /unbounded memory access, use/,
    help: ({ it, name, beforeHere }) => `bound ${it}${beforeHere}: if (${name} > sizeof(buf)) return 0;`,
  },
  {
    code: 'unbounded-offset',
    summary: 'an offset has no bounds',
    matches: /unbounded memory access|unbounded min value|makes \S+ pointer be out of bounds/,
    help: ({ it, name, beforeHere }) => `bound the offset in ${it}${beforeHere}: if (${name} >= n) return 0;`,
  },
  {
    code: 'packet-bounds',
    summary: 'packet bytes are used that were not compared with data_end',
    matches: /access to packet, off|outside of the packet/,
    help: ({ message, beforeHere }) =>
      `compare${beforeHere}: if (data + ${Number(given(message, 'off') ?? 0) + Number(given(message, 'size') ?? 0)} > data_end) return 0; with the pointer that is used`,
  },
  {
    code: 'packet-write',
    summary: 'the program type may not write packets, or may not hand them to this helper',
    matches: /cannot write into packet|writes to packet data|access to the packet is not allowed|changes packet data/,
    help: () => 'copy the bytes to the stack first, or use a helper such as bpf_skb_store_bytes',
  },
  {
    code: 'map-value-bounds',
    summary: 'an access lies outside of a map value or key',
    matches: /invalid access to map (value|key)|direct value offset/,
    help: ({ message, it, beforeHere }) => {
      const size = given(message, 'value_size') ?? given(message, 'key_size');
      const asked = given(message, 'size');
      if (size === undefined || asked === undefined) return 'keep offset and size within the value';
      return `the value has ${size} bytes: bound the offset in ${it}${beforeHere} so that offset + ${asked} is at most ${size}`;
    },
  },
  {
    code: 'memory-bounds',
    summary: 'an access lies outside of memory of known size',
    matches: /invalid access to memory|flow keys|buffer access|buffer offset|memory, len pair/,
    help: ({ message }) => `keep offset and size within the ${given(message, 'mem_size') ?? 'known'} bytes of the memory`,
  },
  {
    code: 'stack-alignment',
    summary: 'a stack access is not aligned to its size',
    matches: /misaligned stack access/,
    help: () => 'access the stack at multiples of the size',
  },
  {
    code: 'alignment',
    summary: 'an access is not aligned although strict alignment was asked for, or the instruction needs it',
    matches: /misaligned/,
    help: () => 'access memory at multiples of the size',
  },
  {
    code: 'stack-bounds',
    summary: 'an access lies outside of the 512 bytes of the stack frame',
    matches: /stack R\d+ (off=|var_off=)|invalid (unbounded )?variable-offset|stack pointer arithmetic|variable offset stack pointer/,
    help: () => 'use the 512 bytes below r10 only, with offsets whose bounds are known',
  },
  {
    code: 'uninitialised-stack',
    summary: 'stack bytes are read that were never written',
    matches: /invalid read from stack|uninit stack in range/,
    help: ({ beforeHere }) => `initialise the whole buffer${beforeHere}: = {}`,
  },
  {
    code: 'spill',
    summary: 'pointers are kept on the stack whole, and in the frame of who may use them',
    matches: /register (spill|fill)|spilled ptr in range|cannot spill pointers|cannot return stack pointer/,
    help: () => 'store and load pointers as 8 aligned bytes in the own frame',
  },
  {
    code: 'context-access',
    summary: 'the context is accessed at a place, size or direction that the program type does not have',
    matches:
      /bpf_context access|context argument|(dereference of modified|variable) ctx|bpf_dummy_ops_state|write support to|write access at|no write support/,
    help: () => 'access a field of the context at its own offset and size; copy a moved context pointer before it is moved',
  },
  {
    code: 'modified-pointer',
    summary: 'the pointer must be used as it was given, without an offset',
    matches:
      /dereference of modified|variable \S+ access var_off|must have zero offset|at an offset=|constant offset|variable offset|has to be at a/,
    help: ({ it }) => `use ${it} before anything is added to it`,
  },
  {
    code: 'kernel-access',
    summary: 'a kernel structure is accessed outside of its members, or written',
    matches:
      /access beyond|struct .* doesn't have field|cannot access ptr member|only read (from|is)|is ptr_|nest more|nesting depth|untrusted|direct access to|access memory: off|percpu memory|user memory|invalid \w+ access off|field .* doesn't have size|kernel 'struct/,
    help: () => 'read members of the structure at their offsets and sizes, or copy with bpf_probe_read_kernel',
  },
  {
    code: 'scalar-dereference',
    summary: 'a register is used as a pointer that is none, or none that may be used here',
    matches: /invalid mem access|is not a pointer to/,
    help: ({ it }) =>
      `${it} is no pointer that may be read here: numbers are no addresses; use a probe_read helper for those of other memory`,
  },
  {
    code: 'pointer-arithmetic',
    summary: 'an operation that the kind of pointer does not allow',
    matches:
      /pointer arithmetic|pointer prohibited|on pointer prohibited|subtract pointer|subtraction from stack|math between|pointer offset|be out of bounds/,
    help: ({ it }) => `add or subtract bounded numbers only; compute with numbers before they are added to ${it}`,
  },
  {
    code: 'pointer-kinds',
    summary: 'one instruction is reached with pointers of different kinds',
    matches: /same insn cannot be used with different pointers/,
    help: () => 'use one access for each kind of pointer, in branches of their own',
  },
  {
    code: 'atomic',
    summary: 'an atomic instruction on memory, with a size or of an operation that has none',
    matches: /atomic|BPF_ATOMIC/,
    help: () => 'use 32-bit or 64-bit atomic operations on map values or the stack',
  },
  {
    code: 'read-only',
    summary: 'memory is written that the program may only read, or read that it may only write',
    matches: /(write into|read from) map forbidden|map forbidden|cannot write into|change key|readonly|may write into memory|read-only/,
    help: () => 'copy to the stack and change the copy',
  },
];
