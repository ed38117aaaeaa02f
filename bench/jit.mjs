/** Runs bench/jit.ts: `node bench/jit.mjs [program…]`, from the repository. */
import { importTs } from '../tools/import-ts.mjs';

await importTs('bench/jit.ts');
