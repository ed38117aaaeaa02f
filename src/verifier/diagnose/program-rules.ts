/** Rules of programs as a whole: their shape, their types, what they attach to, and how much there may be of them. */
import type { Rule } from './rule.ts';

/** In the order in which they are tried. */
export const PROGRAM_RULES: readonly Rule[] = [
  {
    code: 'endless-loop',
    summary: 'a loop comes back to a state in which it was',
    matches: /infinite loop detected/,
    help: () => 'let something that the condition tests change in each round',
  },
  {
    code: 'too-complex',
    summary: 'verification takes more steps or states than are allowed',
    matches: /too large|too complex|too many|Too many|iteration limit/,
    help: () => 'shorten loops, or move their body to a global function or bpf_loop',
  },
  {
    code: 'back-edge',
    summary: 'without CAP_BPF a program may not loop',
    matches: /back-edge/,
    help: () => 'unroll the loop, or load with CAP_BPF',
  },
  {
    code: 'unreachable',
    summary: 'an instruction is never reached',
    matches: /unreachable insn/,
    help: () => 'remove the dead code',
  },
  {
    code: 'jump',
    summary: 'control leaves its function other than by call and exit',
    matches: /jump (out of range|into the middle)|last insn is not|invalid insn idx/,
    help: () => 'end every function with exit or a jump back into it',
  },
  {
    code: 'packet-load',
    summary: 'the old packet loads belong to socket and traffic-control programs, with the context in r6',
    matches: /BPF_LD_\[?ABS/,
    help: () => 'use bpf_skb_load_bytes or direct packet access',
  },
  {
    code: 'map-reference',
    summary: 'an instruction names a map that is not there, or that may not be named so',
    matches:
      /is not pointing to valid bpf_map|unrecognized bpf_ld_imm64|fd_idx|ldimm64|ksym|kernel symbol|pseudo btf_id|fd array|program's hash/,
    help: () => 'load the object through a loader that creates its maps and resolves its symbols',
  },
  {
    code: 'reserved-field',
    summary: 'an instruction that does not exist, or with fields set that it does not use',
    matches:
      /reserved fields|unknown opcode|invalid shift|div by zero|invalid may_goto|addr_space_cast|invalid bpf_ld_imm64|^R\d+ is invalid|frame pointer is read only|not eliminated|__bpf_trap|address space/,
    help: () => "this is not code that a compiler makes: check the assembler or the loader's relocations",
  },
  {
    code: 'attach-target',
    summary: 'the place that the program is to attach to does not exist, or takes no such program',
    matches:
      /attach|btf_id|program extension|Cannot (extend|replace|nest)|not modifiable|must provide|Tracing programs|FENTRY|fmod_ret|LSM|noreturn|rejected\.|not sleepable|hook|doesn't have .*-th argument|context argument|recursively|Program extension|extension|func_proto|modify return codes/,
    help: () => "check the name in the section against the running kernel's BTF: bpftool btf dump file /sys/kernel/btf/vmlinux",
  },
  {
    code: 'btf',
    summary: 'the BTF of the program or of the kernel does not say what it must',
    matches:
      /BTF|func.info|line_info|type id|Type |type of|doesn't have a name|candidate|relo|size of type|has no matches|is ambiguous|bad parent|insn offset|type '/,
    help: () => 'compile with clang -g -target bpf and leave its BTF as it is',
  },
  {
    code: 'verifier-bug',
    summary: 'the verifier contradicts itself: please report it with the object',
    matches: /^verifier bug|out of sync/,
  },
];
