/** Programs on maps whose values are not what a helper's prototype says: sockets of sockmaps, questions to bloom filters. The live kernel answers. */
import type { Case } from './cases.ts';

/** Where programs stand: enum bpf_prog_type, enum bpf_attach_type. */
const PLACES: readonly (readonly [name: string, type: number, attach: number])[] = [
  ['socket', 1, 0],
  ['kprobe', 2, 0],
  ['tc', 3, 0],
  ['action', 4, 0],
  ['tracepoint', 5, 0],
  ['xdp', 6, 0],
  ['perf_event', 7, 0],
  ['cgroup_skb', 8, 0],
  ['cgroup_sock', 9, 2],
  ['lwt_xmit', 12, 0],
  ['sock_ops', 13, 3],
  ['sk_skb', 14, 5],
  ['sk_msg', 16, 7],
  ['raw_tracepoint', 17, 0],
  ['sk_reuseport', 21, 39],
  ['flow_dissector', 22, 17],
  ['getsockopt', 25, 21],
  ['sk_lookup', 30, 36],
];

const KEY = '*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\n';
const END = '\nr0 = 1\nexit';
const call = (map: string, helper: string): string => `r1 = map[fd:$${map}]\ncall bpf_${helper}`;
const stackValue = '*(u64 *)(r10 - 16) = 0\nr3 = r10\nr3 += -16\nr4 = 0\n';
/** r0: a socket of the map, which is given back at the end. */
const copySocket = (map: string): string =>
  `${KEY}${call(map, 'map_lookup_elem')}\nif r0 == 0 goto out\nr6 = r0\n${KEY}r3 = r6\nr4 = 0\n${call(map, 'map_update_elem')}\nr1 = r6\ncall bpf_sk_release\nout:${END}`;

const OPERATIONS: readonly (readonly [name: string, text: (map: string) => string])[] = [
  ['update by a value', (map) => `${KEY}${stackValue}${call(map, 'map_update_elem')}${END}`],
  ['update by a socket', copySocket],
  ['delete', (map) => `${KEY}${call(map, 'map_delete_elem')}${END}`],
  ['push', (map) => `${KEY}r3 = 0\n${call(map, 'map_push_elem')}${END}`],
  ['pop', (map) => `${KEY}${call(map, 'map_pop_elem')}${END}`],
  ['peek', (map) => `${KEY}${call(map, 'map_peek_elem')}${END}`],
];

const BLOOM: readonly Case[] = [
  { name: 'bloom: peek at a value', text: `*(u64 *)(r10 - 8) = 1\nr2 = r10\nr2 += -8\n${call('bloom', 'map_peek_elem')}${END}` },
  { name: 'bloom: peek at a read-only value', text: `r2 = map[fd:$rdonly][0]+0\n${call('bloom', 'map_peek_elem')}${END}` },
  { name: 'bloom: peek at nothing', text: `r2 = 0\n${call('bloom', 'map_peek_elem')}${END}` },
  { name: 'bloom: pop', text: `r2 = r10\nr2 += -8\n${call('bloom', 'map_pop_elem')}${END}` },
];

export const SOCKET_MAP_CASES: readonly Case[] = [
  ...BLOOM,
  ...['sockmap', 'sockhash'].flatMap((map) =>
    OPERATIONS.flatMap(([operation, text]) =>
      PLACES.map(([place, type, attach]) => ({ name: `${map}: ${operation} from ${place}`, text: text(map), type, attach })),
    ),
  ),
  ...[21, 22].flatMap((attach) =>
    [0, 8].map((off) => ({
      name: `sockopt ${attach}: write at ${off} of one byte that was compared`,
      type: 25,
      attach,
      text: `r2 = *(u64 *)(r1 + 8)\nr3 = *(u64 *)(r1 + 16)\nr4 = r2\nr4 += 1\nif r4 > r3 goto out\n*(u8 *)(r2 + ${off}) = 1\nout:${END}`,
    })),
  ),
];
