/** A program's records as BPF_PROG_LOAD takes them, read for the verifier. */
import type { Btf, FuncInfo, LineInfo } from '../btf/index.ts';

/** struct bpf_func_info and struct bpf_line_info, bytes. */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;

/** What a program's BTF says of its functions and lines. */
export interface ProgramBtf {
  readonly btf: Btf;
  readonly functions: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
}

/** Reads func_info and line_info as bpf(2) takes them. Texts outside the BTF are empty: the verifier refuses them. */
export function readProgramBtf(btf: Btf, funcInfo: Uint8Array, lineInfo: Uint8Array | undefined): ProgramBtf {
  const functions: FuncInfo[] = [];
  const funcs = new DataView(funcInfo.buffer, funcInfo.byteOffset, funcInfo.byteLength);
  for (let at = 0; at + FUNC_INFO_SIZE <= funcInfo.length; at += FUNC_INFO_SIZE) {
    functions.push({ insn: funcs.getUint32(at, true), typeId: funcs.getUint32(at + 4, true) });
  }
  const lines: LineInfo[] = [];
  if (lineInfo !== undefined) {
    const view = new DataView(lineInfo.buffer, lineInfo.byteOffset, lineInfo.byteLength);
    for (let at = 0; at + LINE_INFO_SIZE <= lineInfo.length; at += LINE_INFO_SIZE) {
      const fileOff = view.getUint32(at + 4, true);
      const sourceOff = view.getUint32(at + 8, true);
      const place = view.getUint32(at + 12, true);
      lines.push({
        insn: view.getUint32(at, true),
        file: btf.hasString(fileOff) ? btf.string(fileOff) : '',
        source: btf.hasString(sourceOff) ? btf.string(sourceOff) : '',
        line: place >>> 10,
        column: place & 0x3ff,
        fileOff,
        sourceOff,
      });
    }
  }
  return { btf, functions, lines };
}
