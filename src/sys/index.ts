/** System calls: the interface, glibc's implementation by FFI, and the numbers they take. */
export * from './arch.ts';
export * from './constants.ts';
export { loadSys, platformArch } from './libc.ts';
export * from './process.ts';
export type { Block, SpawnAttr, Sys } from './sys.ts';
