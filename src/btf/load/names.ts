/** What names of types may consist of (btf_name_valid_identifier, btf_name_valid_section; kernel/bpf/btf.c and lib/ctype.c, v6.18). */
import type { RawTypes } from './graph.ts';

/** KSYM_NAME_LEN. */
const LONGEST = 512;

/** Letters of Latin-1, as the kernel's ctype has them. */
function isAlpha(c: number): boolean {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || (c >= 0xc0 && c !== 0xd7 && c !== 0xf7);
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

function isPrintable(c: number): boolean {
  return (c >= 0x20 && c < 0x7f) || c >= 0xa0;
}

/** Letters, digits, `_` and `.`; no digit first. */
export function isIdentifier(types: RawTypes, name: number): boolean {
  const inner = (c: number): boolean => isAlpha(c) || c === 0x5f || c === 0x2e;
  if (!inner(types.char(name, 0))) return false;
  let i = 1;
  for (; i < LONGEST && types.char(name, i) !== 0; i++) {
    const c = types.char(name, i);
    if (!inner(c) && !isDigit(c)) return false;
  }
  return types.char(name, i) === 0;
}

/** Any printable characters, at least one. */
export function isSectionName(types: RawTypes, name: number): boolean {
  if (types.char(name, 0) === 0) return false;
  let i = 0;
  for (; i < LONGEST && types.char(name, i) !== 0; i++) if (!isPrintable(types.char(name, i))) return false;
  return types.char(name, i) === 0;
}
