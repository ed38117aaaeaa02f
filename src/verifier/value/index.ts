/** The value domain: what the verifier knows of a scalar, and what arithmetic and conditional jumps do to it. */
export { ALU, aluScalar, endScalar, forkWidth, setForked } from './alu.ts';
export { addScalar, subScalar } from './arith.ts';
export * from './branch.ts';
export * from './cast.ts';
export * from './int64.ts';
export * from './pointer.ts';
export * from './print.ts';
export * from './scalar.ts';
export { contradiction, dropContradiction, isSettled, narrowToS32, syncBounds } from './sync.ts';
export * from './tnum.ts';
