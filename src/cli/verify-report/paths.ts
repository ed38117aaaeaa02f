/** How reports name files: relative to a directory where they lie under it. */
import { isAbsolute, posix, relative, sep } from 'node:path';

/** A path as annotations want it: with slashes, without `./`, relative where it lies under `directory`. */
export function sourcePath(path: string, directory: string): string {
  const inside = isAbsolute(path) ? relative(directory, path) : path;
  const shown = inside.startsWith('..') || isAbsolute(inside) ? path : inside;
  return posix.normalize(shown.split(sep).join('/'));
}

/** The path as a URI reference (RFC 3986): absolute paths become file URIs. */
export function sourceUri(path: string, directory: string): string {
  const shown = sourcePath(path, directory);
  const text = shown.split('/').map(encodeURIComponent).join('/');
  return shown.startsWith('/') ? `file://${text}` : text;
}
