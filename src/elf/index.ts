/** ELF objects: bytes in, CollectionSpec out. */
export * from './parse.ts';
export * from './types.ts';
