/** The command line: what commands exist and how their words are read. Each command's work is in its own file, loaded when it is used. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { BpfError } from '../base/index.ts';
import { OPT_IN_HELPERS } from '../helpers/index.ts';
import { dismissThread } from '../sources/ptrace/thread.ts';
import { bundledListing } from '../tools/bundled.ts';
import { packageRoot } from '../tools/package-root.ts';
import { duration, list, logLevel, percent, pid, releases, unsigned } from './args.ts';
import type { BtfRelocsOptions } from './btf-relocs.ts';
import { EXIT_FAILED, printError } from './failure.ts';
import type { ProgRunOptions } from './prog-run.ts';
import type { RunOptions } from './run.ts';
import type { VerifyOptions } from './verify.ts';
import { FORMATS } from './verify-report/formats.ts';

const version = (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;

/** Words after the first `--` are the command's own: commander never sees them. */
function splitCommand(argv: readonly string[]): { own: string[]; command: (string | Uint8Array)[] | undefined } {
  const at = argv.indexOf('--');
  return at < 0 ? { own: [...argv], command: undefined } : { own: argv.slice(0, at), command: exactWords(argv.slice(at + 1)) };
}

/** Node decodes arguments as UTF-8; words that are not are taken from the kernel's record of them. */
function exactWords(words: readonly string[]): (string | Uint8Array)[] {
  if (!words.some((w) => w.includes('\ufffd'))) return [...words];
  try {
    const all: Uint8Array[] = [];
    const bytes = readFileSync('/proc/self/cmdline');
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(0, from);
      all.push(bytes.subarray(from, end));
      from = end + 1;
    }
    return all.slice(-words.length);
  } catch {
    return [...words];
  }
}

