/** Who the traced command runs as: reading user names and numbers, the user behind sudo, and doing something with that user's rights. */
import { readFileSync } from 'node:fs';
import { BpfError } from '../base/index.ts';

/** Credentials of a user. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Login name; undefined for a number that passwd lacks. */
  readonly name: string | undefined;
  /** Home folder; `/` for a number that passwd lacks. */
  readonly home: string;
}

function rows(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((l) => l.split(':'));
  } catch {
    return [];
  }
}

/** Looks a user up in /etc/passwd and /etc/group by name or number; a number that is not there is its own group. */
export function findUser(text: string): User {
  const passwd = rows('/etc/passwd').find((r) => r[0] === text || r[2] === text);
  if (passwd === undefined && !/^\d{1,9}$/.test(text)) {
    throw new BpfError(`there is no user '${text}'`, { hint: 'give a login name or a numeric user id' });
  }
  const uid = Number(passwd?.[2] ?? text);
  const gid = Number(passwd?.[3] ?? text);
  const name = passwd?.[0];
  const groups = rows('/etc/group')
    .filter((r) => name !== undefined && (r[3] ?? '').split(',').includes(name))
    .map((r) => Number(r[2]));
  return { uid, gid, groups: [...new Set([gid, ...groups])], name, home: passwd?.[5] || '/' };
}

/**
 * The user that the command should run as, or undefined for the caller's own.
 * Root behind sudo becomes the user who called sudo, so that a build does not run as root by accident.
 * @throws BpfError for an unknown user, or one that the caller may not become
 */
export function userOf(option: string | undefined, env: NodeJS.ProcessEnv = process.env): User | undefined {
  const own = process.getuid?.() ?? 0;
  const sudo = own === 0 && env.SUDO_UID !== undefined && /^[1-9]\d{0,8}$/.test(env.SUDO_UID) ? env.SUDO_UID : undefined;
  const text = option ?? sudo;
  if (text === undefined) return undefined;
  const user = findUser(text);
  if (user.uid === own) return undefined;
  if (own !== 0)
    throw new BpfError(`only root can run the command as ${user.name ?? user.uid}`, { hint: 'leave --user out, or run bpfwright as root' });
  return user;
}

/** Runs `work` with the user's effective rights (file access), then takes the caller's back. */
export function asUser<T>(user: User | undefined, work: () => T): T {
  const { setegid, seteuid, setgroups, getgroups, getegid, geteuid } = process;
  if (user === undefined || !setegid || !seteuid || !setgroups || !getgroups || !getegid || !geteuid) return work();
  const own = { uid: geteuid(), gid: getegid(), groups: getgroups() };
  setgroups([...user.groups]);
  setegid(user.gid);
  seteuid(user.uid);
  try {
    return work();
  } finally {
    seteuid(own.uid);
    setegid(own.gid);
    setgroups(own.groups);
  }
}
