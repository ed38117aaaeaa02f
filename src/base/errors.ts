/** Diagnostics (findings about a user's program) and the error classes that are thrown. A class exists only where a caller would act differently. */
import { ERRNO, type ErrnoName, errnoName } from './errno.ts';

/** Where a finding is: any part that is known. */
export interface Location {
  /** File name of the object or source. */
  readonly file?: string;
  /** Section of the object file. */
  readonly section?: string;
  /** Program or symbol name. */
  readonly program?: string;
  /** Index of the instruction (an 8-byte slot) in its program. */
  readonly insn?: number;
  /** Byte offset in the input. */
  readonly offset?: number;
  /** 1-based source line and column, from BTF line info. */
  readonly line?: number;
  readonly column?: number;
  /** Text of the source line, from BTF line info. */
  readonly source?: string;
}

/** A finding about the user's program, as data. */
export interface Diagnostic {
  /** Stable rule identifier, kebab-case. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** One lower-case sentence with the value and what was expected. */
  readonly message: string;
  readonly location: Location;
  /** Further sentences: what was known. */
  readonly notes: readonly string[];
  /** What would fix it, in the words of the source where they are known. */
  readonly help?: string;
  /** Places that led here, in the order in which they were passed. */
  readonly related?: readonly { readonly message: string; readonly location: Location }[];
}

/** Base class of everything bpfwright throws on purpose. `hint` says what to do next. */
export class BpfError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** Malformed input: an object file, BTF, bytecode, assembler text. The message names the place. */
export class FormatError extends BpfError {
  readonly location: Location;
  constructor(message: string, location: Location = {}, options: { hint?: string; cause?: unknown } = {}) {
    super(`${where(location)}${message}`, options);
    this.location = location;
  }
}

function where(l: Location): string {
  const parts: string[] = [];
  if (l.file !== undefined) parts.push(l.file);
  if (l.section !== undefined) parts.push(`section ${l.section}`);
  if (l.program !== undefined) parts.push(l.program);
  if (l.line !== undefined) parts.push(`line ${l.line}${l.column === undefined ? '' : `:${l.column}`}`);
  if (l.insn !== undefined) parts.push(`insn ${l.insn}`);
  if (l.offset !== undefined) parts.push(`offset 0x${l.offset.toString(16)}`);
  return parts.length === 0 ? '' : `${parts.join(', ')}: `;
}

/** A failure with an errno: what bpf(2) or the engine answered. `errno` is positive. */
export class SyscallError extends BpfError {
  readonly syscall: string;
  readonly errno: number;
  readonly code: ErrnoName | `errno ${number}`;
  constructor(syscall: string, errno: number | ErrnoName, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    const n = typeof errno === 'string' ? ERRNO[errno] : errno;
    super(`${syscall}: ${message} (${errnoName(n)})`, options);
    this.syscall = syscall;
    this.errno = n;
    this.code = errnoName(n);
  }
}

/** A SyscallError's own sentence, without the call's name and the errno around it. */
export function plainMessage(error: SyscallError): string {
  const start = error.message.startsWith(`${error.syscall}: `) ? error.syscall.length + 2 : 0;
  const tail = ` (${error.code})`;
  return error.message.slice(start, error.message.endsWith(tail) ? -tail.length : undefined);
}

/** A map command failed. */
export class MapError extends SyscallError {}

/** Attaching a program failed; the hint names the nearest known attach points where there are any. */
export class AttachError extends SyscallError {}

/** A program was refused at load. `log` is the whole verifier log. */
export class VerifierError extends SyscallError {
  readonly log: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Bytes that the whole log needs, a NUL included (log_true_size); undefined where nobody counted. */
  logTrueSize: number | undefined;
  constructor(errno: number | ErrnoName, message: string, log: string, diagnostics: readonly Diagnostic[] = [], hint?: string) {
    super('BPF_PROG_LOAD', errno, message, { hint });
    this.log = log;
    this.diagnostics = diagnostics;
  }

  /** Slot of the instruction that the first finding is about. */
  get insn(): number | undefined {
    return this.diagnostics[0]?.location.insn;
  }
}

/** What was asked cannot be done here: says what, where it is supported, and what to do. */
export class NotSupportedError extends BpfError {}
