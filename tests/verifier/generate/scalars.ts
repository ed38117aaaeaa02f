/** Random programs without structure: scalars, their copies, forward branches, the stack, a map's value; about a quarter of them are accepted. */
import type { Random } from './random.ts';

export const CONSTANTS = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 40, 48, 63, 64, 127, 255, 256, -1, -2, -8, -16, 65535, 0x7fffffff, -0x80000000, 0x1000, 100,
];
export const ALU = ['+=', '-=', '*=', '&=', '|=', '^=', '<<=', '>>=', 's>>=', '/=', '%='];
export const COMPARE = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'];

/** A source of programs as assembler texts. `$array` stands for an array with values of 48 bytes. */
export class ScalarPrograms {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  #any(): string {
    return this.#random.pick(['r6', 'r7', 'r6', 'r7', 'r0', 'r1', 'r2', 'r3', 'r4', 'r5']);
  }

  #scalar(): string {
    return this.#random.pick(['r6', 'r7', 'r6', 'r7', 'r0', 'r1', 'r2']);
  }

  /** The next program. */
  program(): string {
    const lines = [
      'r9 = r1',
      `*(u32 *)(r10 - 4) = ${this.#random.pick([0, 1, 3, 9])}`,
      'r2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\nr8 = r0',
      this.#random.chance(0.8) ? 'if r8 == 0 goto out' : '',
      this.#random.pick(['r6 = *(u64 *)(r8 + 0)', 'r6 = *(u32 *)(r9 + 0)', 'r6 = *(u8 *)(r8 + 1)', 'call bpf_get_prandom_u32\nr6 = r0']),
      this.#random.pick(['r7 = *(u64 *)(r8 + 8)', 'r7 = *(u32 *)(r9 + 8)', 'r7 = 0', 'r7 = r6', 'r7 = *(s8 *)(r8 + 3)']),
      this.#random.chance(0.5) ? 'r0 = 0\nr1 = r6\nr2 = r7\nr3 = r8\nr4 = r10\nr5 = 5' : '',
    ];
    const count = 6 + this.#random.below(36);
    for (let i = 0; i < count; i++) lines.push(this.#step());
    lines.push('r0 = 0\nexit');
    return `${this.#label(lines)}\nout:\nr0 = 0\nexit`;
  }

  /** Jumps go to labels further down. */
  #label(lines: readonly string[]): string {
    const total = lines.filter((l) => l === 'LABEL').length;
    let seen = 0;
    return lines
      .map((line) => {
        if (line === 'LABEL') return `l${seen++}:`;
        return line.replace('goto LABEL', () => {
          const to = seen + this.#random.below(total - seen + 1);
          return to >= total ? 'goto out' : `goto l${to}`;
        });
      })
      .join('\n');
  }

  #step(): string {
    const kind = this.#random.below(22);
    if (kind < 7) return this.#alu(kind < 4);
    if (kind < 9) return this.#move();
    if (kind < 13) return this.#jump();
    if (kind < 17) return this.#stack(kind < 15);
    if (kind === 17) {
      const r = this.#scalar();
      const load = `r${this.#random.pick([0, 1, 2, 4])} = *(${this.#random.pick(['u8', 'u8', 'u64', 's8'])} *)(r3 + ${this.#random.pick([0, 0, 8, 16, 40])})`;
      return `${r} &= ${this.#random.pick([7, 15, 31, 40, 63])}\nr3 = r8\nr3 += ${r}\n${load}`;
    }
    if (kind === 18) {
      const r = this.#scalar();
      const access = this.#random.pick([`*(u8 *)(r4 + 0) = ${this.#random.pick(['r6', 'r7', '0', '1'])}`, 'r0 = *(u8 *)(r4 + 0)']);
      return `r4 = r10\nr4 += -48\n${r} &= ${this.#random.pick([7, 15, 31, 31, 63])}\nr4 += ${r}\n${access}`;
    }
    if (kind === 19) return 'call bpf_get_prandom_u32\nr1 = r0\nr2 = r0\nr3 = r8\nr4 = r10\nr5 = 1';
    if (kind === 20) {
      return this.#random.pick([
        'r6 = -r6',
        'r6 = be32 r6',
        'r7 = le16 r7',
        'r6 = bswap64 r6',
        'r6 = r10',
        'r7 = r8',
        'lock *(u64 *)(r10 - 8) += r6',
        'r6 = atomic_fetch_add((u64 *)(r8 + 8), r6)',
      ]);
    }
    return 'LABEL';
  }

  #alu(immediate: boolean): string {
    const wide = this.#random.chance(0.6);
    const op = this.#random.pick(ALU);
    const name = (r: string): string => (wide ? r : r.replace('r', 'w'));
    const left = name(this.#scalar());
    if (!immediate) return `${left} ${op} ${name(this.#scalar())}`;
    if (/<<|>>/.test(op)) return `${left} ${op} ${this.#random.below(wide ? 64 : 32)}`;
    return `${left} ${op} ${/[/%]/.test(op) ? 1 + this.#random.below(20) : this.#random.pick(CONSTANTS)}`;
  }

  #move(): string {
    const a = this.#any();
    const b = this.#any();
    const narrow = `${a.replace('r', 'w')} = ${b.replace('r', 'w')}`;
    return this.#random.pick([
      `${a} = ${b}`,
      `${a} = ${b}`,
      narrow,
      `${a} = (s8)${b}`,
      `${a} = (s32)${b}`,
      `${a} = ${this.#random.pick(CONSTANTS)}`,
    ]);
  }

  #jump(): string {
    const wide = this.#random.chance(0.6);
    const name = (r: string): string => (wide ? r : r.replace('r', 'w'));
    const right = this.#random.chance(0.7) ? String(this.#random.pick(CONSTANTS)) : name(this.#scalar());
    return `if ${name(this.#scalar())} ${this.#random.pick(COMPARE)} ${right} goto LABEL`;
  }

  #stack(store: boolean): string {
    const off = 8 * (1 + this.#random.below(6)) + (this.#random.chance(0.2) ? 4 : 0);
    if (!store) return `${this.#any()} = *(${this.#random.pick(['u64', 'u64', 'u32', 'u8', 's16'])} *)(r10 - ${off})`;
    const value = this.#random.chance(0.7) ? this.#any() : String(this.#random.pick(CONSTANTS));
    return `*(${this.#random.pick(['u64', 'u64', 'u32', 'u8', 'u16'])} *)(r10 - ${off}) = ${value}`;
  }
}
