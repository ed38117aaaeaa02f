/** Where a command name leads: the path names that execvp(3) would try. Whether they can be executed is decided by the kernel. */
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** glibc's path when PATH is unset (confstr _CS_PATH). */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * Path names to try, best first. A name with a slash is itself. Otherwise the executable files in PATH's folders;
 * when there are none the files that exist (so that the error is EACCES and not ENOENT); empty when nothing has the name.
 */
export function candidates(
  name: string,
  options: { readonly path?: string | undefined; readonly cwd?: string | undefined } = {},
): string[] {
  if (name.includes('/')) return [name];
  if (name === '') return [];
  const cwd = options.cwd ?? process.cwd();
  // An empty element means the current folder.
  const all = (options.path ?? DEFAULT_PATH).split(':').map((folder) => (folder === '' ? name : `${folder}/${name}`));
  const existing = all.filter((file) => isFile(resolve(cwd, file)));
  const executable = existing.filter((file) => mayExecute(resolve(cwd, file)));
  return executable.length > 0 ? executable : existing;
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function mayExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
