/** Bytes: comparing, copying, hashing. */

/** Sizes from here on are copied by the engine's memory.copy, smaller ones here: the call costs more than they do. */
const BULK: u32 = 96;
const MIX_1: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;
const MIX_2: u64 = ((<u64>0xd6e8feb8) << 32) | 0x6659fd93;

/** Whether `n` bytes at two places are equal. */
export function equal(a: u32, b: u32, n: u32): bool {
  if (n === 4) return load<u32>(a) === load<u32>(b);
  while (n >= 8) {
    if (load<u64>(a) !== load<u64>(b)) return false;
    a += 8;
    b += 8;
    n -= 8;
  }
  while (n > 0) {
    if (load<u8>(a) !== load<u8>(b)) return false;
    a++;
    b++;
    n--;
  }
  return true;
}

/** Copies `n` bytes; aligned words in one piece, as programs on other threads expect. */
export function copy(to: u32, from: u32, n: u32): void {
  if (n >= BULK) {
    memory.copy(to, from, n);
    return;
  }
  while (n >= 8) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
    n -= 8;
  }
  if ((n & 4) !== 0) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
  if ((n & 2) !== 0) {
    store<u16>(to, load<u16>(from));
    to += 2;
    from += 2;
  }
  if ((n & 1) !== 0) store<u8>(to, load<u8>(from));
}

/** The next multiple of 8. */
export function roundUp8(n: u32): u32 {
  return (n + 7) & ~7;
}

function finish(h: u64): u32 {
  h *= MIX_1;
  h ^= h >> 32;
  h *= MIX_2;
  return <u32>(h >> 32);
}

/** 32-bit hash of `n` bytes, keyed by `seed` against chosen keys: multiply and fold, a word at a time. */
export function hashBytes(p: u32, n: u32, seed: u64): u32 {
  if (n === 4) return finish(seed ^ load<u32>(p));
  if (n === 8) return finish(seed ^ load<u64>(p));
  let h = seed ^ n;
  while (n >= 8) {
    h = (h ^ load<u64>(p)) * MIX_1;
    h ^= h >> 32;
    p += 8;
    n -= 8;
  }
  let tail: u64 = 0;
  while (n > 0) {
    n--;
    tail = (tail << 8) | load<u8>(p + n);
  }
  return finish(h ^ tail);
}
