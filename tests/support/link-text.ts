/** Assembler texts that name their functions: `subprog[name]`. */
import { assemble } from '../../src/asm/index.ts';
import { describeFunctions } from './functions.ts';

/** A text made bytecode. */
export interface Linked {
  readonly insns: Uint8Array;
  /** BTF and records of the functions, where there is more than one. */
  readonly functions: ReturnType<typeof describeFunctions> | undefined;
}

/** Puts distances in the place of functions' names in `subprog[name]`. */
export function linkText(text: string): Linked {
  const lines = text.split('\n').filter((line) => line !== '');
  const at = new Map<string, number>();
  let slot = 0;
  const slots = lines.map((line) => {
    const here = slot;
    if (/^\w+:$/.test(line)) at.set(line.slice(0, -1), here);
    else slot += / ll$|map\[|subprog\[/.test(line) ? 2 : 1;
    return here;
  });
  const starts = new Set([0]);
  const linked = lines.map((line, i) =>
    line.replace(/subprog\[(\w+)\]/, (_, name: string) => {
      starts.add(at.get(name) ?? 0);
      return `subprog[${(at.get(name) ?? 0) - (slots[i] ?? 0) - 1}]`;
    }),
  );
  const functions = [...starts].sort((a, b) => a - b).map((insn) => ({ insn, linkage: 'static' as const }));
  return { insns: assemble(linked.join('\n')), functions: functions.length === 1 ? undefined : describeFunctions(functions) };
}
