/** Alignment of memory accesses: always for the stack, for other memory on request (check_ptr_alignment, v6.18). */
import { bitsText } from '../log/bits-text.ts';
import { denied } from '../rejection.ts';
import { isPacket, KIND, type Reg } from '../state/reg.ts';
import { tnum, tnumAdd, tnumIsAligned } from '../value/index.ts';
import type { Verification } from '../verification.ts';

const NAMES: Readonly<Record<number, string>> = {
  [KIND.FLOW_KEYS]: 'flow keys ',
  [KIND.MAP_KEY]: 'key ',
  [KIND.MAP_VALUE]: 'value ',
  [KIND.CTX]: 'context ',
  [KIND.STACK]: 'stack ',
  [KIND.SOCKET]: 'sock ',
  [KIND.SOCK_COMMON]: 'sock_common ',
  [KIND.TCP_SOCK]: 'tcp_sock ',
  [KIND.XDP_SOCK]: 'xdp_sock ',
};
/** Packets begin two bytes off, so that what follows the Ethernet header is aligned. */
const PACKET_OFFSET = 2;

const sum = tnum();

/** @param off the instruction's offset, the pointer's not included */
export function checkAlignment(v: Verification, n: number, reg: Reg, off: number, size: number, once: boolean): void {
  const strict = v.strict || once;
  if (reg.type === KIND.ARENA) return;
  const packet = isPacket(reg.type);
  if (size === 1 || !(strict || reg.type === KIND.STACK)) return;
  const fixed = (packet ? PACKET_OFFSET : 0) + reg.off + off;
  tnumAdd(sum, reg, tnum(fixed >> 31, fixed | 0));
  if (tnumIsAligned(sum, size)) return;
  if (packet) throw denied(`misaligned packet access off ${PACKET_OFFSET}+${bitsText(reg)}+${reg.off}+${off} size ${size}`, n);
  throw denied(`misaligned ${NAMES[reg.type] ?? ''}access off ${bitsText(reg)}+${reg.off}+${off} size ${size}`, n);
}
