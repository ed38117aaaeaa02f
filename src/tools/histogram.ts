/** Power-of-two histograms in maps: finding them by their types, and drawing them as bcc's print_log2_hist does. */
import type { Btf, BtfValue } from '../btf/index.ts';

/** Slots of 64-bit numbers. */
const MAX_SLOTS = 64;
/** Stars of the longest bar. */
const STARS = 40;

/** The counts of a value that is a struct with an integer array `slots` (what libbpf's tools call `struct hist`), and its other members. */
export function slotsOf(
  value: BtfValue,
): { readonly slots: bigint[]; readonly others: readonly (readonly [string, BtfValue])[] } | undefined {
  if (value.kind !== 'struct') return undefined;
  const [, array] = value.fields.find(([name]) => name === 'slots') ?? [];
  if (array?.kind !== 'array' || array.items.length === 0 || array.items.length > MAX_SLOTS) return undefined;
  const slots: bigint[] = [];
  for (const item of array.items) {
    if (item.kind !== 'int') return undefined;
    slots.push(item.value);
  }
  return { slots, others: value.fields.filter(([name]) => name !== 'slots') };
}

/** Whether values of the type are a struct of slots. */
export function hasSlots(btf: Btf, typeId: number): boolean {
  const type = btf.resolve(typeId);
  return type.kind === 'struct' && type.members.some((m) => m.name === 'slots' && btf.resolve(m.type).kind === 'array');
}

/** The histogram's lines: slot n counts the values from 2^n to 2^(n+1) - 1, slot 0 also 0. Slots after the last that counted are left out. */
export function* drawHistogram(slots: readonly bigint[], unit: string): Generator<string> {
  const used = slots.findLastIndex((count) => count !== 0n) + 1;
  if (used === 0) return;
  const most = slots.reduce((a, b) => (b > a ? b : a), 1n);
  // 32 bits and more do not fit the narrow form.
  const width = used <= 32 ? 10 : 20;
  yield `${unit.padStart(width * 2 + 4)} : count    distribution`;
  for (let n = 0; n < used; n++) {
    const count = slots[n] ?? 0n;
    const low = n === 0 ? 0n : 1n << BigInt(n);
    const high = (1n << BigInt(n + 1)) - 1n;
    const bar = '*'.repeat(Number(((count < 0n ? 0n : count) * BigInt(STARS)) / most));
    yield `${String(low).padStart(width)} -> ${String(high).padEnd(width)} : ${String(count).padEnd(8)} |${bar.padEnd(STARS)}|`;
  }
}
