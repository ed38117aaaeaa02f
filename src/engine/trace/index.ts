/** The engine's trace buffers: what trace_printk writes and the trace pipe reads. */
export { bannerOnce, TRACE_PRINTK_BANNER } from './banner.ts';
export { traceFlags } from './flags.ts';
export { createTraceSource } from './source.ts';
export { type Alloc, createTraceBuffers, DEFAULT_TRACE_BUFFER, TraceWriter } from './writer.ts';
