/** `bpfwright prog run`: PROG_TEST_RUN of one program; types that the kernel cannot test-run are fired with the given context. */
import { openSync, readSync } from 'node:fs';
import { BpfError, ERRNO, SyscallError, toHex } from '../base/index.ts';
import { parseElf } from '../elf/index.ts';
import type { Engine } from '../engine/index.ts';
import { loadCollection, type Program } from '../loader/index.ts';
import { TracePipe } from '../readers/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { readSettings } from '../tools/globals.ts';
import { createEngine } from '../tools/node-engine.ts';
import { jsonLine } from './json.ts';
import { chosenPrograms } from './prog-dump.ts';
import { Sink } from './sink.ts';

export interface ProgRunOptions {
  readonly prog?: string;
  readonly dataIn?: string;
  readonly ctxIn?: string;
  readonly repeat?: number;
  readonly cpu?: number;
  readonly jit?: boolean;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

interface Outcome {
  readonly retval: number;
  /** Mean nanoseconds of one run. */
  readonly duration: number;
  readonly dataOut: Uint8Array;
  readonly ctxOut: Uint8Array;
}

/** @returns the exit code: 0 when the program ran, whatever it returned */
export async function progRun(object: string, options: ProgRunOptions): Promise<number> {
  const { bytes, name } = readProgram(object);
  const spec = parseElf(bytes, name);
  const [chosen, ...others] = chosenPrograms(spec, options.prog, object);
  if (chosen === undefined) throw new BpfError(`${object} has no programs`);
  if (others.length > 0) {
    throw new BpfError(`${object} has ${others.length + 1} programs`, {
      hint: `choose one: --prog ${spec.programs.map((p) => p.name).join(', --prog ')}`,
    });
  }
  const engine = createEngine(options.jit === undefined ? {} : { jit: options.jit });
  const pipe = new TracePipe(engine);
  const collection = loadCollection(engine, spec, { variables: readSettings(options.set ?? [], [spec]) });
  const program = collection.program(chosen.name);
  engine.runner.warmUp();
  const outcome = execute(engine, program, options);
  const printed = pipe.read();
  const out = new Sink(1);
  const err = new Sink(2);
  for (const event of printed) err.write(event.bytes());
  if (options.json) {
    out.write(
      jsonLine({
        type: 'test_run',
        program: program.name,
        retval: outcome.retval,
        duration: outcome.duration,
        dataOut: toHex(outcome.dataOut, ''),
        ctxOut: toHex(outcome.ctxOut, ''),
      }),
    );
  } else {
    out.write(`Return value: ${outcome.retval}, duration (average): ${Math.round(outcome.duration)}ns\n`);
    if (outcome.dataOut.length > 0) out.write(`data: ${toHex(outcome.dataOut)}\n`);
    if (outcome.ctxOut.length > 0) out.write(`ctx: ${toHex(outcome.ctxOut)}\n`);
  }
  await Promise.all([out.flush(), err.flush()]);
  collection.close();
  engine.closeAll();
  return 0;
}

function execute(engine: Engine, program: Program, options: ProgRunOptions): Outcome {
  const dataIn = input('--data-in', options.dataIn);
  const ctxIn = input('--ctx-in', options.ctxIn);
  try {
    return program.testRun({
      ...(dataIn === undefined ? {} : { dataIn, dataOutSize: dataIn.length + 256 }),
      ...(ctxIn === undefined ? {} : { ctxIn, ctxOutSize: ctxIn.length }),
      ...(options.repeat === undefined ? {} : { repeat: options.repeat }),
      ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
    });
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.ENOTSUPP)) throw error;
    if (dataIn !== undefined)
      throw new BpfError(`${program.name} (${program.spec.section}) takes no packet`, { hint: 'give its context with --ctx-in' });
    return fire(engine, program, ctxIn, options.repeat ?? 1);
  }
}

/** Attaches the program to what its section names (or a place of its own) and fires that. */
function fire(engine: Engine, program: Program, ctx: Uint8Array | undefined, repeat: number): Outcome {
  const target = program.meaning?.target ?? { kind: 'other' as const, section: program.spec.section };
  const link = program.attach(target);
  const runs = Math.max(1, repeat);
  const before = process.hrtime.bigint();
  let retval: number | undefined;
  for (let i = 0; i < runs; i++) retval = engine.fire(target, ctx === undefined ? {} : { ctx })[0]?.retval;
  const duration = Number(process.hrtime.bigint() - before) / runs;
  link.close();
  if (retval === undefined) {
    const fault = engine.faults().recent.at(-1);
    throw new BpfError(`${program.name} did not run to its end${fault === undefined ? '' : `: insn ${fault.insn}: ${fault.reason}`}`);
  }
  return { retval, duration, dataOut: new Uint8Array(0), ctxOut: new Uint8Array(0) };
}

function input(option: string, file: string | undefined): Uint8Array | undefined {
  if (file === undefined) return undefined;
  try {
    return readBounded(file === '-' ? 0 : openSync(file, 'r'), option);
  } catch (cause) {
    if (cause instanceof BpfError) throw cause;
    throw new BpfError(`${option} ${file} cannot be read`, { cause, hint: cause instanceof Error ? cause.message : undefined });
  }
}

/** Largest input, bytes: no context and no packet is longer. */
const MAX_INPUT = 1 << 20;

function readBounded(fd: number, option: string): Uint8Array {
  const buffer = new Uint8Array(MAX_INPUT + 1);
  let size = 0;
  for (;;) {
    const got = readSync(fd, buffer, size, buffer.length - size, null);
    size += got;
    if (size > MAX_INPUT) throw new BpfError(`${option} has more than ${MAX_INPUT} bytes`);
    if (got === 0) return buffer.slice(0, size);
  }
}
