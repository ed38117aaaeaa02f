/** Starts a command's launcher, parked before its exec, by posix_spawn: from a memfd, a temporary file or /bin/sh, whichever this machine allows. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfError, ERRNO, encodeText, NotSupportedError, SyscallError } from '../../base/index.ts';
import { type Block, FILE, MFD, RLIMIT, type SpawnAttr, type Sys } from '../../sys/index.ts';
import { candidates, launcherImage, STATUS_SIZE } from './launcher/index.ts';
import type { CommandSpec, LauncherKind } from './protocol.ts';
import { CommandError } from './refusals.ts';

/** A process that waits to become its command. */
export interface Parked {
  readonly pid: number;
  readonly launcher: Exclude<LauncherKind, 'auto'>;
  /** Lets it go on; the shell launcher goes on when its SIGSTOP is swallowed. */
  release(): void;
  /** What it reported since the last call, without waiting. */
  status(): { readonly stage: number; readonly errno: number } | undefined;
  /** Releases our ends of its pipes. A process still parked then exits. */
  close(): void;
}

/** Scripts that stop themselves for the tracer and then become the command: what is left where no file of ours may be executed. */
const SHELL_LAUNCHER = 'kill -STOP $$; exec "$0" "$@"';
const ETXTBSY_TRIES = 20;
const FIRST_SPARE = 200;

/** NULL-terminated array of C strings, in one block: pointers, then bytes. */
function stringArray(sys: Sys, strings: readonly Uint8Array[]): Block {
  const pointers = (strings.length + 1) * 8;
  const block = sys.block(strings.reduce((size, text) => size + text.length + 1, pointers));
  let at = pointers;
  strings.forEach((text, i) => {
    block.dv.setBigUint64(i * 8, BigInt(block.address + at), true);
    block.u8.set(text, at);
    at += text.length + 1;
  });
  return block;
}

const toBytes = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? encodeText(text) : text);

/** Parks a process that will become `spec`'s command under `filter`. SyscallError('execve') when PATH has no such command. */
export function park(sys: Sys, spec: CommandSpec, filter: Uint8Array | undefined): Parked {
  const name = Buffer.from(toBytes(spec.argv[0] ?? '')).toString();
  const paths = candidates(name, { path: spec.path, cwd: spec.cwd });
  if (paths.length === 0) throw new CommandError(name, ERRNO.ENOENT);
  const kinds = spec.launcher === 'auto' ? (['memfd', 'file', 'shell'] as const) : [spec.launcher];
  const argv = spec.argv.map(toBytes);
  for (const text of argv) if (text.includes(0)) throw new BpfError('an argument of the command contains a NUL byte');
  if (spec.makeBlocking) makeBlocking(sys, spec.stdio);
  let refused: BpfError | undefined;
  for (const kind of kinds) {
    try {
      const parked =
        kind === 'shell'
          ? parkShell(sys, spec, argv)
          : parkLauncher(sys, kind, {
              argv,
              env: spec.env,
              stdio: spec.stdio,
              inherit: spec.inherit,
              image: (waitFd, statusFd) => {
                const execPaths = name.includes('/') ? [argv[0] ?? new Uint8Array()] : paths.map(encodeText);
                return launcherImage(sys.arch, { waitFd, statusFd, paths: execPaths, filter, user: spec.user, cwd: spec.cwd });
              },
            });
      if (spec.files !== undefined) sys.setSoftLimit(parked.pid, RLIMIT.NOFILE, BigInt(spec.files));
      return parked;
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      if (error.errno === ERRNO.E2BIG)
        throw new SyscallError('execve', 'E2BIG', 'the arguments and the environment of the command are too long');
      refused = error;
    }
  }
  throw refused ?? new BpfError('no launcher was tried');
}

