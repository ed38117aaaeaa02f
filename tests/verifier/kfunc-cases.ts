/** Programs that call kernel functions: one of each rule that is kept, and one that breaks it. What the answer is the live kernel says. */
import type { Question } from '../support/verifier.ts';
import type { Case } from './cases.ts';

const TC = { type: 3 };
const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, text, ...TC, ...more });
const END = '\nr0 = 0\nexit';
const call = (name: string): string => `\ncall kfunc ${name}\n`;
const fp = (reg: number, off: number): string => `\nr${reg} = r10\nr${reg} += ${off}\n`;

const NEW = `${fp(1, -8)}r2 = 0\nr3 = 10${call('bpf_iter_num_new')}`;
const NEXT = `${fp(1, -8)}${call('bpf_iter_num_next')}`;
const DESTROY = `${fp(1, -8)}${call('bpf_iter_num_destroy')}`;
/** A loop: `body` runs with r0 pointing to the number. */
const LOOP = (body: string, slots: number): string =>
  `${NEW}${fp(1, -8)}${call('bpf_iter_num_next')}if r0 == 0 goto +${slots + 1}\n${body}\ngoto -${slots + 5}${DESTROY}`;

export const KFUNC_CASES: readonly Case[] = [
  row('iterator of numbers', LOOP('r1 = *(u32 *)(r0 + 0)', 1) + END),
  row('iterator is leaked', NEW + END),
  row('iterator is destroyed at once', NEW + DESTROY + END),
  row('iterator is moved on before it is made', NEXT + END),
  row('iterator is destroyed twice', NEW + DESTROY + DESTROY + END),
  row('iterator is made twice', NEW + NEW + DESTROY + END),
  row('element is not checked', `${NEW}${NEXT}r1 = *(u32 *)(r0 + 0)${DESTROY}${END}`),
  row('element is written', LOOP('*(u32 *)(r0 + 0) = 1', 1) + END),
  row('element beyond', LOOP('r1 = *(u32 *)(r0 + 4)', 1) + END),
  row('rcu lock', `${call('bpf_rcu_read_lock')}${call('bpf_rcu_read_unlock')}${END}`),
  row('rcu lock is leaked', `${call('bpf_rcu_read_lock')}${END}`),
  row('rcu lock twice', `${call('bpf_rcu_read_lock')}${call('bpf_rcu_read_lock')}${END}`),
  row('rcu unlock', `${call('bpf_rcu_read_unlock')}${END}`),
  row('preemption', `${call('bpf_preempt_disable')}${call('bpf_preempt_enable')}${END}`),
  row('preemption twice', `${call('bpf_preempt_disable').repeat(2)}${call('bpf_preempt_enable').repeat(2)}${END}`),
  row('preemption is left off', `${call('bpf_preempt_disable').repeat(2)}${call('bpf_preempt_enable')}${END}`),
  row('preemption was on', `${call('bpf_preempt_enable')}${END}`),
];
