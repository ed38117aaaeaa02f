/** What the verifier asks of the engine's maps and BTF. */
import { Btf, type FuncInfo, type LineInfo } from '../btf/index.ts';
import { MAP } from '../maps/index.ts';
import type { MapFacts } from '../verifier/index.ts';
import type { EngineCore } from './core.ts';
import type { MapObject } from './objects.ts';

const ARRAY = 2;
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;

/** The facts of maps, the same object for the same map. */
export class MapFactsOf {
  readonly #core: EngineCore;
  readonly #known = new Map<MapObject, MapFacts>();

  constructor(core: EngineCore) {
    this.#core = core;
  }

  of(map: MapObject): MapFacts {
    const known = this.#known.get(map);
    if (known !== undefined) return known;
    const { dv, u8 } = this.#core.mem;
    const field = (offset: number): number => dv.getUint32(map.offset + offset, true);
    const type = field(MAP.TYPE);
    const valueSize = field(MAP.VALUE_SIZE);
    const base = type === ARRAY ? map.kernel.regions(this.#core.env, map.offset)[0]?.base : undefined;
    const facts: MapFacts = {
      type,
      keySize: field(MAP.KEY_SIZE),
      valueSize,
      maxEntries: field(MAP.MAX_ENTRIES),
      flags: field(MAP.FLAGS),
      name: nameOf(u8.slice(map.offset + MAP.NAME, map.offset + MAP.NAME + 16)),
      frozen: field(MAP.FROZEN) !== 0,
      hasBtf: map.btf !== undefined,
      contents: () => (base === undefined ? undefined : u8.slice(base, base + valueSize)),
    };
    this.#known.set(map, facts);
    return facts;
  }
}

function nameOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** What a program's BTF says of its functions and lines. */
export interface ProgramBtf {
  readonly btf: Btf;
  readonly functions: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
}

/** Reads func_info and line_info as bpf(2) takes them. @throws FormatError for malformed BTF */
export function readProgramBtf(bytes: Uint8Array, funcInfo: Uint8Array, lineInfo: Uint8Array | undefined): ProgramBtf {
  const btf = Btf.open(bytes);
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
        file: btf.string(fileOff),
        source: btf.string(sourceOff),
        line: place >>> 10,
        column: place & 0x3ff,
        fileOff,
        sourceOff,
      });
    }
  }
  return { btf, functions, lines };
}
