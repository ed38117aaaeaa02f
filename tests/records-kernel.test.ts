/** func_info, line_info and CO-RE records of BPF_PROG_LOAD: sizes, tails and relocations, on the live kernel, the verifying host and the engine. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { errnoName, SyscallError, VerifierError } from '../src/base/index.ts';
import { Btf } from '../src/btf/index.ts';
import { VerifierHost } from '../src/checker/index.ts';
import type { ProgLoadAttr } from '../src/host/index.ts';
import { kernelWorld } from '../src/tools/kernel-world.ts';
import { createEngine } from '../src/tools/node-engine.ts';
import { describeProgram } from './support/btf-functions.ts';
import { kernel } from './support/kernel.ts';

const { bpf, reason } = kernel;
const { btf: described, records } = describeProgram([{ insn: 0, proto: 'int f(struct task_struct *, struct not_in_any_kernel *)' }]);
/** The access of a type itself, a string more. */
const ACCESS = new DataView(described.buffer, described.byteOffset).getUint32(20, true);
const btf = Uint8Array.from([...described, 0x30, 0]);
new DataView(btf.buffer).setUint32(20, ACCESS + 2, true);
const types = Btf.parse(btf);
const idOf = (name: string): number => types.findAll(name, 'struct')[0] ?? 0;
/** Refused where the first number is 0. */
const insns = assemble('r1 = 1\nr0 = 0\nif r1 != 0 goto +1\nr0 = *(u64 *)(r0 + 0)\nexit');
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const padded = (bytes: Uint8Array, size: number, last = 0): Uint8Array => {
  const out = new Uint8Array(size);
  out.set(bytes);
  if (size > bytes.length) out[size - 1] = last;
  return out;
};
const line = words(0, 1, 1, (3 << 10) | 1);
const TYPE_EXISTS = 8;
const present = words(0, idOf('task_struct'), ACCESS, TYPE_EXISTS);
const absent = words(0, idOf('not_in_any_kernel'), ACCESS, TYPE_EXISTS);

const ROWS: Readonly<Record<string, Partial<ProgLoadAttr>>> = {
  usual: {},
  'longer functions': { funcInfo: padded(records, 12), funcInfoSize: 12 },
  'longer functions that say something': { funcInfo: padded(records, 12, 1), funcInfoSize: 12 },
  'short functions': { funcInfoSize: 4 },
  'odd functions': { funcInfo: padded(records, 10), funcInfoSize: 10 },
  'largest functions': { funcInfo: padded(records, 252), funcInfoSize: 252 },
  'too large functions': { funcInfo: padded(records, 256), funcInfoSize: 256 },
  lines: { lineInfo: line },
  'longer lines': { lineInfo: padded(line, 20), lineInfoSize: 20 },
  'longer lines that say something': { lineInfo: padded(line, 20, 1), lineInfoSize: 20 },
  'short lines': { lineInfo: line, lineInfoSize: 8 },
  'odd lines': { lineInfo: padded(line, 18), lineInfoSize: 18 },
  'a type that exists': { coreRelos: present },
  'a type that does not': { coreRelos: absent },
  'longer relocations': { coreRelos: padded(present, 24), coreReloSize: 24 },
  'longer relocations that say something': { coreRelos: padded(present, 24, 1), coreReloSize: 24 },
  'short relocations': { coreRelos: present, coreReloSize: 8 },
  'odd relocations': { coreRelos: padded(present, 18), coreReloSize: 18 },
  'an offset within an instruction': { coreRelos: words(4, idOf('task_struct'), ACCESS, TYPE_EXISTS) },
  'an offset behind the program': { coreRelos: words(insns.length, idOf('task_struct'), ACCESS, TYPE_EXISTS) },
  'a type that the program lacks': { coreRelos: words(0, 999, ACCESS, TYPE_EXISTS) },
  'a kind that there is none of': { coreRelos: words(0, idOf('task_struct'), ACCESS, 77) },
  'another instruction': { coreRelos: words(32, idOf('task_struct'), ACCESS, TYPE_EXISTS) },
  'relocations without functions': { coreRelos: absent, funcInfo: new Uint8Array(0) },
};

function answer(load: () => unknown): { errno: string | undefined; message: string } {
  try {
    load();
    return { errno: undefined, message: '' };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const log = error instanceof VerifierError ? error.log.trimEnd().split('\n') : [];
    if (log.at(-1)?.startsWith('processed ')) log.pop();
    // Two messages of the kernel's have no end of line.
    return { errno: errnoName(error.errno), message: (log.at(-1) ?? '').replace(/processed .*/, '') };
  }
}

if (bpf === undefined) {
  describe('records', () => it.skip(`skipped: ${reason}`));
} else {
  it.each(Object.entries(ROWS))('%s', (_, row) => {
    const attr = { type: 5, insns, license: 'GPL', logLevel: 1, funcInfo: records, ...row };
    const btfFd = bpf.btfLoad(btf);
    const theirs = answer(() => bpf.close(bpf.progLoad({ ...attr, btfFd }).fd));
    bpf.close(btfFd);
    const host = new VerifierHost({ kernelBtf: kernelWorld().btf });
    using engine = createEngine();
    // The kernel's relocator talks about its work, ours says what is wrong.
    const said = ({ errno, message }: ReturnType<typeof answer>): unknown => (/relo|core/i.test(message) ? { errno } : { errno, message });
    expect(said(answer(() => host.progLoad({ ...attr, btfFd: host.btfLoad(btf) })))).toEqual(said(theirs));
    expect(said(answer(() => engine.progLoad({ ...attr, btfFd: engine.btfLoad(btf) })))).toEqual(said(theirs));
  });
}
