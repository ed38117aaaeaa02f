/** Control that only modern kernels have: thrown values and their callback, may_goto, callbacks of kernel functions. */
import { describeFunctions, type TestFunction } from '../../support/functions.ts';
import type { Question } from '../../support/verifier.ts';
import type { Case } from '../cases.ts';
import { call, END, fp, NEW, RANDOM, row, TYPE } from './text.ts';

const { KPROBE, SOCKET, SYSCALL, TRACEPOINT, XDP } = TYPE;
const THROW = (value = '0'): string => `\nr1 = ${value}${call('bpf_throw')}`;
const RESERVE = '\nr1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n';
const TASK = `\nr1 = 1${call('bpf_task_from_pid')}`;
const MAIN: TestFunction = { insn: 0, linkage: 'global', params: ['ctx'] };
const described = (functions: readonly TestFunction[], more: Partial<Question> = {}): Partial<Question> => ({
  functions: describeFunctions(functions),
  ...more,
});
/** main names its callback, which is function number 1. */
const CATCHING: TestFunction = { ...MAIN, tags: ['exception_callback:f1'] };

export const CONTROL_CASES: readonly Case[] = [
  row('throw', THROW() + END),
  row('throw at the end', THROW()),
  row('throw and exit', `${THROW()}exit`),
  row('throw on one path', `${RANDOM}if r0 == 0 goto +2${THROW()}${END}`),
  row('throw in a socket filter', THROW() + END, SOCKET),
  row('throw in xdp', THROW() + END, XDP),
  row('throw in a kprobe', THROW() + END, KPROBE),
  row('throw in a system call', THROW() + END, SYSCALL),
  row('throw of a pointer', `r1 = r10${call('bpf_throw')}${END}`),
  row('throw of the context', `${call('bpf_throw')}${END}`),
  row('throw of nothing', `${RANDOM}${call('bpf_throw')}${END}`),
  row('throw with a reference', `${RESERVE}${THROW()}${END}`),
  row('throw with a checked reference', `${RESERVE}if r0 == 0 goto +2${THROW()}${END}`),
  row('throw with an iterator', `${NEW()}${THROW()}${END}`),
  row('throw in rcu', `${call('bpf_rcu_read_lock')}${THROW()}${END}`),
  row('throw with preemption off', `${call('bpf_preempt_disable')}${THROW()}${END}`),
  row('throw with interrupts off', `${fp(1, -8)}${call('bpf_local_irq_save')}${THROW()}${END}`),
  row('throw in a callee', `call pc+2${END}${THROW()}exit`),
  row('throw in a callee, and nothing after it', `call pc+2${END}${THROW()}goto -1`),
  row('throw in a callee with a reference', `${RESERVE}if r0 == 0 goto +1\ncall pc+2${END}${THROW()}exit`),
  row('throw in a callee in rcu', `${call('bpf_rcu_read_lock')}call pc+3${call('bpf_rcu_read_unlock')}${END}${THROW()}exit`),
  row('throw in a callee with preemption off', `${call('bpf_preempt_disable')}call pc+3${call('bpf_preempt_enable')}${END}${THROW()}exit`),
  row('throw of what a group may not return', THROW('5') + END, { type: 8 }),
  row('throw of what a group may return', THROW('1') + '\nr0 = 1\nexit', { type: 8 }),
  row('throw of an unknown value in a group', `${RANDOM}r1 = r0${call('bpf_throw')}r0 = 1\nexit`, { type: 8 }),
  row('throw of what a session may not return', THROW('7') + END, { type: 2, attach: 56 }),
  row('throw in a loop', `r6 = 0\nr6 += 1\nif r6 != 5 goto -2${THROW()}${END}`),
  row('throw in dead code', `r0 = 0\nif r0 == 0 goto +2${THROW()}exit`),

  row('exception callback', `${THROW()}${END}\nr0 = 0\nexit`, described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }])),
  row(
    'exception callback returns its argument',
    `${THROW()}${END}\nr0 = r1\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }]),
  ),
  row(
    'exception callback without a throw',
    `r0 = 0\nexit\nr0 = 0\nexit`,
    described([CATCHING, { insn: 2, linkage: 'global', params: ['int'] }]),
  ),
  row(
    'exception callback takes the context',
    `${THROW()}${END}\nr0 = 0\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['ctx'] }]),
  ),
  row(
    'exception callback takes two',
    `${THROW()}${END}\nr0 = 0\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int', 'int'] }]),
  ),
  row('exception callback takes none', `${THROW()}${END}\nr0 = 0\nexit`, described([CATCHING, { insn: 4, linkage: 'global' }])),
  row(
    'exception callback is static',
    `${THROW()}${END}\nr0 = 0\nexit`,
    described([CATCHING, { insn: 4, linkage: 'static', params: ['int'] }]),
  ),
  row('exception callback that does not exist', `${THROW()}${END}`, described([{ ...MAIN, tags: ['exception_callback:f9'] }])),
  row('exception callback that is main', `${THROW()}${END}`, described([{ ...MAIN, tags: ['exception_callback:f0'] }])),
  row(
    'two exception callbacks',
    `${THROW()}${END}\nr0 = 0\nexit`,
    described([
      { ...MAIN, tags: ['exception_callback:f1', 'exception_callback:f1'] },
      { insn: 4, linkage: 'global', params: ['int'] },
    ]),
  ),
  row(
    'exception callback reads beyond',
    `${THROW()}${END}\nr0 = *(u64 *)(r1 + 0)\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }]),
  ),
  row(
    'exception callback returns what a group may not',
    `${THROW('1')}r0 = 1\nexit\nr0 = 7\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }], { type: 8 }),
  ),
  row(
    'exception callback returns what a group may',
    `${THROW('7')}r0 = 1\nexit\nr0 = 1\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }], { type: 8 }),
  ),
  row(
    'exception callback is called',
    `r1 = 0\ncall pc+4${THROW()}${END}\nr0 = 0\nexit`,
    described([CATCHING, { insn: 6, linkage: 'global', params: ['int'] }]),
  ),
  row(
    'exception callback throws',
    `${THROW()}${END}${THROW()}${END}`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }]),
  ),
  row(
    'exception callback calls a function that throws',
    `${THROW()}${END}\ncall pc+2${END}${THROW()}${END}`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }, { insn: 7, linkage: 'static' }]),
  ),
  row(
    'exception callback leaks',
    `${THROW()}${END}${RESERVE}r0 = 0\nexit`,
    described([CATCHING, { insn: 4, linkage: 'global', params: ['int'] }]),
  ),
  row('other tag', `${THROW()}${END}`, described([{ ...MAIN, tags: ['something'] }])),
  row('throw in a global function', `call pc+2${END}${THROW()}exit`, described([MAIN, { insn: 3, linkage: 'global' }])),
  row(
    'throw in a global function with a reference',
    `${RESERVE}if r0 == 0 goto +1\ncall pc+2${END}${THROW()}exit`,
    described([MAIN, { insn: 9, linkage: 'global' }]),
  ),
  row(
    'throw of a task in a global function',
    `call pc+2${END}${TASK}${THROW()}exit`,
    described([MAIN, { insn: 3, linkage: 'global' }], TRACEPOINT),
  ),
  row(
    'throw in a callback',
    `r1 = 4\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall bpf_loop${END}${THROW()}exit`,
    described([MAIN, { insn: 8, linkage: 'static', params: ['int', 'int'] }]),
  ),
  row(
    'throw below a callback',
    `r1 = 4\nr2 = subprog[+5]\nr3 = 0\nr4 = 0\ncall bpf_loop${END}\ncall pc+1\nexit${THROW()}exit`,
    described([MAIN, { insn: 8, linkage: 'static', params: ['int', 'int'] }, { insn: 10, linkage: 'static' }]),
  ),

  row('may_goto', 'r0 = 0\nmay_goto +1\ngoto -2\nexit'),
  row('may_goto forward', 'r0 = 0\nmay_goto +1\nr0 = 1\nexit'),
  row('may_goto nowhere', 'r0 = 0\nmay_goto +0\nexit'),
  row('may_goto first', 'may_goto +1\ngoto -2\nr0 = 0\nexit'),
  row('may_goto out', 'r0 = 0\nmay_goto +100\nexit'),
  row('may_goto counts', 'r6 = 0\nmay_goto +2\nr6 += 1\ngoto -3\nr0 = r6\nexit'),
  row('may_goto with a test', 'r6 = 0\nmay_goto +3\nr6 += 1\nif r6 > 100 goto +1\ngoto -4\nr0 = r6\nexit'),
  row(
    'may_goto and a map value',
    `*(u32 *)(r10 - 4) = 0${fp(2, -4)}r1 = map[fd:$array]\ncall bpf_map_lookup_elem\nif r0 == 0 goto +7\nr6 = 0\nmay_goto +5\nif r6 > 40 goto +4\nr1 = r0\nr1 += r6\n*(u8 *)(r1 + 0) = 1\nr6 += 1\ngoto -7${END}`,
  ),
  row(
    'may_goto without a bound',
    `*(u32 *)(r10 - 4) = 0${fp(2, -4)}r1 = map[fd:$array]\ncall bpf_map_lookup_elem\nif r0 == 0 goto +6\nr6 = 0\nmay_goto +4\nr1 = r0\nr1 += r6\n*(u8 *)(r1 + 0) = 1\nr6 += 1\ngoto -6${END}`,
  ),
  row('may_goto in a callee', `call pc+2${END}\nr0 = 0\nmay_goto +1\ngoto -2\nexit`),
  row('may_goto twice', 'r6 = 0\nmay_goto +4\nmay_goto +2\nr6 += 1\ngoto -3\ngoto -5\nr0 = r6\nexit'),
  row('may_goto backwards', 'r6 = 0\nr6 += 1\nmay_goto -2\nr0 = r6\nexit'),
  row('may_goto and a deep stack', '*(u64 *)(r10 - 512) = 0\nr0 = 0\nmay_goto +1\ngoto -2\nexit'),
  row('may_goto with an endless loop inside', 'r0 = 0\nmay_goto +1\ngoto -1\nexit'),
  row('may_goto leaks a reference', `may_goto +5${RESERVE}goto -6${END}`),
  row(
    'may_goto and an iterator',
    `${NEW()}may_goto +3${fp(1, -8)}${call('bpf_iter_num_next')}goto -4${fp(1, -8)}${call('bpf_iter_num_destroy')}${END}`,
  ),
  row('may_goto skips a reference', `${RESERVE}if r0 == 0 goto +5\nr6 = r0\nmay_goto +3\nr1 = r6\nr2 = 0\ncall bpf_ringbuf_submit${END}`),
];
