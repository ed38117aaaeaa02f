/** Helpers that compiled programs call, besides those on maps. */
import { random } from './env';
import { lock, unlock } from './lock';

/** bpf_spin_lock: (word). */
export function spin_lock(word: u32): void {
  lock(word);
}

/** bpf_spin_unlock: (word). */
export function spin_unlock(word: u32): void {
  unlock(word);
}

/** bpf_get_prandom_u32: (state of the CPU's generator: u32, then u32 that is 0 until it is seeded). As src/helpers/cpu.ts. */
export function prandom(at: u32): u32 {
  if (load<u32>(at, 4) === 0) {
    store<u32>(at, random());
    store<u32>(at, 1, 4);
  }
  const state = load<u32>(at) + 0x9e3779b9;
  store<u32>(at, state);
  let z = (state ^ (state >> 16)) * 0x85ebca6b;
  z = (z ^ (z >> 13)) * 0xc2b2ae35;
  return z ^ (z >> 16);
}

/** bpf_strncmp: (s1, size, s2) -> -1, 0, 1. */
export function strncmp(a: u32, size: u32, b: u32): i32 {
  for (let i: u32 = 0; i < size; i++) {
    const x = load<u8>(a + i);
    const y = load<u8>(b + i);
    if (x !== y) return x < y ? -1 : 1;
    if (x === 0) return 0;
  }
  return 0;
}

/** bpf_csum_diff: (from, from_size, to, to_size, seed) -> 16 bits. As src/helpers/checksum.ts. */
export function csum_diff(from: u32, fromSize: u32, to: u32, toSize: u32, seed: u32): i32 {
  let sum: u64 = seed;
  if (toSize !== 0) {
    sum = partial(to, toSize, seed);
    if (fromSize !== 0) sum = fold32(sum + <u64>~(<u32>partial(from, fromSize, 0)));
  } else if (fromSize !== 0) {
    sum = <u64>~(<u32>partial(from, fromSize, ~seed));
  }
  let folded = <u32>(sum & 0xffff) + <u32>(sum >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  return folded;
}

/** Ones' complement sum of words, 32 bits. */
function partial(at: u32, size: u32, seed: u32): u64 {
  let sum: u64 = seed;
  const end = at + size;
  for (; at + 4 <= end; at += 4) sum += load<u32>(at);
  for (let shift: u64 = 0; at < end; at++, shift += 8) sum += (<u64>load<u8>(at)) << shift;
  return fold32(sum);
}

function fold32(sum: u64): u64 {
  sum = (sum & 0xffffffff) + (sum >> 32);
  return (sum & 0xffffffff) + (sum >> 32);
}
