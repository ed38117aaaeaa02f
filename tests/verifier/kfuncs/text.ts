/** Pieces of programs that call kernel functions, and rows of them. */
import type { Question } from '../../support/verifier.ts';
import type { Case } from '../cases.ts';

const SLEEPABLE = 16;
/** Types with kfuncs of their own. Rows are sched_cls programs unless they say otherwise. */
export const TYPE = {
  SOCKET: { type: 1 },
  KPROBE: { type: 2 },
  UPROBE_SLEEPABLE: { type: 2, flags: SLEEPABLE },
  TC: { type: 3 },
  TRACEPOINT: { type: 5 },
  XDP: { type: 6 },
  CGROUP_SKB: { type: 8 },
  RAW_TRACEPOINT: { type: 17 },
  SYSCALL: { type: 31, flags: SLEEPABLE },
} as const;

export const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, text, ...TYPE.TC, ...more });
export const END = '\nr0 = 0\nexit';
/** A call of a kernel function. */
export const call = (name: string): string => `\ncall kfunc ${name}\n`;
/** A pointer to the stack. */
export const fp = (reg: number, off: number): string => `\nr${reg} = r10\nr${reg} += ${off}\n`;
export const RANDOM = '\ncall bpf_get_prandom_u32\n';

/** An iterator of numbers at fp + `at`. */
export const NEW = (at = -8, start = '0', end = '10'): string => `${fp(1, at)}r2 = ${start}\nr3 = ${end}${call('bpf_iter_num_new')}`;
export const NEXT = (at = -8): string => `${fp(1, at)}${call('bpf_iter_num_next')}`;
export const DESTROY = (at = -8): string => `${fp(1, at)}${call('bpf_iter_num_destroy')}`;
/** A loop over an iterator of numbers: in `body`, of `slots` slots, r0 points to the number. */
export const LOOP = (body: string, slots: number, at = -8): string =>
  `${NEW(at)}${fp(1, at)}${call('bpf_iter_num_next')}if r0 == 0 goto +${slots + 1}\n${body}\ngoto -${slots + 5}${DESTROY(at)}`;

/** A value of `array` in r0, or the end. */
export const VALUE = `
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = map[fd:$array]
call bpf_map_lookup_elem
if r0 != 0 goto +2
r0 = 0
exit
`;
