/** Test vectors as rows: ours, and bpf_conformance's where BPF_CONFORMANCE_DIR names a directory of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble, parseVector, type TestVector } from '../../src/asm/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { decodeAt, slotsOf } from '../../src/isa/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';

/** Program and map types; the shortest packet of a test run (ETH_HLEN); the key of an array's only element; where the memory starts in its value. */
const SCHED_CLS = 3;
const ARRAY = 2;
const PACKET = new Uint8Array(14);
const KEY = new Uint8Array(4);
const RESULT_SIZE = 8;

/** Our own. */
export const ownVectors: readonly TestVector[] = load(fileURLToPath(new URL('../../testdata/vectors', import.meta.url)));

const directory = process.env.BPF_CONFORMANCE_DIR;

/** bpf_conformance's, or undefined when BPF_CONFORMANCE_DIR names no directory. */
export const conformanceVectors: readonly TestVector[] | undefined =
  directory !== undefined && existsSync(directory) ? load(directory) : undefined;

/** The line of the one skip that stands for bpf_conformance's absence. */
export const NO_CONFORMANCE = 'bpf_conformance: skipped, BPF_CONFORMANCE_DIR names no directory';

/** Whether the vector reads a packet: then `memory` is the packet, r1 the context, and r0 has 32 bits. */
export function isPacketVector({ program }: TestVector): boolean {
  for (let index = 0; index * 8 < program.length; ) {
    const insn = decodeAt(program, index);
    if (insn.kind === 'ld_abs' || insn.kind === 'ld_ind') return true;
    index += slotsOf(insn);
  }
  return false;
}

/** As much of bpf(2) as vectors need. */
export type VectorBpf = Pick<RawBpf, 'mapCreate' | 'mapUpdate' | 'mapLookup' | 'progTestRun' | 'close'> & {
  progLoad(attr: { readonly type: number; readonly insns: Uint8Array }): { readonly fd: number };
};

/** An engine in the kernel's place. */
export function engineBpf(engine: Engine): VectorBpf {
  return {
    mapCreate: (attr) => engine.mapCreate(attr),
    mapUpdate: (fd, key, value) => engine.mapUpdateElem(fd, key, value),
    mapLookup: (fd, key) => engine.mapLookupElem(fd, key),
    progLoad: (attr) => engine.progLoad({ ...attr, license: 'GPL' }),
    progTestRun(fd, { data, repeat } = {}) {
      const { retval, dataOut } = engine.progTestRun(fd, { ...(data && { dataIn: data }), ...(repeat && { repeat }) });
      return { retval, data: dataOut };
    },
    close: (fd) => engine.close(fd),
  };
}

/** Runs vectors on the live kernel, or on an engine: as a subprogram whose 64-bit r0 its caller stores in a map, because a test run returns only 32 bits. */
export class KernelRunner {
  readonly #bpf: VectorBpf;
  constructor(bpf: VectorBpf) {
    this.#bpf = bpf;
  }

  /** r0 and the memory that the vector left. VerifierError when the kernel refuses it. */
  run(vector: TestVector): { readonly r0: bigint; readonly memory: Uint8Array } {
    const bpf = this.#bpf;
    if (isPacketVector(vector)) {
      const { retval, data } = this.#load(vector.program, vector.memory);
      return { r0: BigInt(retval), memory: data };
    }
    const map = bpf.mapCreate({ type: ARRAY, keySize: 4, valueSize: RESULT_SIZE + vector.memory.length, maxEntries: 1 });
    try {
      const value = new Uint8Array(RESULT_SIZE + vector.memory.length);
      value.set(vector.memory, RESULT_SIZE);
      bpf.mapUpdate(map, KEY, value);
      this.#load(wrapVector(vector, map), PACKET);
      const left = bpf.mapLookup(map, KEY, value.length);
      if (left === undefined) throw new Error('the map has no element 0');
      return { r0: new DataView(left.buffer).getBigUint64(0, true), memory: left.slice(RESULT_SIZE) };
    } finally {
      bpf.close(map);
    }
  }

  #load(insns: Uint8Array, data: Uint8Array): { readonly retval: number; readonly data: Uint8Array } {
    const { fd } = this.#bpf.progLoad({ type: SCHED_CLS, insns });
    try {
      return this.#bpf.progTestRun(fd, { data });
    } finally {
      this.#bpf.close(fd);
    }
  }
}

/** The vector as a subprogram of a main program that stores its r0. The map is an array whose value is 8 bytes for r0, then the memory. */
export function wrapVector({ program, memory }: TestVector, map: number): Uint8Array {
  const main = assemble(`
    r1 = ${memory.length === 0 ? '0' : `map[fd:${map}][0]+8`}
    r2 = ${memory.length}
    call vector
    r1 = map[fd:${map}][0]+0
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit
  vector:`);
  const bytes = new Uint8Array(main.length + program.length);
  bytes.set(main);
  bytes.set(program, main.length);
  return bytes;
}

function load(path: string): TestVector[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.data'))
    .sort()
    .map((name) => parseVector(readFileSync(join(path, name), 'utf8'), name));
}
