/** CO-RE: a program's relocations by name against a kernel's types. A pure function of the object's BTF, its records and the target's BTF. */
export { type TypeIn, typesCompatible } from './compatible.ts';
export * from './describe.ts';
export { CORE_POISON, type CoreAction } from './patch.ts';
export * from './relocate.ts';
export * from './resolve.ts';
export { type CoreSpec, parseSpec } from './spec.ts';
export { Work } from './work.ts';
