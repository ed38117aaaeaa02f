/** Readers: asynchronous access to what programs print and send. */
export * from './perf-reader.ts';
export { type PerfLoss, type PerfRecord, PerfRing, type PerfSample } from './perf-ring.ts';
export { RingBufferReader } from './ring-buffer.ts';
export * from './trace-line.ts';
export * from './trace-pipe.ts';
