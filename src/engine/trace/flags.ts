/** The irq and preemption column of trace lines, by program type. */

/**
 * Five characters as the modern kernel prints them: irqs, rescheduling, interrupt, preemption depth, migration depth.
 * The engine has no interrupts, so each type shows the state in which the kernel calls programs of that type:
 * kprobes through a breakpoint with irqs off (`d..1.`), samples in an interrupt (`d.h1.`), raw tracepoints and packets as seen in
 * PROG_TEST_RUN of 6.18, tracepoints with preemption off only.
 */
const FLAGS: ReadonlyMap<number, string> = new Map([
  [1, 'b..11'], // socket_filter
  [2, 'd..1.'], // kprobe
  [5, '...1.'], // tracepoint
  [7, 'd.h1.'], // perf_event
  [17, '...2.'], // raw_tracepoint
]);

/** The flags of records that programs of type `progType` (enum bpf_prog_type) write. */
export function traceFlags(progType: number): string {
  return FLAGS.get(progType) ?? '...1.';
}
