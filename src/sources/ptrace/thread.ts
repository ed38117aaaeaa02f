/** Starting the tracing thread: its script, and starting it before it is needed, because a thread takes tens of milliseconds to come up. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { BpfError } from '../../base/index.ts';

let ready: Worker | undefined;

/** Starts a tracing thread that the next takeThread() will get. It does nothing and holds nothing until then. */
export function prepareThread(): void {
  try {
    ready ??= startThread(undefined);
  } catch {
    // takeThread() will fail for the same reason, where someone listens.
  }
}

/** A tracing thread: the prepared one, else a new one. @param script instead of the one built with this package */
export function takeThread(script: URL | undefined): Worker {
  if (script !== undefined || ready === undefined) return startThread(script);
  const taken = ready;
  ready = undefined;
  return taken;
}

/** Ends a prepared thread that nobody took; a process must not exit while it still comes up (native code loads in it). */
export async function dismissThread(): Promise<void> {
  const worker = ready;
  if (worker === undefined) return;
  ready = undefined;
  worker.ref();
  worker.postMessage(undefined);
  await new Promise((resolve) => worker.once('exit', resolve));
}

function startThread(script: URL | undefined): Worker {
  try {
    process.cwd();
  } catch (cause) {
    // Node cannot start a thread there.
    throw new BpfError('the current folder has been deleted', { cause, hint: 'change to a folder that exists' });
  }
  // A copy of the environment would refuse entries that Node cannot name (`=x`). Without streams of its own the thread would be given
  // process.stdout, and touching that makes a pipe non-blocking for everyone who shares it.
  const worker = new Worker(script ?? workerScript(), { env: SHARE_ENV, stdout: true, stderr: true });
  worker.unref();
  return worker;
}

/** dist/ptrace-worker.js of this package, from the bundle in dist/ as well as from the sources. */
function workerScript(): URL {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'bpfwright') {
      const script = join(folder, 'dist', 'ptrace-worker.js');
      if (existsSync(script)) return pathToFileURL(script);
      throw new BpfError(`${script} does not exist`, { hint: 'build the package: npm run build' });
    }
    if (dirname(folder) === folder) throw new BpfError('the folder of the bpfwright package cannot be found');
  }
}
