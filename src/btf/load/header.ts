/** The header and sections of BTF as BPF_BTF_LOAD wants them (btf_parse_hdr, btf_check_sec_info, btf_parse_str_sec; kernel/bpf/btf.c v6.18). */
import { BtfRefusal } from './refusal.ts';

const MAGIC = 0xeb9f;
const HEADER_SIZE = 24;
/** Bytes up to and including hdr_len. */
const LEAST = 8;
/** BTF_MAX_NAME_OFFSET. */
const MAX_STRINGS = 0xff_ffff;

/** Where the sections lie, bytes from the start. */
export interface Sections {
  readonly types: { readonly start: number; readonly end: number };
  readonly strings: { readonly start: number; readonly end: number };
}

function invalid(message: string): BtfRefusal {
  return new BtfRefusal('EINVAL', message);
}

/** Checks header, section layout and the string section. Throws BtfRefusal. */
export function checkHeader(bytes: Uint8Array): Sections {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LEAST) throw invalid('hdr_len not found');
  const headerSize = view.getUint32(4, true);
  if (bytes.length < headerSize) throw invalid('btf_header not found');
  for (let at = HEADER_SIZE; at < headerSize; at++) if (bytes[at] !== 0) throw new BtfRefusal('E2BIG', 'Unsupported btf_header');
  // What a shorter header lacks is zero.
  const word = (at: number): number => (at + 4 <= headerSize ? view.getUint32(at, true) : 0);
  if (view.getUint16(0, true) !== MAGIC) throw invalid('Invalid magic');
  if (bytes[2] !== 1) throw new BtfRefusal('ENOTSUPP', 'Unsupported version');
  if (bytes[3] !== 0) throw new BtfRefusal('ENOTSUPP', 'Unsupported flags');
  if (bytes.length === headerSize) throw invalid('No data');
  const types = { off: word(8), len: word(12) };
  const strings = { off: word(16), len: word(20) };
  checkLayout([types, strings], bytes.length - headerSize);
  const start = headerSize + strings.off;
  const end = start + strings.len;
  if (end !== bytes.length) throw invalid('String section is not at the end');
  if (strings.len === 0 || strings.len - 1 > MAX_STRINGS || bytes[end - 1] !== 0) throw invalid('Invalid string section');
  if (bytes[start] !== 0) throw invalid('Invalid string section');
  if ((types.off & 3) !== 0) throw invalid('Unaligned type_off');
  if (types.len === 0) throw invalid('No type found');
  return { types: { start: headerSize + types.off, end: headerSize + types.off + types.len }, strings: { start, end } };
}

function checkLayout(sections: readonly { readonly off: number; readonly len: number }[], size: number): void {
  let total = 0;
  for (const { off, len } of sections.toSorted((a, b) => a.off - b.off)) {
    if (off > size) throw invalid('Invalid section offset');
    if (total < off) throw invalid('Unsupported section found');
    if (total > off) throw invalid('Section overlap found');
    if (size - total < len) throw invalid('Total section length too long');
    total += len;
  }
  if (total !== size) throw invalid('Unsupported section found');
}
