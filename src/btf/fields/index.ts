/** Special fields of map values and of the program's own types, read from BTF. */
export { checkOwnership, checkOwnFields, ownFields, parseFields } from './parse.ts';
export { declTags } from './tags.ts';
export * from './types.ts';
