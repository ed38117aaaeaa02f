/** The text of a program that is being generated: functions one behind the other, labels, and where each function starts. */
import { describeFunctions, type TestFunction } from '../../support/functions.ts';

/** A program for verify() and the kernel. */
export interface Generated {
  readonly text: string;
  /** enum bpf_prog_type. */
  readonly type: number;
  readonly functions?: { readonly btf: Uint8Array; readonly records: Uint8Array };
}

type Params = NonNullable<TestFunction['params']>;

interface Function {
  readonly name: string;
  readonly linkage: 'static' | 'global';
  readonly params: Params;
  readonly lines: string[];
}

/** Slots of a line: 0 for labels, 2 for 64-bit constants. */
function slotsOf(line: string): number {
  if (line === '' || line.endsWith(':')) return 0;
  return /= (map|subprog)\[| ll$/.test(line) ? 2 : 1;
}

/** Gathers the functions of one program. */
export class Writer {
  readonly #functions: Function[] = [];
  #labels = 0;
  /** Loops so far. */
  loops = 0;
  /** Branches in the loop that is written. */
  branches = 0;
  /** The program needs BTF of its functions. */
  described = false;

  open(name: string, linkage: 'static' | 'global', params: Params): string[] {
    const lines: string[] = [];
    this.#functions.push({ name, linkage, params, lines });
    return lines;
  }

  get functions(): number {
    return this.#functions.length;
  }

  label(): string {
    return `l${this.#labels++}`;
  }

  finish(type: number): Generated {
    const starts = new Map<string, number>();
    let slot = 0;
    for (const { name, lines } of this.#functions) {
      starts.set(name, slot);
      for (const line of lines) slot += slotsOf(line);
    }
    slot = 0;
    const text: string[] = [];
    for (const { name, lines } of this.#functions) {
      text.push(`${name}:`);
      for (const line of lines) {
        text.push(
          line.replace(/subprog\[@(\w+)\]/, (_, to: string) => {
            const by = (starts.get(to) ?? 0) - slot - 1;
            return `subprog[${by < 0 ? by : `+${by}`}]`;
          }),
        );
        slot += slotsOf(line);
      }
    }
    const generated = { text: text.join('\n'), type };
    if (!this.described) return generated;
    const functions = this.#functions.map((f) => ({ insn: starts.get(f.name) ?? 0, linkage: f.linkage, params: f.params }));
    return { ...generated, functions: describeFunctions(functions) };
  }
}
