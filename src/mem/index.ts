/** The engine's address space. */
export * from './memory.ts';
