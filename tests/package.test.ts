/** The package as it is installed: packed, unpacked into a read-only tree, used by name from JavaScript, TypeScript and the shell. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../src/tools/package-root.ts';

const root = packageRoot();
const built = existsSync(join(root, 'dist', 'cli.js')) && existsSync(join(root, 'dist', 'types', 'index.d.ts'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  exports: Record<string, unknown>;
  dependencies: Record<string, string>;
};
const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json');
const dir = mkdtempSync(join(tmpdir(), 'bpfwright-package-'));
const installed = join(dir, 'node_modules', 'bpfwright');

/** Makes the tree read-only (or removable again); root is not stopped by it, other users are. */
function setWritable(path: string, writable: boolean): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) setWritable(join(path, entry.name), writable);
    else if (entry.isFile()) chmodSync(join(path, entry.name), (writable ? 0o644 : 0o444) | (entry.name === 'bpfwright.js' ? 0o111 : 0));
  }
  chmodSync(path, writable ? 0o755 : 0o555);
}

function run(command: string, args: readonly string[], cwd = dir) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, HOME: dir } });
}

describe.skipIf(!built)('the installed package (needs dist/: npm run build)', () => {
  beforeAll(() => {
    const pack = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', dir], root);
    expect(pack.status, pack.stderr).toBe(0);
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, 'node_modules'), { recursive: true });
    expect(run('tar', ['-xzf', `bpfwright-${manifest.version}.tgz`]).status).toBe(0);
    expect(run('mv', ['package', installed]).status).toBe(0);
    // Its dependencies without a registry.
    for (const name of ['koffi', 'commander', '@types', 'undici-types']) {
      if (existsSync(join(root, 'node_modules', name)))
        symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name), 'dir');
    }
    setWritable(installed, false);
  });
  afterAll(() => {
    if (existsSync(installed)) setWritable(installed, true);
    rmSync(dir, { recursive: true, force: true });
  });

  it('holds what runs and nothing that only builds', () => {
    const files = readdirSync(installed, { recursive: true }).map(String);
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'CHANGELOG.md', 'bin/bpfwright.js', 'include/vmlinux.h']));
    expect(files).toEqual(expect.arrayContaining(['include/generated/bpf_helper_defs.h', 'examples/exec.bpf.o', 'docs/limits.md']));
    expect(files.filter((name) => /\.map$|tsbuildinfo|\.test\.|^src|^tools|^docs\/api/.test(name))).toEqual([]);
  });

  it.each(entries)('%s can be imported', (entry) => {
    const name = join('bpfwright', entry);
    const result = run(process.execPath, ['--input-type=module', '-e', `import * as m from '${name}'; console.log(Object.keys(m).length)`]);
    expect(result.stderr).toBe('');
    expect(Number(result.stdout)).toBeGreaterThan(0);
  });

  it('has types for every entry and the README’s code under nodenext, without skipLibCheck', () => {
    const imports = entries.map(
      (entry, n) => `import * as m${n} from '${join('bpfwright', entry)}';\nexport const keys${n}: string[] = Object.keys(m${n});`,
    );
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const snippets = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? '');
    expect(snippets.length).toBeGreaterThan(0);
    writeFileSync(join(dir, 'consumer.ts'), imports.join('\n'));
    for (const [n, code] of snippets.entries()) writeFileSync(join(dir, `readme${n}.ts`), code);
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
    const options = [
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
    ];
    const result = run(process.execPath, [
      join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
      ...options,
      'consumer.ts',
      ...snippets.map((_, n) => `readme${n}.ts`),
    ]);
    expect(result.stdout).toBe('');
    expect(result.status).toBe(0);
  });

  it('runs its command from a read-only tree', () => {
    const result = run(process.execPath, [join(installed, 'bin', 'bpfwright.js'), '--version']);
    expect(result.stderr).toBe('');
    expect(result.stdout.trim()).toBe(manifest.version);
  });

  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'traces from a read-only tree as a user who is not root (needs root to become one)',
    () => {
      const words = [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        join(installed, 'bin', 'bpfwright.js'),
        'run',
        'exec',
      ];
      const result = run('setpriv', [...words, '--', 'sh', '-c', '/bin/true; exit 7']);
      expect(result.stderr).toContain('executed /bin/true');
      expect(result.status).toBe(7);
    },
  );
});
