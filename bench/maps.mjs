/** Runs bench/maps.ts: `npm run bench:maps [-- --rounds N]`. */
import { importTs } from '../tools/import-ts.mjs';

await importTs('bench/maps.ts');
