/** Names of register types in the kernel's log (kernel/bpf/log.c reg_type_str, v6.18). */
import { FLAG, KIND, kindOf } from '../state/reg.ts';

const NAMES: Readonly<Record<number, string>> = {
  [KIND.NOT_INIT]: '?',
  [KIND.SCALAR]: 'scalar',
  [KIND.CTX]: 'ctx',
  [KIND.MAP_PTR]: 'map_ptr',
  [KIND.MAP_VALUE]: 'map_value',
  [KIND.MAP_KEY]: 'map_key',
  [KIND.STACK]: 'fp',
  [KIND.PACKET_META]: 'pkt_meta',
  [KIND.PACKET]: 'pkt',
  [KIND.PACKET_END]: 'pkt_end',
  [KIND.FLOW_KEYS]: 'flow_keys',
  [KIND.SOCKET]: 'sock',
  [KIND.SOCK_COMMON]: 'sock_common',
  [KIND.TCP_SOCK]: 'tcp_sock',
  [KIND.TP_BUFFER]: 'tp_buffer',
  [KIND.XDP_SOCK]: 'xdp_sock',
  [KIND.BTF_ID]: 'ptr_',
  [KIND.MEM]: 'mem',
  [KIND.BUF]: 'buf',
  [KIND.FUNC]: 'func',
  [KIND.DYNPTR]: 'dynptr_ptr',
  [KIND.ARENA]: 'arena',
};

const PREFIXES: readonly (readonly [flag: number, text: string])[] = [
  [FLAG.RDONLY, 'rdonly_'],
  [FLAG.RINGBUF, 'ringbuf_'],
  [FLAG.USER, 'user_'],
  [FLAG.PERCPU, 'percpu_'],
  [FLAG.RCU, 'rcu_'],
  [FLAG.UNTRUSTED, 'untrusted_'],
  [FLAG.TRUSTED, 'trusted_'],
];

/** Text of a type with its flags. */
export function typeText(type: number): string {
  let text = '';
  for (const [flag, prefix] of PREFIXES) if ((type & flag) !== 0) text += prefix;
  text += NAMES[kindOf(type)] ?? '?';
  if ((type & FLAG.MAYBE_NULL) !== 0) text += kindOf(type) === KIND.BTF_ID ? 'or_null_' : '_or_null';
  return text;
}
