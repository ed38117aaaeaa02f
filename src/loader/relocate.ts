/** The last step before progLoad: fds and addresses into a linked program's bytecode, its records as bpf(2) takes them. */
import { NotSupportedError } from '../base/index.ts';
import type { CollectionSpec, ProgramSpec, Reference } from '../elf/index.ts';
import type { Fd, Host } from '../host/index.ts';
import type { KernelSymbol } from './kernel-symbols.ts';

const CALL = 0x85;
/** imm of a call of an absent weak kfunc: refused only where it can be reached (libbpf.c POISON_CALL_KFUNC_BASE, v6.18). */
const POISONED_KFUNC = 2_002_000_000;

/** What bytecode is completed with. */
export interface RelocationWorld {
  /** Maps by name. */
  readonly fds: ReadonlyMap<string, Fd>;
  readonly symbols: ReadonlyMap<string, KernelSymbol>;
  readonly host: Host['name'];
}

/** Puts the fds of its maps and what its kernel symbols stand for into a program's bytecode. Throws for kernel symbols that are not to be had. */
export function relocate(spec: CollectionSpec, program: ProgramSpec, insns: Uint8Array, { fds, symbols, host }: RelocationWorld): void {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const kconfig = spec.maps.find((m) => m.origin === 'kconfig')?.name ?? '.kconfig';
  const externs = new Map(spec.externs.map((e, index) => [e.name, index]));
  for (const reference of program.references) {
    const at = reference.insn * 8;
    switch (reference.kind) {
      case 'map':
      case 'map_value':
      case 'kconfig': {
        const fd = fds.get(reference.kind === 'kconfig' ? kconfig : reference.name);
        if (fd === undefined)
          throw new NotSupportedError(`program ${program.name}, insn ${reference.insn}: map ${reference.name} was not created`);
        view.setInt32(at + 4, fd, true);
        break;
      }
      case 'ksym':
      case 'kfunc':
        putSymbol(view, reference, symbols.get(reference.name), { host, program, index: externs.get(reference.name) ?? 0 });
        break;
      case 'func':
        break;
    }
  }
}

function putSymbol(
  view: DataView,
  { insn, kind, name }: Reference,
  symbol: KernelSymbol | undefined,
  { host, program, index }: { readonly host: string; readonly program: ProgramSpec; readonly index: number },
): void {
  const at = insn * 8;
  if (symbol === undefined || symbol.kind === 'missing') {
    const what = kind === 'kfunc' ? 'kernel function' : 'kernel symbol';
    const where = `program ${program.name}, insn ${insn}`;
    if (host !== 'engine' && symbol !== undefined) throw symbol.error;
    throw new NotSupportedError(`${where}: ${what} ${name} cannot be resolved here`, {
      hint: 'declare it __weak and test for it before use',
    });
  }
  if (symbol.kind === 'btf') {
    view.setInt32(at + 4, symbol.id, true);
    return;
  }
  // An absent weak symbol is address 0; an absent weak function must not be called.
  view.setUint8(at + 1, view.getUint8(at + 1) & 15);
  if (view.getUint8(at) === CALL) {
    view.setInt32(at + 4, POISONED_KFUNC + index, true);
  } else if (symbol.kind === 'address') {
    view.setUint32(at + 4, Number(BigInt.asUintN(32, symbol.address)), true);
    view.setUint32(at + 12, Number(symbol.address >> 32n), true);
  }
}

/** func_info and line_info as bpf(2) takes them; absent when they do not cover the program (the kernel refuses gaps). */
export function infoBytes(program: ProgramSpec): { funcInfo?: Uint8Array; lineInfo?: Uint8Array } {
  const starts = new Set(program.funcInfo.map((f) => f.insn));
  if (program.functions.length === 0 || program.funcInfo.length !== program.functions.length) return {};
  if (!program.functions.every((f) => starts.has(f.insn))) return {};
  const funcInfo = new Uint8Array(program.funcInfo.length * 8);
  const funcs = new DataView(funcInfo.buffer);
  program.funcInfo.forEach((f, i) => {
    funcs.setUint32(i * 8, f.insn, true);
    funcs.setUint32(i * 8 + 4, f.typeId, true);
  });
  const lined = new Set(program.lines.map((l) => l.insn));
  if (!program.functions.every((f) => lined.has(f.insn))) return { funcInfo };
  const lineInfo = new Uint8Array(program.lines.length * 16);
  const lines = new DataView(lineInfo.buffer);
  program.lines.forEach((l, i) => {
    lines.setUint32(i * 16, l.insn, true);
    lines.setUint32(i * 16 + 4, l.fileOff, true);
    lines.setUint32(i * 16 + 8, l.sourceOff, true);
    lines.setUint32(i * 16 + 12, ((l.line << 10) | l.column) >>> 0, true);
  });
  return { funcInfo, lineInfo };
}
