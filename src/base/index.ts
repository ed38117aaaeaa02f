/** Errors, diagnostics, errno, bounded byte access and sleeping on shared memory: what everything else stands on. */
export * from './bytes.ts';
export * from './capability.ts';
export * from './errno.ts';
export * from './errors.ts';
export * from './release.ts';
export * from './sleep.ts';
