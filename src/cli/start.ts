/** The command line's entry point: lets the tracing thread of `run` come up while the rest is still being loaded. */
import { prepareThread } from '../sources/ptrace/thread.ts';
import { inheritedFds } from '../tools/inherited.ts';

if (process.argv[2] === 'run' && process.platform === 'linux') {
  inheritedFds();
  prepareThread();
}
await import('./main.ts');
