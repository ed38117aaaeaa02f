/** Errors, diagnostics, errno and bounded byte access: what everything else stands on. */
export * from './bytes.ts';
export * from './errno.ts';
export * from './errors.ts';
