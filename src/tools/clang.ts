/** Compiles a `.bpf.c` file with the machine's own clang where it has the BPF target; says what to install where not. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BpfError, NotSupportedError } from '../base/index.ts';
import { packageRoot } from './package-root.ts';

/** Names tried in order when $CLANG is not set: the plain one, then Debian's versioned ones from new to old. */
const NAMES = ['clang', ...Array.from({ length: 14 }, (_, i) => `clang-${24 - i}`)];

/** A clang that can compile for BPF. */
export interface Clang {
  readonly path: string;
  /** First line of `--version`. */
  readonly version: string;
}

/** The first clang with a BPF target: $CLANG if set, else `clang`, `clang-24` … `clang-11` on PATH; undefined when there is none. */
export function findClang(env: NodeJS.ProcessEnv = process.env): Clang | undefined {
  for (const path of env.CLANG ? [env.CLANG] : NAMES) {
    const targets = spawnSync(path, ['-print-targets'], { encoding: 'utf8', env });
    if (targets.status !== 0 || !/^\s*bpfel\b/m.test(targets.stdout)) continue;
    const version = spawnSync(path, ['--version'], { encoding: 'utf8', env }).stdout.split('\n')[0] ?? '';
    return { path, version };
  }
  return undefined;
}

const INSTALL =
  'install one: `apt install clang` (Debian, Ubuntu), `dnf install clang` (Fedora), `apk add clang` (Alpine); or compile elsewhere and give the .o';

/** Name of the target macro that PT_REGS accessors look at, by Node's architecture name. */
const TARGET_ARCH: Readonly<Record<string, string>> = { x64: 'x86', arm64: 'arm64' };

/** Compiler flags for a BPF object with BTF; the package's headers come after the user's own folder. */
export function clangFlags(arch: string = process.arch): string[] {
  const flags = [
    '-O2',
    '-g',
    '-target',
    'bpfel',
    '-mcpu=v3',
    `-D__TARGET_ARCH_${TARGET_ARCH[arch] ?? 'x86'}`,
    '-Wall',
    '-Wno-missing-declarations',
  ];
  flags.push('-I', join(packageRoot(), 'include'));
  for (const dir of ['/usr/include/x86_64-linux-gnu', '/usr/include/aarch64-linux-gnu']) {
    // libbpf's headers and linux/*.h want asm/types.h, which Debian keeps per architecture.
    if (existsSync(dir)) flags.push('-idirafter', dir);
  }
  return flags;
}

/**
 * Object bytes of a C source file.
 * @throws NotSupportedError without a clang for BPF; BpfError with the compiler's own messages when it fails
 */
export function compileC(file: string): Uint8Array {
  if (!existsSync(file)) throw new BpfError(`${file} does not exist`);
  const clang = findClang();
  if (clang === undefined) {
    const where = process.env.CLANG ? `$CLANG (${process.env.CLANG}) is none` : 'none was found on PATH';
    throw new NotSupportedError(`compiling ${file} needs a clang with the BPF target, and ${where}`, { hint: INSTALL });
  }
  const dir = mkdtempSync(join(tmpdir(), 'bpfwright-'));
  try {
    const out = join(dir, 'out.o');
    const run = spawnSync(clang.path, [...clangFlags(), '-I', dirname(file), '-c', file, '-o', out], { encoding: 'utf8' });
    if (run.status !== 0) throw new BpfError(`${clang.path} could not compile ${file}:\n${run.stderr.trimEnd()}`);
    return readFileSync(out);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
