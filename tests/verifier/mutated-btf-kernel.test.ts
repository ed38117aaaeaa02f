/**
 * Types that are not as compilers write them. Of a program: verify() and the live kernel say the same about words changed at random in the types and
 * the records, the whole log. Of the kernel: whatever a file given as the kernel's BTF says there is a verdict, and soon. BTF_MUTATIONS: how many.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Btf } from '../../src/btf/index.ts';
import { kernel } from '../support/kernel.ts';
import { type Answer, Pair, type Question, vmlinux } from '../support/verifier.ts';
import { btfCases } from './btf-cases.ts';
import { PROTOTYPE_CASES } from './prototype-cases.ts';

const { bpf, reason } = kernel;
const MUTATIONS = Number(process.env.BTF_MUTATIONS ?? 150);
const SLOWEST_MS = 10_000;
const INFO_KIND = 0x1f000000;
/** The kernel finds candidates in a cache of names, whatever kind they had when they were asked for before. */
const BY_HISTORY = /has no matches|is ambiguous/;

let seed = 20_261_127;
function below(bound: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return (seed >>> 3) % bound;
}

function pick<T>(of: readonly T[]): T {
  const one = of[below(of.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

function changed(old: number): number {
  switch (below(6)) {
    case 0:
      return old ^ (1 << below(32));
    case 1:
      return (old & ~INFO_KIND) | (below(20) << 24);
    case 2:
      return 0;
    case 3:
      return old + 1;
    default:
      return below(14);
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function mutated(question: Question): Question | undefined {
  const { functions } = question;
  if (functions === undefined) return undefined;
  const btf = Uint8Array.from(functions.btf);
  const records = Uint8Array.from(functions.records);
  const types = view(btf);
  const [header, offset, length] = [4, 8, 12].map((at) => types.getUint32(at, true)) as [number, number, number];
  for (let i = below(3); i >= 0; i--) {
    if (below(8) === 0) view(records).setUint32(4 * below(records.length / 4), below(12), true);
    const at = header + offset + 4 * below(length / 4);
    types.setUint32(at, changed(types.getUint32(at, true)) >>> 0, true);
  }
  return { ...question, functions: { ...functions, btf, records } };
}

const shown = ({ errno, log }: Answer): string => `${errno}\n${log.replace(/\(18\) (r\d+) = 0x[0-9a-f]+ *;?/g, '(18) $1 = …')}`;

if (bpf === undefined || vmlinux() === undefined) {
  describe('mutated BTF', () => it.skip(`skipped: ${reason ?? 'the kernel has no BTF'}`));
} else {
  const pair = new Pair(bpf);
  const described = [...PROTOTYPE_CASES, ...btfCases()].filter((row) => row.functions !== undefined);
  const loads = (btf: Uint8Array): boolean => {
    try {
      bpf.close(bpf.btfLoad(btf));
      return true;
    } catch {
      return false;
    }
  };

  it(`${MUTATIONS} programs with mutated types`, () => {
    for (let done = 0; done < MUTATIONS; ) {
      const row = pick(described);
      const question = mutated(row);
      if (question?.functions === undefined || !loads(question.functions.btf)) continue;
      done++;
      const ours = pair.ours(question);
      if (!BY_HISTORY.test(ours.log)) expect(shown(ours), row.name).toBe(shown(pair.kernel(question)));
    }
  }, 600_000);

  it('any types of the kernel', () => {
    const raw = readFileSync('/sys/kernel/btf/vmlinux');
    const offsets = recordOffsets(raw);
    const rows = btfCases();
    const roots = ['task_struct', 'sk_buff', 'sock', 'tcp_sock', 'bpf_ctx_convert', 'tcp_congestion_ops', 'bpf_iter__task'];
    const near = [...reachable(Btf.open(raw), roots)];
    for (let round = 0; round < MUTATIONS / 15; round++) {
      const bytes = Uint8Array.from(raw);
      const types = view(bytes);
      for (let i = pick([20, 200, 2000, 20_000]); i > 0; i--) {
        const id = below(3) === 0 ? below(offsets.length - 1) : pick(near) - 1;
        const start = offsets[id] ?? 0;
        const word = below(((offsets[id + 1] ?? start) - start) / 4 || 1);
        // Not the word with kind and length: the rest of the file would be no types.
        if (word === 1) continue;
        const at = start + 4 * word;
        types.setUint32(at, (below(2) === 0 ? pick(near) : changed(types.getUint32(at, true))) >>> 0, true);
      }
      const kernelBtf = Btf.open(bytes);
      for (let i = 0; i < 40; i++) {
        const row = pick(rows);
        const start = performance.now();
        expect(() => pair.verify(row, {}, { kernelBtf }), row.name).not.toThrow();
        expect(performance.now() - start, row.name).toBeLessThan(SLOWEST_MS);
      }
    }
  }, 600_000);
}

/** Where each record begins, by id less 1, and where the last one ends. */
function recordOffsets(bytes: Uint8Array): number[] {
  const types = view(bytes);
  const [header, offset, length] = [4, 8, 12].map((at) => types.getUint32(at, true)) as [number, number, number];
  const WORDS: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
  const EACH: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
  const offsets: number[] = [];
  let at = header + offset;
  while (at < header + offset + length) {
    offsets.push(at);
    const info = types.getUint32(at + 4, true);
    const kind = (info >>> 24) & 31;
    at += 12 + (WORDS[kind] ?? 0) + (EACH[kind] ?? 0) * (info & 0xffff);
  }
  return [...offsets, at];
}

/** Types within four steps of these structures. */
function reachable(btf: Btf, roots: readonly string[]): Set<number> {
  const found = new Set<number>();
  let edge = roots.flatMap((name) => btf.find(name, 'struct') ?? []);
  for (let depth = 0; depth < 4; depth++) {
    const next: number[] = [];
    for (const id of edge) {
      if (id === 0 || found.has(id)) continue;
      found.add(id);
      const type = btf.type(id);
      if (type.kind === 'struct' || type.kind === 'union') next.push(...type.members.map((m) => m.type));
      else if (type.kind === 'func_proto') next.push(...type.params.map((p) => p.type));
      else if ('type' in type) next.push(type.type);
    }
    edge = next;
  }
  return found;
}
