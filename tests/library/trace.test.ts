/** trace() as a program uses it: each script runs in a process of its own, against the built package, and must end by itself. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root, run } from '../e2e/support.ts';

const files: string[] = [];
afterAll(() => {
  for (const f of files) rmSync(f, { force: true });
});

/** Runs an ES module that imports `bpfwright` by its name. */
function script(body: string) {
  const file = join(root, `.library-test-${process.pid}-${files.length}.mjs`);
  files.push(file);
  writeFileSync(
    file,
    `import { createEngine, loadCollection, trace } from 'bpfwright';\nimport { readFileSync } from 'node:fs';\n${body}\n`,
  );
  return run([process.execPath, file]);
}

const rows: [name: string, body: string, output: RegExp][] = [
  [
    'one loop is the whole job',
    `for await (const e of await trace('examples/exec.bpf.o', { command: ['sh', '-c', '/bin/true; /bin/true'] })) console.log(e.comm, e.message, e.pid > 0, typeof e.timestamp);`,
    /^bpfwright executed \S*sh true bigint\nsh executed \/bin\/true true bigint\nsh executed \/bin\/true true bigint\n$/,
  ],
  [
    'exit, then maps, then close',
    `const s = await trace('writes', { command: ['sh', '-c', 'echo hello; exit 3'] });
     console.log(JSON.stringify(await s.exit));
     const map = s.collections[0].map('writes_by_pid');
     for (const [key, value] of map.entries()) console.log(map.keyToJson(key) === s.command.pid, JSON.stringify(map.valueToJson(value)));
     await s.close(); await s.close(); console.log('closed');`,
    /^hello\n\{"code":3,"core":false\}\ntrue \{"calls":"1","bytes":"6"\}\nclosed\n$/,
  ],
  [
    'closing while the command runs kills it',
    `const s = await trace('exec', { command: ['sleep', '60'] });
     const exit = s.exit;
     await s.close(); console.log((await exit.catch((e) => e)).signal ?? 'gone');`,
    /^9\n$/,
  ],
  [
    'leaving the loop early, then closing',
    `const s = await trace('exec', { command: ['sh', '-c', 'while :; do /bin/true; sleep 0.01; done'] });
     let n = 0; for await (const e of s) if (++n === 3) break;
     await s.close(); console.log(n);`,
    /^3\n$/,
  ],
  [
    'a command that does not exist is a CommandError',
    `try { await trace('exec', { command: ['no-such-thing'] }); } catch (e) { console.log(e.name, e.reason, e.code); }`,
    /^CommandError not-found ENOENT\n$/,
  ],
  [
    'an unknown function is an AttachError that names near ones',
    `try { await trace(bad(), { command: ['true'] }); } catch (e) { console.log(e.name, e.code, /sys_write/.test(e.message + e.hint)); }
     function bad() { const b = readFileSync('examples/writes.bpf.o'); const i = b.indexOf('kprobe/sys_write'); b.write('kprobe/sys_wrote', i); const j = b.indexOf('kprobe/sys_write', i + 1); if (j > 0) b.write('kprobe/sys_wrote', j); return b; }`,
    /^AttachError ENOENT true\n$/,
  ],
  [
    'an unknown variable and a senseless duration are refused',
    `for (const o of [{ set: { nope: 1 } }, { duration: NaN }, { duration: -1 }])
       try { await trace('writes', { command: ['true'], ...o }); console.log('ran'); } catch (e) { console.log(e.name, e.message.slice(0, 24)); }`,
    /^BpfError the program has no varia\nBpfError duration NaN: expected m\nBpfError duration -1: expected mi\n$/,
  ],
  [
    'a command line that is too long says so',
    `try { await trace('exec', { command: ['true', 'x'.repeat(3e6)] }); } catch (e) { console.log(e.code, /too long/.test(e.message)); }`,
    /^E2BIG true\n$/,
  ],
  [
    'a pipe ends with its engine',
    `const { TracePipe } = await import('bpfwright');
     const engine = createEngine(); const pipe = new TracePipe(engine);
     setTimeout(() => engine.closeAll(), 20);
     console.log(await pipe.next());
     try { engine.fire('kprobe/x'); } catch (e) { console.log(e.message); }`,
    /^undefined\nthe engine is closed\n$/,
  ],
  [
    'at most 64 programs on one event',
    `const engine = createEngine(); const c = loadCollection(engine, readFileSync('examples/exec.bpf.o'));
     let n = 0; try { for (;;) { c.program('trace_exec').attach(); n++; } } catch (e) { console.log(n, e.name, e.code); }`,
    /^64 AttachError E2BIG\n$/,
  ],
  [
    'made-up arguments and map attributes that make no sense are refused',
    `const engine = createEngine(); const c = loadCollection(engine, readFileSync('examples/exec.bpf.o')); c.attach();
     const loop = []; loop.push(loop);
     for (const args of [[1.5], [undefined], loop]) try { engine.fire('kprobe/do_execve', { args }); } catch (e) { console.log(e.name); }
     for (const maxEntries of [NaN, 1.5, -1]) try { engine.mapCreate({ type: 1, keySize: 4, valueSize: 4, maxEntries }); } catch (e) { console.log(e.name, e.code); }`,
    /^(BpfError\n){3}(MapError EINVAL\n){3}$/,
  ],
  [
    'two sessions at once',
    `const [a, b] = await Promise.all([1, 2].map((n) => trace('exec', { command: ['sh', '-c', '/bin/true; exit ' + n] })));
     const count = async (s) => { let n = 0; for await (const e of s) n++; return n; };
     console.log(await count(a), await count(b), (await a.exit).code, (await b.exit).code);`,
    /^2 2 1 2\n$/,
  ],
  [
    'fire needs no process',
    `const engine = createEngine();
     const c = loadCollection(engine, readFileSync('examples/exec.bpf.o'));
     c.attach();
     engine.fire('kprobe/do_execve', { args: [['/bin/fired']], task: { pid: 42, comm: 'me' } });
     console.log(engine.tracePipe().read().map((r) => r.pid + ' ' + new TextDecoder().decode(r.message)).join());`,
    /^42 executed \/bin\/fired\n$/,
  ],
];

describe('the library', () => {
  it.each(rows)('%s', (_name, body, output) => {
    const got = script(body);
    expect(got.stderr).toBe('');
    expect(got.stdout).toMatch(output);
    expect(got.status).toBe(0);
  });
});
