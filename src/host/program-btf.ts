/** A program's records as BPF_PROG_LOAD takes them, read for the verifier. */
import { FormatError, NotSupportedError } from '../base/index.ts';
import { type Btf, CORE_KINDS, CoreResolver, type FuncInfo, type LineInfo, relocateCore } from '../btf/index.ts';
import type { ProgLoadAttr } from './host.ts';

/** struct bpf_func_info, bpf_line_info and bpf_core_relo, bytes. */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const CORE_RELO_SIZE = 16;
/** MAX_FUNCINFO_REC_SIZE and its sisters. */
const MAX_RECORD_SIZE = 252;
const INSN_SIZE = 8;

/** Why records cannot be used: the message of the log, empty where the kernel has none. */
export interface RecordFault {
  readonly errno: 'EINVAL' | 'E2BIG';
  readonly message: string;
}

/** What a program's BTF says of its functions and lines. */
export interface ProgramBtf {
  readonly btf: Btf;
  readonly functions: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
  /** What is wrong after the records that were read. */
  readonly faults?: { readonly functions?: RecordFault; readonly lines?: RecordFault; readonly core?: RecordFault };
}

/** Sizes of records that are not the usual. */
export type RecordSizes = Pick<ProgLoadAttr, 'funcInfoSize' | 'lineInfoSize' | 'coreReloSize'>;

/** Reads func_info and line_info as bpf(2) takes them. Texts outside the BTF are empty: the verifier refuses them. */
export function readProgramBtf(btf: Btf, funcInfo: Uint8Array, lineInfo: Uint8Array | undefined, sizes: RecordSizes = {}): ProgramBtf {
  const functions: FuncInfo[] = [];
  const funcs = eachRecord(funcInfo, FUNC_INFO_SIZE, sizes.funcInfoSize, 'func info', (view, at) => {
    functions.push({ insn: view.getUint32(at, true), typeId: view.getUint32(at + 4, true) });
    return undefined;
  });
  const lines: LineInfo[] = [];
  const lined = eachRecord(lineInfo, LINE_INFO_SIZE, sizes.lineInfoSize, 'line_info', (view, at) => {
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
    return undefined;
  });
  if (funcs === undefined && lined === undefined) return { btf, functions, lines };
  return {
    btf,
    functions,
    lines,
    faults: { ...(funcs === undefined ? {} : { functions: funcs }), ...(lined === undefined ? {} : { lines: lined }) },
  };
}

/** The program with the CO-RE records that come with it applied against the host's types; they count only beside func_info. */
export function relocated(
  attr: Pick<ProgLoadAttr, 'insns' | 'coreRelos' | 'coreReloSize'>,
  records: Partial<ProgramBtf>,
  kernelBtf: () => Btf | undefined,
): Partial<ProgramBtf> & { readonly insns: Uint8Array } {
  const { btf, faults } = records;
  if (btf === undefined || attr.coreRelos === undefined || attr.coreRelos.length === 0) return { ...records, insns: attr.insns };
  const insns = attr.insns.slice();
  const core = applyCoreRecords(insns, attr.coreRelos, attr.coreReloSize, { btf, kernelBtf: kernelBtf() });
  return { ...records, insns, ...(core === undefined ? {} : { faults: { ...faults, core } }) };
}

/**
 * Applies CO-RE records that come with a program, against the host's types (check_core_relo, v6.18).
 * @param insns changed in place
 */
function applyCoreRecords(
  insns: Uint8Array,
  records: Uint8Array | undefined,
  size: number | undefined,
  types: { readonly btf: Btf; readonly kernelBtf: Btf | undefined },
): RecordFault | undefined {
  const { btf, kernelBtf } = types;
  const count = insns.length / INSN_SIZE;
  let resolver: CoreResolver | undefined;
  return eachRecord(records, CORE_RELO_SIZE, size, 'core_relo', (view, at, i) => {
    const [offset, typeId, accessOff, number] = [0, 4, 8, 12].map((o) => view.getUint32(at + o, true)) as [number, number, number, number];
    if (offset % INSN_SIZE !== 0 || offset / INSN_SIZE >= count) {
      return { errno: 'EINVAL', message: `Invalid core_relo[${i}].insn_off:${offset} prog->len:${count}` };
    }
    const kind = CORE_KINDS[number];
    if (typeId >= btf.count) return { errno: 'EINVAL', message: `relo #${i}: bad type id ${typeId}` };
    if (kind === undefined) return { errno: 'EINVAL', message: `relo #${i}: kind ${number} is none of 0 to 12` };
    if (!btf.hasString(accessOff)) return { errno: 'EINVAL', message: `relo #${i}: its access string is outside of the BTF` };
    try {
      resolver ??= new CoreResolver(btf, kernelBtf === undefined ? [] : [{ name: 'vmlinux', btf: kernelBtf }]);
      relocateCore(insns, [{ insn: offset / INSN_SIZE, typeId, access: btf.string(accessOff), kind }], resolver);
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof NotSupportedError)) throw error;
      return { errno: 'EINVAL', message: error.message };
    }
    return undefined;
  });
}

/** Visits records until one is wrong. Their size is at least what is known of them; what is more must be zero (bpf_check_uarg_tail_zero). */
function eachRecord(
  bytes: Uint8Array | undefined,
  known: number,
  size = known,
  what: 'func info' | 'line_info' | 'core_relo',
  visit: (view: DataView, at: number, index: number) => RecordFault | undefined,
): RecordFault | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  if (size < known || size > MAX_RECORD_SIZE || size % 4 !== 0) {
    return { errno: 'EINVAL', message: what === 'func info' ? `invalid func info rec size ${size}` : '' };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0, i = 0; at + size <= bytes.length; at += size, i++) {
    if (bytes.subarray(at + known, at + size).some((byte) => byte !== 0)) {
      return { errno: 'E2BIG', message: `nonzero tailing record in ${what}` };
    }
    const fault = visit(view, at, i);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
