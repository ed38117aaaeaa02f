/**
 * The launcher: a tiny program, assembled for each command, that waits until the tracer has hold of it and then becomes the command.
 * It is static, needs no file beside itself and leaves nothing behind in the command. How it is started is spawn.ts's business.
 */
import { ERRNO, encodeText } from '../../../base/index.ts';
import { type Arch, FILE, PR, SECCOMP, SIGNAL } from '../../../sys/index.ts';
import { CODE_ADDRESS, executable } from './elf.ts';
import {
  addressOf,
  assemble,
  cmp,
  data,
  type Item,
  je,
  jmp,
  jne,
  label,
  lea,
  leaIndexed,
  leaOffset,
  load,
  mov,
  movImm,
  neg,
  push,
  pushImm,
  type Register,
  store,
  syscall,
} from './x86-64.ts';

/** Whom the command runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

export interface LauncherSpec {
  /** The launcher blocks until it can read a byte here; at end of file it exits. */
  readonly waitFd: number;
  /** A failure is written here as (errno u64, stage u64); closes when the command has started. */
  readonly statusFd: number;
  /** Path names to try in turn, as execvp does. None: only wait (a doorbell). */
  readonly paths: readonly Uint8Array[];
  /** seccomp-BPF instructions, 8 bytes each; undefined: none. */
  readonly filter?: Uint8Array | undefined;
  readonly user?: Identity | undefined;
  readonly cwd?: string | undefined;
}

/** What failed, in the status record. After `seccomp` the launcher goes on, without a filter, once it is continued from a SIGSTOP. */
export const STAGE = { seccomp: 1, user: 2, cwd: 3, exec: 4 } as const;
/** Bytes of the status record. */
export const STATUS_SIZE = 16;
/** Exit codes of a launcher that could not become its command, as shells and env(1) use them. */
export const EXIT = { failed: 125, cannotExecute: 126, notFound: 127 } as const;

const EM_X86_64 = 62;
/** comm while it waits, and until the command's own name replaces it. */
const COMM = 'bpfwright';

/** The executable image for a command. */
export function launcherImage(arch: Arch, spec: LauncherSpec): Uint8Array {
  return executable(assemble(program(arch, spec), CODE_ADDRESS), EM_X86_64);
}

/** Arguments go to rdi, rsi, rdx, r10, r8; the number to rax. rcx and r11 are destroyed. */
function call(nr: number, ...args: (number | { address: string } | { register: Register })[]): Item[] {
  const registers = ['rdi', 'rsi', 'rdx', 'r10', 'r8'] as const;
  const items = args.flatMap((arg, i) => {
    const to = registers[i] ?? 'r8';
    if (typeof arg === 'number') return movImm(to, arg);
    return 'address' in arg ? lea(to, arg.address) : mov(to, arg.register);
  });
  return [...items, ...movImm('rax', nr), ...syscall()];
}

function program(arch: Arch, spec: LauncherSpec): Item[] {
  const { nr } = arch;
  const text: Item[] = [
    // At entry rsp points at argc, argv[0] … NULL, envp[0] … NULL.
    ...mov('rbx', 'rsp'),
    ...load('rcx', 'rbx'), // rcx = argc
    ...leaIndexed('r12', 'rbx', 'rcx', 16), // r12 = envp, past argc, the arguments and their NULL
    ...movImm('r13', ERRNO.ENOENT), // r13 = what to report when no path can be executed
    ...call(nr.prctl, PR.SET_NAME, { address: 'name' }),
    ...call(nr.fcntl, spec.statusFd, FILE.F_SETFD, FILE.FD_CLOEXEC),
    ...pushImm(0), // room for the byte that is read

    // Wait for the tracer. End of file: it is gone.
    ...label('wait'),
    ...call(nr.read, spec.waitFd, { register: 'rsp' }, 1),
    ...cmp('rax', -ERRNO.EINTR),
    ...je('wait'),
    ...cmp('rax', 1),
    ...jne('gone'),
    ...call(nr.close, spec.waitFd),

    ...(spec.filter === undefined ? [] : installFilter(arch, spec.statusFd)),
    ...(spec.user === undefined ? [] : becomeUser(arch, spec.user)),
    ...(spec.cwd === undefined
      ? []
      : [...call(nr.chdir, { address: 'cwd' }), ...movImm('r14', STAGE.cwd), ...cmp('rax', 0), ...jne('failed')]),

    ...movImm('r14', STAGE.exec),
    ...spec.paths.flatMap((_, i) => tryPath(arch, i)),
    // Every path was missing or forbidden: the errno is in r13, positive.
    ...mov('rax', 'r13'),
    ...neg('rax'),

    // rax = negative errno, r14 = stage.
    ...label('failed'),
    ...neg('rax'),
    ...mov('r13', 'rax'),
    ...push('r14'),
    ...push('rax'),
    ...call(nr.write, spec.statusFd, { register: 'rsp' }, STATUS_SIZE),
    ...movImm('rdi', EXIT.failed),
    ...cmp('r14', STAGE.exec),
    ...jne('exit'),
    ...movImm('rdi', EXIT.notFound),
    ...cmp('r13', ERRNO.ENOENT),
    ...je('exit'),
    ...movImm('rdi', EXIT.cannotExecute),
    ...label('exit'),
    ...movImm('rax', nr.exitGroup),
    ...syscall(),
    ...label('gone'),
    ...call(nr.exitGroup, EXIT.failed),
  ];
  return [...text, ...constants(spec)];
}

