/** eBPF to WebAssembly: programs in, one module out. */
export { FACT, FAULT, type FaultKind, FRAME_SIZE, FRAME_STRIDE, HOLD, PLACES, RUN_AREA } from './area.ts';
export { compileToWasm } from './compile.ts';
export type { JitMap } from './inline.ts';
export { OversizedError } from './limits.ts';
export { type HelperParam, type HelperResult, type HelperSignature, helperSignature } from './signature.ts';
export { type TextOptions, wasmText } from './text.ts';
export * from './types.ts';
