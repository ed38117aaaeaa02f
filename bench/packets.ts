/** Packets for the benchmark programs: the same in every run. */

/** A small generator (xorshift32), so that packets do not change. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const random = generator(42);
const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => random(256));
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

/** A tagged TCP packet. */
function tcp(): Uint8Array {
  const ethernet = join(bytes(12), Uint8Array.of(0x81, 0, 0, 5, 8, 0));
  const ip = Uint8Array.of(0x45, 0, 0, 60, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 1, 2, 3, 192, 168, 7, 9);
  const head = Uint8Array.of(0xa8, 0xca, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 3, 0xe8, 0, 0, 0, 0);
  return join(ethernet, ip, head, bytes(64)).subarray(0, 128);
}

/** Two halves that differ near their ends; the needle stands in the second. */
function halves(): Uint8Array {
  const letters = text('abcdefghijklmnopqrstuvwxyzE');
  const half = Uint8Array.from({ length: 128 }, () => letters[random(letters.length)] ?? 0);
  half.set(text('xyzw'), 100);
  const second = half.slice();
  second[120] = (second[120] ?? 0) ^ 1;
  second.set(text('eBPF'), 118);
  return join(half, second);
}

function tokens(): Uint8Array {
  const words = ['alpha', 'x', 'beta9', '2048', '7', '"quo\\"ted text"', '++', ',', 'gamma', '(', ')', '"z"', 'return', '31337', ';'];
  let made = '';
  while (made.length < 300) made += `${words[random(words.length)]}${random(10) < 7 ? ' ' : ''}`;
  return text(made).subarray(0, 256);
}

/** By name. */
export const PACKETS = {
  rand64: bytes(64),
  rand1500: bytes(1500),
  rand2048: bytes(2048),
  tcp: tcp(),
  str256: halves(),
  text256: tokens(),
  tail64: new Uint8Array(64),
} as const;
