/** Runs bench/verifier.ts: `npm run bench:verifier`, or `node bench/verifier.mjs worst`, from the repository. */
import { importTs } from '../tools/import-ts.mjs';

await importTs('bench/verifier.ts');