function program(command: (string | Uint8Array)[] | undefined, exit: (code: number) => void): Command {
  const root = new Command('bpfwright')
    .description('Run, trace, test and explain eBPF programs: on real processes without root, a VM or a kernel.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'bpfwright: ')) })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\n${bundledListing()}`);

  root
    .command('run')
    .summary('run a program and print what it prints')
    .description('Loads and attaches a program, runs the command after `--` (or watches a process), and prints trace_pipe lines.')
    .usage('[options] <program> [-- command...]')
    .argument('[program]', 'bundled name, .bpf.o object, or .bpf.c source')
    .allowExcessArguments()
    .helpOption(false)
    .option('-h, --help', 'print this, and the variables of the program when one is given')
    .addOption(new Option('--host <host>', 'where programs run').choices(['engine']).default('engine'))
    .option('-p, --attach <pid>', 'trace a running process and its threads (repeatable)', list(pid))
    .option('--also <file>', 'load a further program (repeatable)', list(String))
    .option('--duration <time>', 'stop tracing after this long: 500ms, 10s, 2m', duration)
    .option('--json', 'one JSON object per line')
    .option('-o, --output <file>', 'write to a file; - is standard output')
    .option('-q, --quiet', 'no warnings, no banner')
    .option('-v, --verbose', 'say what is loaded, attached and traced')
    .option('--dump-maps', 'print the maps at the end')
    .option('--no-histograms', 'print histograms in maps as arrays instead of drawing them')
    .option(
      '--event <map=type>',
      "what a map's records are, where the object does not say: events='struct event' (repeatable)",
      list(String),
    )
    .option('--set <name=value>', 'set a `const volatile` variable (repeatable)', list(String))
    .addOption(new Option('--trace-format <form>', 'line format').choices(['modern', '4.4']).default('modern'))
    .option('--pid <pid>', 'only events of this process (repeatable)', list(pid))
    .option('--comm <name>', 'only events of tasks with this name (repeatable)', list(String))
    .option('--uid <uid>', 'only events of this user (repeatable)', list(unsigned))
    .option('--no-follow', 'only the command itself: its children run untraced')
    .option('--no-jit', 'interpret the programs instead of compiling them')
    .addOption(new Option('--allow <helper>', 'let programs call a helper that changes the traced process').choices(OPT_IN_HELPERS))
    .option('--user <user>', 'run the command as this user (name or uid; default: the user behind sudo)')
    .option('--max-overhead <percent>', 'detach when tracing costs more of the time than this (default 10 for -p)', percent)
    .action(async (file: string | undefined, options: RunOptions, self: Command) => {
      const extra = self.args[1];
      if (extra !== undefined) {
        throw new BpfError(`run takes one program, and '${extra}' is a second word`, {
          hint: `the command comes after --: bpfwright run ${self.args[0]} -- ${self.args.slice(1).join(' ')}`,
        });
      }
      const { run } = await import('./run.ts');
      exit(await run(file, command, options, self));
    });

  const prog = root.command('prog').summary('look at and test programs').description('Commands on the programs of an object file.');
  prog
    .command('dump')
    .description('Disassembles programs, with source lines where the object has them.')
    .argument('<object>', 'bundled name, .bpf.o object, or .bpf.c source')
    .argument('[name]', 'one program of the object')
    .option('--json', 'one JSON object per instruction')
    .option('--wasm', 'the WebAssembly that the program translates to, as text')
    .action(async (object: string, name: string | undefined, options: { json?: boolean; wasm?: boolean }) => {
      const { progDump } = await import('./prog-dump.ts');
      exit(await progDump(object, name, options));
    });
  prog
    .command('run')
    .description('Test-runs one program (BPF_PROG_TEST_RUN); types that the kernel cannot test-run are fired with --ctx-in.')
    .argument('<object>', 'bundled name, .bpf.o object, or .bpf.c source')
    .option('--prog <name>', 'the program (needed where the object has several)')
    .option('--data-in <file>', 'packet bytes; - is standard input')
    .option('--ctx-in <file>', 'context bytes; - is standard input')
    .option('--repeat <n>', 'runs', unsigned)
    .option('--cpu <n>', 'the CPU that the program runs on', unsigned)
    .option('--no-jit', 'interpret the program instead of compiling it')
    .option('--set <name=value>', 'set a `const volatile` variable (repeatable)', list(String))
    .option('--json', 'one JSON object')
    .action(async (object: string, options: ProgRunOptions) => {
      const { progRun } = await import('./prog-run.ts');
      exit(await progRun(object, options));
    });

  const btf = root.command('btf').summary('look at type information').description('Commands on the types of an object file.');
  btf
    .command('relocs')
    .description('Says what each CO-RE relocation comes to for a kernel: exit 0, or 1 when one has no counterpart there.')
    .argument('<object>', 'bundled name, .bpf.o object, or .bpf.c source')
    .option('--prog <name>', 'only this program')
    .option('--btf <file>', "the kernel's types (default: the running kernel's, else the engine's own)")
    .option('--json', 'one JSON object per relocation')
    .action(async (object: string, options: BtfRelocsOptions) => {
      const { btfRelocs } = await import('./btf-relocs.ts');
      exit(await btfRelocs(object, options));
    });

  root
    .command('verify')
    .description('Says whether the verifier accepts each program, and why not: exit 0 accepted, 1 rejected, 2 not readable.')
    .argument('<object...>', 'bundled names, .bpf.o objects, or .bpf.c sources')
    .option('--prog <name>', 'only this program')
    .option('--log-level <bits>', "the verifier's log: 1, 2, 4", logLevel)
    .option('--btf <file>', "the kernel's types: a file like /sys/kernel/btf/vmlinux, which is the default where it exists")
    .option('--type <name>', 'what programs are whose section does not say it: sched_cls, xdp, …')
    .option('--kernel <releases>', 'also say what these kernel releases lack: 4.4,5.10,6.1', releases)
    .option('--json', 'one JSON object per program')
    .addOption(new Option('--format <format>', 'form of the output').choices([...FORMATS]).conflicts('json'))
    .action(async (objects: string[], options: VerifyOptions) => {
      const { verifyObjects } = await import('./verify.ts');
      exit(await verifyObjects(objects, { ...options, version }));
    });

  root
    .command('feature')
    .description('Says what works on this machine and why not, with the remedy.')
    .option('--json', 'one JSON object per feature')
    .action(async (options: { json?: boolean }) => {
      const { feature } = await import('./feature.ts');
      exit(await feature(options));
    });
  return root;
}

async function main(argv: readonly string[]): Promise<number> {
  const { own, command } = splitCommand(argv);
  let code = 0;
  const root = program(command, (c) => {
    code = c;
  });
  if (own.length === 0) {
    process.stdout.write(root.helpInformation());
    process.stdout.write(`\n${bundledListing()}`);
    return command === undefined ? 0 : EXIT_FAILED;
  }
  try {
    await root.parseAsync(own, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_FAILED;
    printError(error);
    return EXIT_FAILED;
  }
  return code;
}

process.exitCode = await main(process.argv.slice(2));
await dismissThread();
