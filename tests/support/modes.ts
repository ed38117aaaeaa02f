/** The ways in which an engine runs programs: each checks the others. */
import type { EngineOptions } from '../../src/engine/index.ts';

/** Name and options. */
export const RUN_MODES: readonly (readonly [string, Pick<EngineOptions, 'jit' | 'checked'>])[] = [
  ['compiled', {}],
  ['compiled, checked', { checked: true }],
  ['interpreted', { jit: false }],
];
