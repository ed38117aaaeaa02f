/** The Host interface and its shared types. */
export * from './host.ts';
export * from './program-btf.ts';