/** One execve and what its failure means: missing and forbidden paths lead to the next one, a file without a known format is a shell script. */
function tryPath(arch: Arch, i: number): Item[] {
  return [
    ...lea('rdi', `path${i}`),
    ...leaOffset('rsi', 'rbx', 8), // argv
    ...mov('rdx', 'r12'),
    ...movImm('rax', arch.nr.execve),
    ...syscall(),
    ...cmp('rax', -ERRNO.ENOENT),
    ...je(`next${i}`),
    ...cmp('rax', -ERRNO.ENOTDIR),
    ...je(`next${i}`),
    ...cmp('rax', -ERRNO.EACCES),
    ...je(`forbidden${i}`),
    ...cmp('rax', -ERRNO.ENOEXEC),
    ...jne('failed'),
    // execvp's rule: /bin/sh runs it. The slots of argc and argv[0] become the shell's argv[0] and argv[1].
    ...lea('rax', 'shell'),
    ...store('rbx', 0, 'rax'),
    ...lea('rax', `path${i}`),
    ...store('rbx', 8, 'rax'),
    ...call(arch.nr.execve, { address: 'shell' }, { register: 'rbx' }, { register: 'r12' }),
    ...jmp('failed'),
    ...label(`forbidden${i}`),
    ...movImm('r13', ERRNO.EACCES),
    ...label(`next${i}`),
  ];
}

/** Without no_new_privs first, which only CAP_SYS_ADMIN may do; it would take set-user-ID programs their rights. Before the user changes, for that takes the capability. */
function installFilter({ nr }: Arch, statusFd: number): Item[] {
  const install = call(nr.seccomp, SECCOMP.SET_MODE_FILTER, 0, { address: 'fprog' });
  return [
    ...install,
    ...cmp('rax', 0),
    ...je('filtered'),
    ...call(nr.prctl, PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    ...install,
    ...cmp('rax', 0),
    ...je('filtered'),
    // Refused: say so and stop, so that the tracer changes to stopping at every call.
    ...neg('rax'),
    ...pushImm(STAGE.seccomp),
    ...push('rax'),
    ...call(nr.write, statusFd, { register: 'rsp' }, STATUS_SIZE),
    ...call(nr.getpid),
    ...mov('rdi', 'rax'),
    ...movImm('rsi', SIGNAL.SIGSTOP),
    ...movImm('rax', nr.kill),
    ...syscall(),
    ...label('filtered'),
  ];
}

function becomeUser({ nr }: Arch, user: Identity): Item[] {
  const check = [...cmp('rax', 0), ...jne('failed')];
  return [
    ...movImm('r14', STAGE.user),
    ...call(nr.setgroups, user.groups.length, { address: 'groups' }),
    ...check,
    ...call(nr.setresgid, user.gid, user.gid, user.gid),
    ...check,
    ...call(nr.setresuid, user.uid, user.uid, user.uid),
    ...check,
  ];
}

function constants(spec: LauncherSpec): Item[] {
  const filter = spec.filter ?? new Uint8Array();
  const groups = new Uint8Array(Uint32Array.from(spec.user?.groups ?? []).buffer);
  const filterLength = filter.length / 8;
  return [
    ...label('fprog'), // struct sock_fprog: u16 len, padding, pointer
    ...data([filterLength & 0xff, filterLength >> 8, 0, 0, 0, 0, 0, 0]),
    ...addressOf('filter'),
    ...label('filter'),
    ...data(filter),
    ...label('groups'),
    ...data(groups),
    ...cstring('name', encodeText(COMM)),
    ...cstring('shell', encodeText('/bin/sh')),
    ...cstring('cwd', encodeText(spec.cwd ?? '')),
    ...spec.paths.flatMap((path, i) => cstring(`path${i}`, path)),
  ];
}

function cstring(name: string, text: Uint8Array): Item[] {
  return [...label(name), ...data(text), ...data([0])];
}
