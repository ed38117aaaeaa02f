/** libbpf's job, once, on any host: collections of programs and maps from objects, configured, loaded and attached. */
export { Collection } from './collection.ts';
export { type CoreProgram, relocateTypes } from './core.ts';
export { Link } from './link.ts';
export { loadCollection, sourceOf } from './load.ts';
export { BpfMap, UPDATE } from './map.ts';
export { type AttachOptions, Program } from './program.ts';
export { programMeaning, type SectionMeaning, type SectionType, sectionMeaning, sectionType } from './target.ts';
export * from './types.ts';
export { findGlobal } from './variables.ts';
