/** File descriptors above 2 that this process was given by its parent: Node marks them close-on-exec, so a command would miss them. */
import { readdirSync, readlinkSync } from 'node:fs';

function openFiles(pid: 'self' | number): Map<number, string> {
  const out = new Map<number, string>();
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      try {
        out.set(Number(name), readlinkSync(`/proc/${pid}/fd/${name}`));
      } catch {
        // The descriptor of the listing itself, or one that was closed meanwhile.
      }
    }
  } catch {
    // Another user's process: nothing is known of it.
  }
  return out;
}

let known: readonly number[] | undefined;

/**
 * Numbers of the inherited descriptors, ascending. Node's own are told apart: they are anonymous inodes, or pipes that have both ends in
 * this process and none in its parent. The first call decides: make it before files are opened or threads started.
 */
export function inheritedFds(): readonly number[] {
  known ??= findInherited();
  return known;
}

function findInherited(): number[] {
  const parents = new Set(openFiles(process.ppid).values());
  const own = openFiles('self');
  const ends = new Map<string, number>();
  for (const target of own.values()) ends.set(target, (ends.get(target) ?? 0) + 1);
  return [...own]
    .filter(([fd, target]) => {
      if (fd <= 2 || target.startsWith('anon_inode:')) return false;
      return parents.has(target) || !(target.startsWith('pipe:') && ends.get(target) === 2);
    })
    .map(([fd]) => fd)
    .sort((a, b) => a - b);
}