/** Parks a process that never becomes anything: signals to it reach the thread that traces it. */
export function parkDoorbell(sys: Sys): Parked {
  const request: LaunchRequest = {
    argv: [encodeText('bpfwright-doorbell')],
    env: {},
    stdio: [],
    inherit: [],
    image: (waitFd, statusFd) => launcherImage(sys.arch, { waitFd, statusFd, paths: [] }),
  };
  try {
    return parkLauncher(sys, 'memfd', request);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
  try {
    return parkLauncher(sys, 'file', request);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
  return parkReader(sys);
}

interface LaunchRequest {
  readonly argv: readonly Uint8Array[];
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly stdio: readonly number[];
  readonly inherit: readonly number[];
  image(waitFd: number, statusFd: number): Uint8Array;
}

interface Pipes {
  readonly waitRead: number;
  readonly waitWrite: number;
  readonly statusRead: number;
  readonly statusWrite: number;
}

function openPipes(sys: Sys, fds: Block): Pipes {
  const open = (): readonly [number, number] => {
    const result = sys.pipe2(fds.address, FILE.O_CLOEXEC);
    if (result < 0) throw new SyscallError('pipe2', -result, 'no pipe to the command could be made');
    return [fds.dv.getInt32(0, true), fds.dv.getInt32(4, true)];
  };
  const [waitRead, waitWrite] = open();
  const [statusRead, statusWrite] = open();
  sys.fcntl(statusRead, FILE.F_SETFL, FILE.O_NONBLOCK);
  return { waitRead, waitWrite, statusRead, statusWrite };
}

function parkLauncher(sys: Sys, kind: 'memfd' | 'file', request: LaunchRequest): Parked {
  const work = sys.block(64);
  const pipes = openPipes(sys, work);
  const image = request.image(pipes.waitRead, pipes.statusWrite);
  const argv = stringArray(sys, request.argv);
  const env =
    request.env === undefined
      ? undefined
      : stringArray(
          sys,
          Object.entries(request.env).map(([k, v]) => encodeText(`${k}=${v}`)),
        );
  const files = fileActions(request.stdio, [pipes.waitRead, pipes.statusWrite, ...request.inherit]);
  const start = (path: string): number => sys.spawn({ path, argv: argv.address, envp: env?.address ?? sys.environ(), ...files });
  const pid = kind === 'memfd' ? fromMemfd(sys, image, start) : fromFile(image, start);
  // Named here so that the collector sees them used after the call that was given only their addresses.
  if (argv.u8.length === 0 || env?.u8.length === 0) throw new BpfError('the arguments of the command are empty');
  sys.close(pipes.waitRead);
  sys.close(pipes.statusWrite);
  const ours = new Set([pipes.waitWrite, pipes.statusRead]);
  const drop = (fd: number): void => {
    if (ours.delete(fd)) sys.close(fd);
  };
  if (pid < 0) {
    drop(pipes.waitWrite);
    drop(pipes.statusRead);
    throw new SyscallError('posix_spawn', -pid, `the launcher cannot be executed from a ${kind === 'memfd' ? 'memfd' : 'temporary file'}`, {
      hint: 'vm.memfd_noexec is set, or every temporary folder is mounted noexec: set TMPDIR to a folder where files may be executed',
    });
  }
  return {
    pid,
    launcher: kind,
    release: () => {
      sys.write(pipes.waitWrite, work.address, 1);
      drop(pipes.waitWrite);
    },
    status: () => {
      if (!ours.has(pipes.statusRead) || sys.read(pipes.statusRead, work.address, STATUS_SIZE) !== STATUS_SIZE) return undefined;
      return { errno: Number(work.dv.getBigUint64(0, true)), stage: Number(work.dv.getBigUint64(8, true)) };
    },
    close: () => {
      drop(pipes.waitWrite);
      drop(pipes.statusRead);
    },
  };
}

/**
 * Node marks 0, 1 and 2 close-on-exec: duplicating an fd onto itself clears that in the child. Other sources go by way of spare numbers, so that
 * none is overwritten before it is used. `keep` are fds that the launcher or the command needs under their own numbers.
 */
function fileActions(stdio: readonly number[], keep: readonly number[]): Pick<SpawnAttr, 'dup' | 'close'> {
  const spare = Math.max(FIRST_SPARE, ...stdio, ...keep) + 1;
  const moved = stdio.map((fd, i) => ({ fd, i, by: fd === i ? fd : spare + i }));
  const far = moved.filter(({ fd, i }) => fd !== i);
  return {
    dup: [
      ...moved.map(({ fd, by }) => [fd, by] as const),
      ...far.map(({ i, by }) => [by, i] as const),
      ...keep.map((fd) => [fd, fd] as const),
    ],
    close: far.map(({ by }) => by),
  };
}

/** Node makes the open file descriptions of pipes that it uses non-blocking; a command that shares them would see EAGAIN. */
function makeBlocking(sys: Sys, stdio: readonly number[]): void {
  for (const fd of stdio) {
    const flags = sys.fcntl(fd, FILE.F_GETFL, 0);
    if (flags > 0 && (flags & FILE.O_NONBLOCK) !== 0) sys.fcntl(fd, FILE.F_SETFL, flags & ~FILE.O_NONBLOCK);
  }
}

function fromMemfd(sys: Sys, image: Uint8Array, start: (path: string) => number): number {
  // Kernels before 6.3 do not know MFD_EXEC; later ones may demand it (vm.memfd_noexec=1).
  let fd = sys.memfdCreate('bpfwright', MFD.CLOEXEC | MFD.EXEC);
  if (fd === -ERRNO.EINVAL) fd = sys.memfdCreate('bpfwright', MFD.CLOEXEC);
  if (fd < 0) return fd;
  try {
    writeSync(fd, image);
    return start(`/proc/self/fd/${fd}`);
  } finally {
    sys.close(fd);
  }
}

function fromFile(image: Uint8Array, start: (path: string) => number): number {
  let result = -ERRNO.EACCES;
  for (const folder of [tmpdir(), '/dev/shm', '/var/tmp', process.env.XDG_RUNTIME_DIR]) {
    if (folder === undefined) continue;
    let own: string | undefined;
    try {
      own = mkdtempSync(join(folder, 'bpfwright-'));
      const file = join(own, 'launcher');
      writeFileSync(file, image, { mode: 0o700 });
      chmodSync(file, 0o755); // executable for --user, too; the folder keeps others out
      // A process that another thread is just forking holds the file open for writing until its exec.
      for (let i = 0; i < ETXTBSY_TRIES; i++) {
        result = start(file);
        if (result !== -ERRNO.ETXTBSY) break;
      }
    } catch {
      // A folder that cannot be written: the next one may do.
    } finally {
      if (own !== undefined) rmSync(own, { recursive: true, force: true });
    }
    if (result >= 0) return result;
  }
  return result;
}

/** Without an executable file of our own there is no filter, no change of user and no errno; the shell reports failures itself. */
function parkShell(sys: Sys, spec: CommandSpec, args: readonly Uint8Array[]): Parked {
  if (spec.user !== undefined) {
    throw new NotSupportedError('the command cannot be started as another user: neither a memfd nor a temporary file may be executed', {
      hint: 'set TMPDIR to a folder that is not mounted noexec, or vm.memfd_noexec to 0',
    });
  }
  const cd = spec.cwd === undefined ? '' : `cd -- '${spec.cwd.replaceAll("'", "'\\''")}' || exit 125; `;
  const argv = stringArray(sys, [encodeText('sh'), encodeText('-c'), encodeText(cd + SHELL_LAUNCHER), ...args]);
  const env =
    spec.env === undefined
      ? undefined
      : stringArray(
          sys,
          Object.entries(spec.env).map(([k, v]) => encodeText(`${k}=${v}`)),
        );
  const pid = sys.spawn({
    path: '/bin/sh',
    argv: argv.address,
    envp: env?.address ?? sys.environ(),
    ...fileActions(spec.stdio, spec.inherit),
  });
  if (pid < 0 || argv.u8.length === 0 || env?.u8.length === 0)
    throw new SyscallError('posix_spawn', Math.max(-pid, 1), '/bin/sh cannot be started');
  return { pid, launcher: 'shell', release: nothing, status: nothing, close: nothing };
}

/** A doorbell where only installed programs may run: a shell that reads a pipe for ever. */
function parkReader(sys: Sys): Parked {
  const work = sys.block(64);
  const pipes = openPipes(sys, work);
  sys.close(pipes.statusRead);
  sys.close(pipes.statusWrite);
  const argv = stringArray(sys, [encodeText('bpfwright-doorbell'), encodeText('-c'), encodeText('read x')]);
  const env = stringArray(sys, []);
  const pid = sys.spawn({ path: '/bin/sh', argv: argv.address, envp: env.address, ...fileActions([pipes.waitRead], []) });
  sys.close(pipes.waitRead);
  if (pid < 0 || argv.u8.length === 0) throw new SyscallError('posix_spawn', Math.max(-pid, 1), '/bin/sh cannot be started');
  return { pid, launcher: 'shell', release: nothing, status: nothing, close: () => sys.close(pipes.waitWrite) };
}

function nothing(): undefined {
  return undefined;
}
