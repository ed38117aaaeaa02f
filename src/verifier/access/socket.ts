/** Loads from kernel sockets, which programs see as struct bpf_sock, bpf_tcp_sock and the like (check_sock_access, v6.18). */

import { typeText } from '../log/type-text.ts';
import { denied } from '../rejection.ts';
import { KIND, kindOf, type Reg } from '../state/reg.ts';
import { sminNumber } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** struct bpf_sock members as [offset, size, narrow]; addresses go by words of 4 bytes. */
const BPF_SOCK_END = 80;
const BPF_TCP_SOCK_END = 116;
const TCP_WIDE = [104, 112];
const DST_PORT = 48;

function inSock(off: number, size: number): boolean {
  if (off < 0 || off >= BPF_SOCK_END || off % size !== 0) return false;
  if (off === DST_PORT) return size === 2 || size === 1 || size === 4;
  if (off > DST_PORT && off < DST_PORT + 2) return size === 1;
  if (off >= DST_PORT + 2 && off < DST_PORT + 4) return false;
  // bound_dev_if, mark and priority are read whole.
  const whole = off < 4 || (off >= 16 && off < 24);
  return size === 4 || (size < 4 && !whole);
}

/** Not every socket has type, protocol, mark and priority. */
function inCommon(off: number, size: number): boolean {
  return !(off >= 8 && off < 24) && inSock(off, size);
}

function inTcp(off: number, size: number): boolean {
  if (off < 0 || off >= BPF_TCP_SOCK_END || off % size !== 0) return false;
  return TCP_WIDE.includes(off) ? size === 8 : size === 4;
}

export function checkSocket(v: Verification, n: number, reg: Reg, off: number, size: number): void {
  if (sminNumber(v.reg(n)) < 0) {
    throw denied(`R${n} min value is negative, either use unsigned index or do a if (index >=0) check.`, n);
  }
  const kind = kindOf(reg.type);
  const ok =
    kind === KIND.SOCK_COMMON ? inCommon(off, size) : kind === KIND.SOCKET ? inSock(off, size) : kind === KIND.TCP_SOCK && inTcp(off, size);
  if (!ok) throw denied(`R${n} invalid ${typeText(reg.type)} access off=${off} size=${size}`, n);
}
