/** Facts about attach points: system calls, registers, kernel functions, tracepoint records. Portable data; sources and headers read it. */
export * from './functions.ts';
export * from './nearest.ts';
export * from './registers.ts';
export * from './syscalls.ts';
export * from './tracepoints.ts';
export type * from './types.ts';
