/** The warning that trace_printk is for debugging. When it is shown is once per engine; where it goes is the caller's choice. */

/** Lines without a newline at the end. The facts are those of the kernel's own notice (Linux 4.4 kernel/trace/trace.c); the words are ours. */
export const TRACE_PRINTK_BANNER = [
  '** NOTICE: trace_printk() being used: trace buffers are allocated on every CPU that prints.',
  '** A kernel that loads this program counts as a DEBUG kernel and is unsafe for production use:',
  '** printing is slow and everyone who reads the trace pipe sees the values. Use maps or perf events instead.',
].join('\n');

/** Makes the function to call at each load of a program that asks for trace_printk or trace_vprintk: the first call shows the banner. */
export function bannerOnce(show: (text: string) => void): () => void {
  let shown = false;
  return () => {
    if (shown) return;
    shown = true;
    show(TRACE_PRINTK_BANNER);
  };
}
