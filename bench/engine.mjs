/** Runs bench/engine.ts: `npm run bench:engine [-- --only NAME --rounds N]`. */
import { importTs } from '../tools/import-ts.mjs';

await importTs('bench/engine.ts');
