/** Bloom filters: bits that are only ever set (facts: kernel/bpf/bloom_filter.c, v6.18). */
import { hashBytes } from './bytes';
import { alloc, random, release } from './env';
import { EINVAL, ENOENT, ENOMEM, FLAG_ZERO_SEED, MAP_EXTRA, MAP_FLAGS, MAP_MAX_ENTRIES, MAP_PRIVATE, MAP_VALUE_SIZE } from './layout';

const BITS: u32 = MAP_PRIVATE;
const MASK: u32 = MAP_PRIVATE + 4;
const SEED: u32 = MAP_PRIVATE + 8;
const HASHES: u32 = MAP_PRIVATE + 16;
const DEFAULT_HASHES: u32 = 5;
const BITS_MAX: u64 = 0x80000000;

export function bloomInit(map: u32): i32 {
  const asked = load<u32>(map, MAP_EXTRA) & 15;
  const hashes = asked === 0 ? DEFAULT_HASHES : asked;
  // n elements and k hashes want n * k / ln 2 bits; 7/5 is near enough, then the next power of two.
  const product = <u64>load<u32>(map, MAP_MAX_ENTRIES) * hashes;
  const wanted = (product / 5) * 7;
  let bits: u64 = 64;
  if (product > u32.MAX_VALUE || wanted > BITS_MAX) bits = 0x100000000;
  else while (bits < wanted) bits <<= 1;
  const block = alloc(<u32>(bits >> 3));
  if (block === 0) return -ENOMEM;
  store<u32>(map, block, BITS);
  store<u32>(map, <u32>(bits - 1), MASK);
  store<u64>(map, (load<u32>(map, MAP_FLAGS) & FLAG_ZERO_SEED) !== 0 ? 0 : ((<u64>random()) << 32) | random(), SEED);
  store<u32>(map, hashes, HASHES);
  return 0;
}

export function bloomDestroy(map: u32): void {
  release(load<u32>(map, BITS));
}

function bitOf(map: u32, value: u32, n: u32): u32 {
  return hashBytes(value, load<u32>(map, MAP_VALUE_SIZE), load<u64>(map, SEED) + n) & load<u32>(map, MASK);
}

/** (map, value, flags) -> 0 or -errno. */
export function bloom_push(map: u32, value: u32, flags: u32): i32 {
  if (flags !== 0) return -EINVAL;
  const hashes = load<u32>(map, HASHES);
  for (let n: u32 = 0; n < hashes; n++) {
    const bit = bitOf(map, value, n);
    const word = load<u32>(map, BITS) + ((bit >> 5) << 2);
    const mark: u32 = 1 << (bit & 31);
    if ((atomic.load<u32>(word) & mark) === 0) atomic.or<u32>(word, mark);
  }
  return 0;
}

/** (map, value) -> 0 when the value may have been added, -ENOENT when it was not. */
export function bloom_peek(map: u32, value: u32): i32 {
  const hashes = load<u32>(map, HASHES);
  for (let n: u32 = 0; n < hashes; n++) {
    const bit = bitOf(map, value, n);
    if ((load<u32>(load<u32>(map, BITS) + ((bit >> 5) << 2)) & (1 << (bit & 31))) === 0) return -ENOENT;
  }
  return 0;
}
