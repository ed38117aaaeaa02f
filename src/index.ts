/** The public API. */
export * from './base/index.ts';
