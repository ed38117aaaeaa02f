/** The command line's entry point: lets the tracing thread of `run` come up while the rest is still being loaded. */
import { prepareThread } from '../sources/ptrace/thread.ts';

if (process.argv[2] === 'run' && process.platform === 'linux') prepareThread();
await import('./main.ts');
