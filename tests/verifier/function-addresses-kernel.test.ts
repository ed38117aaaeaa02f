/** Calls of kernel functions that BTF has and /proc/kallsyms has not. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openBtf } from '../../src/btf/index.ts';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';

const { bpf } = kernel;

/** Ids of some functions without a symbol. */
function nameless(): number[] {
  const btf = openBtf(readFileSync('/sys/kernel/btf/vmlinux'));
  const symbols = new Set([...readFileSync('/proc/kallsyms', 'latin1').matchAll(/^\S+ . (\S+)/gm)].map(([, name]) => name));
  const out: number[] = [];
  for (let id = 1; id < btf.count && out.length < 8; id++) {
    if (btf.kind(id) === 'func' && !symbols.has(btf.type(id).name)) out.push(id);
  }
  return out;
}

it.skipIf(bpf === undefined)('they are refused, in dead code too', () => {
  if (bpf === undefined) return;
  const pair = new Pair(bpf);
  for (const id of nameless()) {
    for (const text of [`call kfunc ${id}\nr0 = 0\nexit`, `r0 = 0\nif r0 == 0 goto +1\ncall kfunc ${id}\nexit`]) {
      const row = { text, type: 3 };
      expect(pair.ours(row)).toEqual(pair.kernel(row));
    }
  }
});
