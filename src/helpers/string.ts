/** Helpers that compare, parse and format text in memory. */
import { ERRNO } from '../base/index.ts';
import { formatBpf } from './format.ts';
import { readArgs } from './print.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const STRING_HELPERS = [
  {
    id: 105,
    name: 'strtol',
    since: '5.2',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const char *', 'buf', 'mem'),
      arg('unsigned long', 'buf_len', 'size'),
      arg('__u64', 'flags', 'anything'),
      arg('long *', 'res', 'fixed_mem_uninit', { size: 8 }),
    ],
    doc: 'Parses a signed integer at the start of a buffer.',
  },
  {
    id: 106,
    name: 'strtoul',
    since: '5.2',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const char *', 'buf', 'mem'),
      arg('unsigned long', 'buf_len', 'size'),
      arg('__u64', 'flags', 'anything'),
      arg('unsigned long *', 'res', 'fixed_mem_uninit', { size: 8 }),
    ],
    doc: 'Parses an unsigned integer at the start of a buffer.',
  },
  {
    id: 149,
    name: 'snprintf_btf',
    since: '5.10',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('char *', 'str', 'mem_write'),
      arg('__u32', 'str_size', 'size'),
      arg('struct btf_ptr *', 'ptr', 'mem'),
      arg('__u32', 'btf_ptr_size', 'size'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Formats a kernel object by its BTF type into a buffer.',
  },
  {
    id: 165,
    name: 'snprintf',
    since: '5.13',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('char *', 'str', 'mem_uninit_or_null'),
      arg('__u32', 'str_size', 'size_or_zero'),
      arg('const char *', 'fmt', 'const_str'),
      arg('__u64 *', 'data', 'mem_or_null'),
      arg('__u32', 'data_len', 'size_or_zero'),
    ],
    doc: 'Formats values into a buffer.',
  },
  {
    id: 182,
    name: 'strncmp',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('const char *', 's1', 'mem'), arg('__u32', 's1_sz', 'size'), arg('const char *', 's2', 'const_str')],
    doc: 'Compares a buffer with a constant string.',
  },
] as const satisfies readonly HelperProto[];

const BASE_MASK = 0x1fn;
/** Most digits that are looked at (lib/bpf's copy buffer, kernel/bpf/helpers.c __bpf_strtoull v6.18). */
const MAX_DIGITS = 63;

interface Parsed {
  readonly value: bigint;
  readonly negative: boolean;
  readonly consumed: number;
}

function isSpace(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13) || c === 0xa0;
}

function digitOf(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : 16;
}

/** Spaces, a minus sign, an optional base prefix and digits at the start of a buffer; or a negative errno. */
function parseInteger(bytes: Uint8Array, flags: bigint): Parsed | number {
  let base = Number(flags & BASE_MASK);
  if ((flags & ~BASE_MASK) !== 0n || ![0, 8, 10, 16].includes(base)) return -ERRNO.EINVAL;
  let at = 0;
  while (at < bytes.length && isSpace(bytes[at] ?? 0)) at++;
  const negative = bytes[at] === 45;
  if (negative) at++;
  if (at >= bytes.length) return -ERRNO.EINVAL;
  const end = Math.min(bytes.length, at + MAX_DIGITS);
  const char = (i: number): number => (i < end ? (bytes[i] ?? 0) : 0);
  const hexPrefix = char(at) === 48 && (char(at + 1) | 32) === 120;
  if (base === 0) base = char(at) !== 48 ? 10 : hexPrefix && digitOf(char(at + 2)) < 16 ? 16 : 8;
  if (base === 16 && hexPrefix) at += 2;
  const first = at;
  let value = 0n;
  while (at < end && digitOf(char(at)) < base) value = value * BigInt(base) + BigInt(digitOf(char(at++)));
  if (value >= 1n << 64n) return -ERRNO.ERANGE;
  return at === first ? -ERRNO.EINVAL : { value, negative, consumed: at };
}

function parseInto(call: HelperCall, signed: 'signed' | 'unsigned'): number {
  const buf = call.off(1);
  const res = call.off(4);
  const parsed = parseInteger(call.mem.u8.subarray(buf, buf + call.off(2)), call.u64(3));
  call.mem.dv.setBigUint64(res, 0n, true);
  if (typeof parsed === 'number') return parsed;
  const { value, negative, consumed } = parsed;
  if (signed === 'unsigned' && negative) return -ERRNO.EINVAL;
  if (signed === 'signed' && value > (negative ? 1n << 63n : (1n << 63n) - 1n)) return -ERRNO.ERANGE;
  call.mem.dv.setBigUint64(res, BigInt.asUintN(64, negative ? -value : value), true);
  return consumed;
}

/** Parsing gives the characters consumed; snprintf the full length with its NUL (kernel/bpf/helpers.c v6.18). */
export const STRING_IMPLS = {
  strtol: (call) => parseInto(call, 'signed'),
  strtoul: (call) => parseInto(call, 'unsigned'),
  snprintf(call) {
    const args = readArgs(call, call.u64(4), call.off(4), call.off(5));
    if (typeof args === 'number') return args;
    const fmt = call.off(3);
    const end = call.mem.u8.indexOf(0, fmt);
    if (end < 0) return -ERRNO.EINVAL;
    const size = call.off(2);
    const text = formatBpf(call, call.mem.u8.subarray(fmt, end), args, size);
    if (typeof text === 'number') return text;
    if (size > 0) {
      const str = call.off(1);
      call.mem.u8.set(text.bytes, str);
      call.mem.u8[str + text.bytes.length] = 0;
    }
    return text.length + 1;
  },
  strncmp(call) {
    const a = call.off(1);
    const b = call.off(3);
    const size = call.off(2);
    const u8 = call.mem.u8;
    for (let i = 0; i < size; i++) {
      const x = u8[a + i] ?? 0;
      const y = u8[b + i] ?? 0;
      if (x !== y) return x < y ? -1 : 1;
      if (x === 0) return 0;
    }
    return 0;
  },
} satisfies HelperImpls<(typeof STRING_HELPERS)[number]['name']>;
