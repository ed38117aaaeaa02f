/** Rules of calls: helpers, kernel functions, subprograms, and objects that they give. */
import type { Rule } from './rule.ts';

/** In the order in which they are tried. */
export const CALL_RULES: readonly Rule[] = [
  {
    code: 'reference-leak',
    summary: 'a reference is not given back on some path',
    matches: /Unreleased reference|reference leak|overwrite referenced dynptr/,
    help: () => "give it back on every path: bpf_ringbuf_submit or _discard, bpf_sk_release, bpf_obj_drop, the iterator's destroy",
  },
  {
    code: 'use-after-release',
    summary: 'something is given back that is not held',
    matches: /has not been acquired|expects refcounted|must be referenced|unowned const|unacquired reference|cannot release|ref_obj_id/,
    help: ({ it }) => `give ${it} back once, on the path that took it, and do not use it afterwards`,
  },
  {
    code: 'lock',
    summary: 'locks are taken and given back in pairs, one at a time, and little is allowed between',
    matches:
      /holding a lock|_lock\b|_unlock|lock-ed region|lock and object|AA deadlock|held for|rbtree cb|rcu_read_\{lock|spin_\{lock|without taking a lock|owning|same lock/,
    help: () => 'take the lock late, give it back on every path before anything else is called',
  },
  {
    code: 'critical-section',
    summary: 'RCU, preempt-off and irq-off sections are left as they were entered, and nothing sleeps in them',
    matches: /rcu_read_lock|rcu read|RCU|preempt|IRQ|irq|disable-ed region|non-preemptible|save-ed region/,
    help: () => 'leave the section on every path, in the order in which it was entered, and sleep outside of it',
  },
  {
    code: 'sleepable',
    summary: 'something that may sleep in a program that may not, or the other way round',
    matches: /sleep/i,
    help: () => 'use a sleepable section (SEC("lsm.s/…"), SEC("fentry.s/…")), or a call that does not sleep',
  },
  {
    code: 'special-field',
    summary: 'locks, timers, kptrs, lists and trees in map values are used through their helpers, at their places',
    matches:
      /kptr|uptr|obj_new requires|type ID argument|_node not found|isn't map pointer|bpf_timer|bpf_wq|workqueue|task_work|timer pointer|list_head|rb_root|rb_node|refcount|accessed directly|accessed indirectly|bpf_spin_lock|doesn't point to 'struct|has no valid|has to have BTF|doesn't match map pointer|map_uid|map pointer in/,
    help: () => 'pass the address of the field itself to its helper, and the map that it lies in',
  },
  {
    code: 'dynptr',
    summary: 'dynptrs are made, used and released on the stack by their helpers',
    matches: /^(?!calling kernel|program must|cannot pass map).*dynptr/i,
    help: () => 'keep the dynptr on the stack, initialise it once, and touch it through helpers only',
  },
  {
    code: 'iterator',
    summary: 'iterators are made, advanced and destroyed on the stack by their functions',
    matches: /\biter(ator)?\b|iter_/i,
    help: () => 'keep the iterator on the stack: new, next until NULL, destroy',
  },
  {
    code: 'license',
    summary: 'this is for programs with a GPL-compatible licence',
    matches: /GPL/,
    help: () => 'declare a GPL-compatible license: char LICENSE[] SEC("license") = "GPL";',
  },
  {
    code: 'helper-not-allowed',
    summary: 'the program type, as it is attached, does not have this helper',
    matches:
      /cannot use helper|invalid func unknown|not allowed in probe|not supported for program type|supported only for|helper .* not allowed/,
    help: () => 'call a helper that programs of this type have, or use another type; some need capabilities or an attach type',
  },
  {
    code: 'kfunc',
    summary: 'a kernel function that does not exist, is not for this program, or not with these arguments',
    matches: /kernel func|kfunc|args?#\d|ext(ern)?al function|kernel function|metadata/,
    help: () => "check the kernel function's prototype and which program types may call it",
  },
  {
    code: 'map-type',
    summary: 'a helper is given a map of a type that it does not take, or the program may not use the map',
    matches:
      /cannot pass map_type|arg_type for sockmap|expected prog array|not allowed for map|direct value access|map_ptr access|can only use array|per program has reached|cgroup storage|arena|struct_ops map|tracing progs cannot|socket filter progs/,
    help: () => 'use a map of a type that the helper takes',
  },
  {
    code: 'size-zero',
    summary: 'a size may be 0 where it may not',
    matches: /zero-sized/,
    help: ({ it, name, beforeHere }) => `make sure that ${it} is not 0${beforeHere}: if (!${name}) return 0;`,
  },
  {
    code: 'constant-argument',
    summary: 'an argument must be a constant that the verifier knows',
    matches:
      /not a known constant|not a const|must be a known constant|constant address|zero-terminated|Invalid format string|non-zero flags|const string|must be 0 when|not a scalar$/,
    help: ({ it }) => `pass a constant for ${it}, not a variable`,
  },
  {
    code: 'argument-type',
    summary: 'an argument is of another type than the call takes',
    matches:
      /type=.* expected=|but .* is expected|expected pointer|expected to be|Caller passes invalid args|reg type|Helper has invalid|expected fp|doesn't match .*\*\)|R\d+ must be|is not supported yet|not a valid/,
    help: ({ it }) => `pass what the prototype says for ${it}`,
  },
  {
    code: 'return-value',
    summary: 'the result lies outside of what may be returned here',
    matches: /should have been in|At .* the register|R0 not a scalar|modify return value|cannot return/,
    help: ({ message }) => {
      const range = /should have been in \[(-?\d+), (-?\d+)\]/.exec(message);
      return range === null ? 'return a number' : `return ${range[1] === range[2] ? range[1] : `a number from ${range[1]} to ${range[2]}`}`;
    },
  },
  {
    code: 'call-depth',
    summary: 'a chain of calls uses more than 512 bytes of stack, or is deeper than 8 frames',
    matches: /call stack of|combined stack size|stack size of subprog/,
    help: () => 'use less stack in the functions of this chain (large buffers go into a per-CPU array), or fewer calls',
  },
  {
    code: 'callback',
    summary: 'a callback that is no static function, or does what callbacks may not',
    matches: /callback|exception cb|bpf_throw/,
    help: () => "pass a static function with the callback's prototype",
  },
  {
    code: 'tail-call',
    summary: 'tail calls and packet loads in functions need BTF and an int result',
    matches: /tail_call|tail call|LD_ABS is/,
    help: () => 'make the function return int and compile with -g, or mark it __always_inline',
  },
  {
    code: 'function',
    summary: "a function's prototype or its calls break the rules of subprograms",
    matches:
      /[Gg]lobal function|Function |The function|Func#|subprog|call to invalid destination|loading\/calling other|func '|parameter .* of|Return type|arg\d in|arg\d+ .*\(struct|prototype|\(\) has|\(\) is|memory, len|Only those are supported|tags?\b/,
    help: () =>
      'global functions take numbers, contexts and pointers to sized memory, and return a number; static ones are checked at each call',
  },
];
