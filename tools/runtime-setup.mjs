/** Before the tests of a tree (the repository, or a copy of its sources) run: its compiled map kernels are those of its sources. */
import { buildRuntime } from './runtime.mjs';

export const setup = () => buildRuntime();
