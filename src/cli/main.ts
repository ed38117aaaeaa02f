/** The command line: what commands exist and how their words are read. Each command's work is in its own file, loaded when it is used. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { bundledListing } from '../tools/bundled.ts';
import { packageRoot } from '../tools/package-root.ts';
import { duration, list, percent, pid, unsigned } from './args.ts';
import { EXIT_FAILED, printError } from './failure.ts';

const version = (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;

/** Words after the first `--` are the command's own: commander never sees them. */
function splitCommand(argv: readonly string[]): { own: string[]; command: string[] | undefined } {
  const at = argv.indexOf('--');
  return at < 0 ? { own: [...argv], command: undefined } : { own: argv.slice(0, at), command: argv.slice(at + 1) };
}

function program(command: string[] | undefined, exit: (code: number) => void): Command {
  const root = new Command('bpfwright')
    .description('Run, trace, test and explain eBPF programs: on real processes without root, a VM or a kernel.')
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\n${bundledListing()}`);

  const prog = root.command('prog').summary('look at and test programs').description('Commands on the programs of an object file.');
  prog
    .command('dump')
    .description('Disassembles programs, with source lines where the object has them.')
    .argument('<object>', 'bundled name, .bpf.o object, or .bpf.c source')
    .argument('[name]', 'one program of the object')
    .option('--json', 'one JSON object per instruction')
    .action(async (object: string, name: string | undefined, options: { json?: boolean }) => {
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
    .option('--set <name=value>', 'set a `const volatile` variable (repeatable)', list(String))
    .option('--json', 'one JSON object')
    .action(async (object: string, options: Record<string, unknown>) => {
      const { progRun } = await import('./prog-run.ts');
      exit(await progRun(object, options));
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
