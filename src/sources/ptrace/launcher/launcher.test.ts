/** The launcher: what it does when it is run for real. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeText } from '../../../base/index.ts';
import { X86_64 } from '../../../sys/index.ts';
import { candidates, EXIT, type LauncherSpec, launcherImage, STAGE } from './index.ts';
import { assemble, cmp, jne, label, lea, movImm, push, syscall } from './x86-64.ts';

const folder = mkdtempSync(join(tmpdir(), 'bpfwright-launcher-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly report: { readonly errno: bigint; readonly stage: bigint } | undefined;
}

let runs = 0;
/** Runs a launcher with its wait pipe at 0 and its status file at 3. */
function launch(spec: Omit<LauncherSpec, 'waitFd' | 'statusFd'>, args: readonly string[], input = 'x'): Ran {
  const file = join(folder, `launcher${runs++}`);
  writeFileSync(file, launcherImage(X86_64, { waitFd: 0, statusFd: 3, ...spec }), { mode: 0o755 });
  const statusFile = `${file}.status`;
  const fd = openSync(statusFile, 'w');
  const { status, stdout } = spawnSync(file, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit', fd] });
  closeSync(fd);
  const bytes = readFileSync(statusFile);
  return { status, stdout, report: bytes.length === 16 ? { errno: bytes.readBigUInt64LE(0), stage: bytes.readBigUInt64LE(8) } : undefined };
}

const paths = (...list: string[]): Uint8Array[] => list.map(encodeText);

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('the launcher', () => {
  test('becomes the first command that exists, with its arguments and environment', () => {
    const ran = launch({ paths: paths('/no/such', '/etc/passwd/x', '/bin/sh') }, ['-c', 'echo "$0 $1 $HOME"', 'a', 'b c']);
    expect(ran).toEqual({ status: 0, stdout: `a b c ${process.env.HOME}\n`, report: undefined });
  });

  test('a file without a format is a shell script, as execvp has it', () => {
    const script = join(folder, 'script');
    writeFileSync(script, 'echo "$0: $*"; exit 4\n', { mode: 0o755 });
    expect(launch({ paths: paths(script) }, ['x', 'y'])).toMatchObject({ status: 4, stdout: `${script}: x y\n` });
  });

  test.each([
    ['missing', ['/no/such', '/no/such2'], EXIT.notFound, 2n],
    ['forbidden', ['/etc/passwd', '/no/such'], EXIT.cannotExecute, 13n],
  ])('%s', (_, list, status, errno) => {
    expect(launch({ paths: paths(...list) }, [])).toEqual({ status, stdout: '', report: { errno, stage: BigInt(STAGE.exec) } });
  });

  test('a working directory that is missing', () => {
    expect(launch({ paths: paths('/bin/true'), cwd: '/no/such' }, [])).toEqual({
      status: EXIT.failed,
      stdout: '',
      report: { errno: 2n, stage: BigInt(STAGE.cwd) },
    });
  });

  test('without a tracer it ends and runs nothing', () => {
    expect(launch({ paths: paths('/bin/echo') }, ['no'], '')).toEqual({ status: EXIT.failed, stdout: '', report: undefined });
  });

  test('its image depends on nothing but its specification', () => {
    const spec = { waitFd: 9, statusFd: 10, paths: paths('/bin/true'), filter: new Uint8Array(16), user: { uid: 1, gid: 2, groups: [3] } };
    expect(launcherImage(X86_64, spec)).toEqual(launcherImage(X86_64, spec));
  });
});

test.each([
  ['mov eax, 60', movImm('rax', 60), '40 b8 3c 00 00 00'],
  ['mov r13d, 2', movImm('r13', 2), '41 bd 02 00 00 00'],
  ['push r14', push('r14'), '41 56'],
  ['cmp rax, -4', cmp('rax', -4), '48 81 f8 fc ff ff ff'],
  ['syscall', syscall(), '0f 05'],
  ['jne to itself', [...label('a'), ...jne('a')], '0f 85 fa ff ff ff'],
  ['lea rdi, [rip+0]', [...lea('rdi', 'a'), ...label('a')], '48 8d 3d 00 00 00 00'],
])('%s', (_, items, hex) => {
  expect(Buffer.from(assemble(items, 0)).toString('hex')).toBe(hex.replaceAll(' ', ''));
});

describe('where a command is looked for', () => {
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  for (const [dir, mode] of [
    [a, 0o644],
    [b, 0o755],
  ] as const) {
    mkdirSync(dir);
    writeFileSync(join(dir, 'tool'), '', { mode });
  }
  const PATH = `${a}:/no/such::${b}`;

  test.each([
    ['executable files only', 'tool', PATH, undefined, [`${b}/tool`]],
    ['files that exist when none is executable', 'tool', a, undefined, [`${a}/tool`]],
    ['an empty element is the working directory', 'tool', PATH, b, ['tool', `${b}/tool`]],
    ['a name with a slash is itself', './tool', PATH, undefined, ['./tool']],
    ['nothing', 'no-such-tool', PATH, undefined, []],
    ['an empty name', '', PATH, undefined, []],
  ])('%s', (_, name, path, cwd, expected) => {
    expect(candidates(name, { path, cwd })).toEqual(expected);
  });
});
