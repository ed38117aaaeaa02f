/**
 * Puts generated programs and byte strings to the verifier: `npm run generated -- [--programs N] [--inputs N] [--seed N]`, as root for programs, which
 * the live kernel is asked about. Fails where anything differs that the table of known differences does not explain.
 */
import { importTs } from './import-ts.mjs';

const { main } = await importTs('tests/verifier/generated.ts');
process.exitCode = await main(process.argv.slice(2));
