/** BTF: reading the type graph and .BTF.ext, printing values by type, and reading values from text. */
export * from './btf.ts';
export * from './core/index.ts';
export * from './encode.ts';
export * from './ext.ts';
export * from './fields/index.ts';
export * from './format.ts';
export { type BtfLoadRefusal, checkBtfLoad } from './load/index.ts';
export { essentialName } from './names.ts';
export { openBtf } from './opened.ts';
export * from './types.ts';
export * from './value.ts';
export * from './writer.ts';
