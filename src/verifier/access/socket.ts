/** Loads from kernel sockets, which programs see as struct bpf_sock, bpf_tcp_sock and the like (check_sock_access, v6.18). */

import { type CtxField, fieldAllows, SOCK_COMMON_FIELDS, SOCKET_FIELDS, TCP_SOCK_FIELDS, XDP_SOCK_FIELDS } from '../../programs/index.ts';
import { typeText } from '../log/type-text.ts';
import { denied } from '../rejection.ts';
import { KIND, kindOf, type Reg } from '../state/reg.ts';
import { sminNumber } from '../value/index.ts';
import type { Verification } from '../verification.ts';

const FIELDS: ReadonlyMap<number, readonly CtxField[]> = new Map([
  [KIND.SOCKET, SOCKET_FIELDS],
  [KIND.SOCK_COMMON, SOCK_COMMON_FIELDS],
  [KIND.TCP_SOCK, TCP_SOCK_FIELDS],
  [KIND.XDP_SOCK, XDP_SOCK_FIELDS],
]);

export function checkSocket(v: Verification, n: number, reg: Reg, off: number, size: number): void {
  if (sminNumber(v.reg(n)) < 0) {
    throw denied(`R${n} min value is negative, either use unsigned index or do a if (index >=0) check.`, n);
  }
  const ok = FIELDS.get(kindOf(reg.type))?.some((field) => fieldAllows(field, { off, size, direction: 'read', attach: 0 }));
  if (!ok) throw denied(`R${n} invalid ${typeText(reg.type)} access off=${off} size=${size}`, n);
}
