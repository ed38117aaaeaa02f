/** Programs whose stack the kernel makes larger or smaller when it rewrites them: saves around calls, may_goto, bpf_loop, thrown values, dead functions. */
import { describeFunctions } from '../../support/functions.ts';
import type { Question } from '../../support/verifier.ts';
import type { Case } from '../cases.ts';
import { call, END, fp, row, TYPE } from './text.ts';

const CPU = '\ncall bpf_get_smp_processor_id\n';
const save = (reg: number, at: number): string => `\n*(u64 *)(r10 ${at}) = r${reg}\n`;
const load = (reg: number, at: number): string => `\nr${reg} = *(u64 *)(r10 ${at})\n`;
const depth = (name: string, text: string, more: Partial<Question> = {}): Case => row(name, text, { level: 5, ...more });
const CASTS = call('bpf_cast_to_kern_ctx');

export const DEPTH_CASES: readonly Case[] = [
  depth('one register is saved', `r1 = 1${save(1, -16)}${CPU}${load(1, -16)}*(u64 *)(r10 - 8) = r1${END}`),
  depth('one register is saved at the top', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}${END}`),
  depth('two registers are saved', `r1 = 1\nr2 = 2${save(1, -8)}${save(2, -16)}${CPU}${load(2, -16)}${load(1, -8)}${END}`),
  depth('two registers are saved in another order', `r1 = 1\nr2 = 2${save(1, -16)}${save(2, -8)}${CPU}${load(2, -8)}${load(1, -16)}${END}`),
  depth('saved register is another one', `r1 = 1\nr2 = 2${save(1, -8)}${CPU}${load(2, -8)}${END}`),
  depth('saved result', `r0 = 1${save(0, -8)}${CPU}${load(0, -8)}${END}`),
  depth('saved register is of the callee', `r6 = 1${save(6, -8)}${CPU}${load(6, -8)}${END}`),
  depth('save at another place', `r1 = 1${save(1, -8)}${CPU}${load(1, -16)}${END}`),
  depth('save is used elsewhere', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}r2 = *(u64 *)(r10 - 8)${END}`),
  depth('save is overwritten elsewhere', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}*(u64 *)(r10 - 8) = r1${END}`),
  depth('save is partly overwritten elsewhere', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}*(u8 *)(r10 - 8) = 1${END}`),
  depth('save is used through a pointer', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}${fp(2, -8)}r2 = *(u64 *)(r2 + 0)${END}`),
  depth('stack below the saves', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}*(u64 *)(r10 - 16) = 1${END}`),
  depth('stack above the saves', `*(u64 *)(r10 - 8) = 1\nr1 = 1${save(1, -16)}${CPU}${load(1, -16)}${END}`),
  depth('saves at different places', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}r1 = 1${save(1, -16)}${CPU}${load(1, -16)}${END}`),
  depth('saves at the same place', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}r1 = 1${save(1, -8)}${CPU}${load(1, -8)}${END}`),
  depth('save around a helper that keeps no promise', `r1 = 1${save(1, -8)}\ncall bpf_get_prandom_u32\n${load(1, -8)}${END}`),
  depth('save around a helper with an argument', `r2 = 1\nr1 = map[fd:$progs]\nr3 = 0${save(2, -8)}${CPU}${load(2, -8)}${END}`),
  depth(
    'saves around both kinds of helpers',
    `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}${save(1, -8)}\ncall bpf_get_prandom_u32\n${load(1, -8)}${END}`,
  ),
  depth('save around a cast', `r2 = 1${save(2, -8)}${CASTS}${load(2, -8)}${END}`),
  depth('save of an argument around a cast', `${save(1, -8)}${CASTS}${load(1, -8)}${END}`),
  depth(
    'save around a kernel function that keeps no promise',
    `r1 = 1${save(1, -8)}${call('bpf_rcu_read_lock')}${load(1, -8)}${call('bpf_rcu_read_unlock')}${END}`,
  ),
  depth('save too deep that is taken out', `r1 = 1${save(1, -512)}${CPU}${load(1, -512)}${END}`),
  depth('save makes calls fit', `r1 = 1${save(1, -512)}${CPU}${load(1, -512)}call pc+2${END}\n*(u64 *)(r10 - 8) = 1\nr0 = 0\nexit`),
  depth(
    'save that stays makes calls too deep',
    `r1 = 1${save(1, -512)}\ncall bpf_get_prandom_u32\n${load(1, -512)}call pc+2${END}\n*(u64 *)(r10 - 8) = 1\nr0 = 0\nexit`,
  ),
  depth('save in a callee', `call pc+2${END}\nr1 = 1${save(1, -8)}${CPU}${load(1, -8)}${END}`),
  depth(
    'save of six',
    `r0 = 0\nr1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5${[1, 2, 3, 4, 5].map((r) => save(r, r * -8)).join('')}${CPU}${[5, 4, 3, 2, 1].map((r) => load(r, r * -8)).join('')}${END}`,
  ),
  depth('jump into the saves', `r1 = 1\nif r1 == 1 goto +0${save(1, -8)}${CPU}${load(1, -8)}${END}`),

  depth('may_goto', 'r0 = 0\nmay_goto +1\ngoto -2\nexit'),
  depth('may_goto and a deep stack', '*(u64 *)(r10 - 512) = 0\nr0 = 0\nmay_goto +1\ngoto -2\nexit'),
  depth('may_goto nowhere', 'r0 = 0\nmay_goto +0\nexit'),
  depth('may_goto nowhere after all', 'r0 = 0\nmay_goto +1\nmay_goto +0\nexit'),
  depth('may_goto over a jump to the next instruction', 'r0 = 0\nmay_goto +1\ngoto +0\nexit'),
  depth('may_goto over a jump to the next instruction and one of its kind', 'r0 = 0\nmay_goto +2\ngoto +0\nmay_goto +0\nexit'),
  depth('may_goto over one of its kind and a jump to the next instruction', 'r0 = 0\nmay_goto +2\nmay_goto +0\ngoto +0\nexit'),
  depth('may_goto over a branch to the next instruction', 'r0 = 0\nmay_goto +1\nif r0 == 1 goto +0\nexit'),
  depth('may_goto over a branch that is never taken', 'r0 = 0\nmay_goto +1\nif r0 == 1 goto +1\nexit\nexit'),
  depth('may_goto over a branch and dead code', 'r0 = 0\nmay_goto +2\nif r0 == 0 goto +1\nr0 = 1\nexit'),
  depth('may_goto over a jump and dead code', 'r0 = 0\nmay_goto +3\ngoto +1\nr0 = 1\nmay_goto +0\nexit'),
  depth('may_goto over one that leads further', 'r0 = 0\nmay_goto +1\nmay_goto +1\nr0 = 0\nexit'),
  depth('may_goto to the end', 'r0 = 0\nmay_goto +1\nr0 = 1\nexit'),
  depth('may_goto in dead code', 'r0 = 0\nif r0 == 0 goto +2\nmay_goto +1\nr0 = 1\nexit'),
  depth('may_goto in a callee', `call pc+2${END}\nr0 = 0\nmay_goto +1\ngoto -2\nexit`),
  depth('may_goto and saves', `r1 = 1${save(1, -8)}${CPU}${load(1, -8)}may_goto +1\nr0 = 1${END}`),
  depth('bpf_loop', `r1 = 4\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall bpf_loop${END}\nr0 = 0\nexit`, {
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'] },
      { insn: 8, linkage: 'static', params: ['int', 'int'] },
    ]),
  }),
  depth(
    'bpf_loop with unknown flags',
    `call bpf_get_prandom_u32\nr4 = r0\nr1 = 4\nr2 = subprog[+4]\nr3 = 0\ncall bpf_loop${END}\nr0 = 0\nexit`,
    {
      functions: describeFunctions([
        { insn: 0, linkage: 'global', params: ['ctx'] },
        { insn: 9, linkage: 'static', params: ['int', 'int'] },
      ]),
    },
  ),
  depth('throw', `r1 = 0${call('bpf_throw')}${END}`),
  depth('throw in a callee', `*(u64 *)(r10 - 8) = 1\ncall pc+2${END}\nr1 = 0${call('bpf_throw')}exit`),
  depth('throw with a callback', `r1 = 0${call('bpf_throw')}${END}\n*(u64 *)(r10 - 8) = 1\nr0 = 0\nexit`, {
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'], tags: ['exception_callback:f1'] },
      { insn: 4, linkage: 'global', params: ['int'] },
    ]),
  }),
  depth('dead function', `r0 = 0\nif r0 == 0 goto +1\ncall pc+1\nexit\n*(u64 *)(r10 - 8) = 1\nr0 = 0\nexit`),
  depth('function', `call pc+1\nexit\n*(u64 *)(r10 - 24) = 1\nr0 = 0\nexit`),
  depth('nothing', END),
  depth('refused', `*(u64 *)(r10 - 8) = 1\nr0 = r5\nexit`, TYPE.XDP),
];
