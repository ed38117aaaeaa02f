/** Runs tests/objects-corpus.ts: objects of BPF_OBJECTS_DIR, or of the arguments, compared with the live kernel program by program. */
import { importTs } from './import-ts.mjs';

await importTs('tests/objects-corpus.ts');
