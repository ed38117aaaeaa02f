/** The reference interpreter: images, runs, steps, faults. */
export { Access, FRAME_SIZE, FRAME_STRIDE, STACK_BYTES } from './access.ts';
export { checkArguments, type HelperPlan, planHelper } from './arguments.ts';
export * from './bytecode.ts';
export { FUNC_BASE, FUNC_HI, type ProgramImage, prepare } from './image.ts';
export * from './interpreter.ts';
export * from './types.ts';
