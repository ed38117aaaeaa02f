/** Checks of programs at load. */
export * from './structure.ts';
