/** Job control in a real terminal: a shell in a pseudo-terminal runs bpfwright, keys and prompts as a user sees them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, has, root, run } from './support.ts';

const dir = mkdtempSync(join(tmpdir(), 'terminal-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Types lines into an interactive bash in a pseudo-terminal; a line is typed when the text before it has been seen. Prints all output. */
const DRIVER = `
import os, pty, re, select, signal, sys, time
steps = eval(open(sys.argv[1]).read())
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1='PROMPT> ', TERM='dumb', BPF=sys.argv[2])
    os.execvp('bash', ['bash', '--norc', '--noediting', '-i'])
seen = ''
mark = 0
for expect, key in steps:
    end = time.time() + 20
    while not re.search(expect, seen[mark:]):
        if time.time() > end:
            print('MISSING', repr(expect), 'after', repr(seen)); os.kill(pid, 9); sys.exit(1)
        if select.select([fd], [], [], 0.2)[0]:
            try: data = os.read(fd, 65536)
            except OSError: break
            seen += data.decode('utf8', 'replace')
    mark += re.search(expect, seen[mark:]).end()
    time.sleep(0.3)
    os.write(fd, key.encode())
try:
    while select.select([fd], [], [], 2)[0]:
        data = os.read(fd, 65536)
        if not data: break
        seen += data.decode('utf8', 'replace')
except OSError: pass
os.waitpid(pid, 0)
print(seen)
`;

const B = '$BPF run -q -o /dev/null exec --';
const rows: [name: string, steps: [string, string][], output: RegExp][] = [
  [
    'Ctrl-C reaches the command',
    [
      ['PROMPT> ', `${B} sleep 60\n`],
      ['exec -- sleep 60', '\x03'],
      ['PROMPT> ', 'echo status $?; exit\n'],
    ],
    /status 130/,
  ],
  [
    'Ctrl-Z stops the job, fg continues it',
    [
      ['PROMPT> ', `${B} sh -c "sleep 2; echo woke"\n`],
      ['woke', '\x1a'],
      ['Stopped[\\s\\S]*PROMPT> ', 'fg\n'],
      ['woke[\\s\\S]*woke[\\s\\S]*PROMPT> ', 'echo status $?; exit\n'],
    ],
    /status 0/,
  ],
  [
    'a command that stops itself gives the prompt back',
    [
      ['PROMPT> ', `${B} sh -c 'kill -STOP $$; echo resumed; exit 4'\n`],
      ['Stopped[\\s\\S]*PROMPT> ', 'fg\n'],
      ['resumed[\\s\\S]*PROMPT> ', 'echo status $?; exit\n'],
    ],
    /status 4/,
  ],
];

describe.skipIf(!has('python3') || !has('bash'))('in a terminal (needs python3 and bash)', () => {
  it.each(rows)('%s', (name, steps, output) => {
    const driver = join(dir, 'driver.py');
    const plan = join(dir, `${name.replace(/\W/g, '-')}.steps`);
    writeFileSync(driver, DRIVER);
    writeFileSync(plan, JSON.stringify(steps));
    const got = run(['python3', driver, plan, `${process.execPath} ${bin}`], { cwd: root });
    expect(got.stdout).toMatch(output);
  });
});
