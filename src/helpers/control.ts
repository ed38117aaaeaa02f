/** Helpers that steer execution or tell how the program was reached. */
import { ERRNO } from '../base/index.ts';
import { arg } from './row.ts';
import type { HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const CONTROL_HELPERS = [
  {
    id: 12,
    name: 'tail_call',
    since: '4.2',
    gplOnly: false,
    ret: 'void',
    cret: 'long',
    args: [arg('void *', 'ctx', 'ctx'), arg('void *', 'prog_array_map', 'map'), arg('__u32', 'index', 'anything')],
    doc: 'Continues in another program of a program array and does not come back.',
  },
  {
    id: 58,
    name: 'override_return',
    since: '4.16',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct pt_regs *', 'regs', 'ctx'), arg('__u64', 'rc', 'anything')],
    doc: 'Makes the probed function return a value without running.',
  },
  {
    id: 173,
    name: 'get_func_ip',
    since: '5.15',
    gplOnly: true,
    ret: 'integer',
    cret: '__u64',
    args: [arg('void *', 'ctx', 'ctx')],
    doc: 'Gives the address of the function that the program is attached to.',
  },
  {
    id: 174,
    name: 'get_attach_cookie',
    since: '5.15',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [arg('void *', 'ctx', 'ctx')],
    doc: 'Gives the number that was attached together with the program.',
  },
  {
    id: 181,
    name: 'loop',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('__u32', 'nr_loops', 'anything'),
      arg('void *', 'callback_fn', 'func'),
      arg('void *', 'callback_ctx', 'stack_or_null'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Calls a callback a number of times until it returns 1.',
  },
  {
    id: 183,
    name: 'get_func_arg',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'ctx', 'ctx'), arg('__u32', 'n', 'anything'), arg('__u64 *', 'value', 'fixed_mem_uninit', { size: 8 })],
    doc: 'Gives one argument of the traced function.',
  },
  {
    id: 184,
    name: 'get_func_ret',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'ctx', 'ctx'), arg('__u64 *', 'value', 'fixed_mem_uninit', { size: 8 })],
    doc: 'Gives the return value of the traced function.',
  },
  {
    id: 185,
    name: 'get_func_arg_cnt',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'ctx', 'ctx')],
    doc: 'Gives the number of arguments of the traced function.',
  },
  {
    id: 186,
    name: 'get_retval',
    since: '5.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'int',
    args: [],
    doc: 'Gives the return value that the hook would have now.',
  },
  {
    id: 187,
    name: 'set_retval',
    since: '5.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'int',
    args: [arg('int', 'retval', 'anything')],
    doc: 'Sets the return value of the hook.',
  },
] as const satisfies readonly HelperProto[];

/** Most rounds of one bpf_loop (include/linux/bpf_verifier.h BPF_MAX_LOOPS, v6.18). */
const MAX_LOOPS = 8 << 20;
/** The verifier inlines loops, and its inlined code sets E2BIG with a 32-bit move, so programs see the upper half zero. */
const LOOP_E2BIG = 0x1_0000_0000 - ERRNO.E2BIG;

/** How the program was reached, and loops. tail_call has none: the interpreter performs it. */
export const CONTROL_IMPLS = {
  get_func_ip: (call) => call.funcIp,
  get_attach_cookie: (call) => call.cookie,
  loop(call) {
    if (call.u64(4) !== 0n) return -ERRNO.EINVAL;
    const rounds = call.off(1);
    if (rounds > MAX_LOOPS) return LOOP_E2BIG;
    const func = call.u64(2);
    const context = call.u64(3);
    for (let i = 0; i < rounds; i++) {
      if (call.callback(func, [BigInt(i), context]) !== 0n) return i + 1;
    }
    return rounds;
  },
} satisfies HelperImpls<(typeof CONTROL_HELPERS)[number]['name']>;
