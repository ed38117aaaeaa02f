/**
 * Packets of test runs: the bytes, and the context that leads to them. Programs see 32-bit fields for the packet's ends, which the kernel replaces by
 * loads of whole pointers when it loads a program; so does rewriteContext, and the pointers stand behind the visible context.
 */
import type { TestRunAttr } from '../host/host.ts';
import type { Region } from '../maps/index.ts';
import { KERNEL_BASE_HI, type ThreadEnv } from '../mem/index.ts';
import { SK_BUFF, XDP_MD } from '../programs/contexts.ts';
import type { ProgramFacts } from '../verifier/index.ts';
import type { RunContext } from './types.ts';

const XDP = 6;
/** Packet types by number: whether their data begin with the Ethernet header. socket_filter, sched_cls, sched_act, xdp, cgroup_skb. */
const LINK_LEVEL: Readonly<Record<number, boolean>> = { 1: false, 3: true, 4: true, 6: true, 8: false };
const ETH_HLEN = 14;
/** Bytes before a packet (XDP_PACKET_HEADROOM). */
const HEADROOM = 256;
/**
 * Most bytes of a packet (net/bpf/test_run.c, v6.18): of a socket buffer, a page less head and tail room. XDP programs see as much of the first page;
 * the rest goes into fragments, which only helpers reach, of a page each.
 */
const SKB_MOST = 4096 - 64 - 320;
const XDP_LINEAR_MOST = 4096 - HEADROOM - 320;
const XDP_MOST = XDP_LINEAR_MOST + 17 * 4096;
const METADATA_MOST = 252;
/** Where the pointers for the field at `offset` stand. */
const hidden = (offset: number): number => 256 + offset * 2;
const CONTEXT_SIZE = hidden(SK_BUFF.size);
const LOOPBACK = 1;
/** struct __sk_buff: fields that a test run takes from outside, as [offset, size]. */
const SETTABLE = [
  [8, 4],
  [32, 4],
  [36, 4],
  [40, 4],
  [48, 20],
  [152, 8],
  [160, 4],
  [164, 4],
  [176, 4],
  [184, 8],
] as const;
const SKB = {
  LEN: 0,
  PKT_TYPE: 4,
  PROTOCOL: 16,
  INGRESS_IFINDEX: 36,
  IFINDEX: 40,
  DATA: 76,
  DATA_END: 80,
  DATA_META: 140,
  WIRE_LEN: 160,
  GSO_SEGS: 164,
};
const XDP_FIELD = { DATA: 0, DATA_END: 4, DATA_META: 8 };
const LDX_W = 0x61;
const LDX_DW = 0x79;
const SLOT = 8;

/** Whether test runs of the type take a packet. */
export function isPacketType(type: number): boolean {
  return LINK_LEVEL[type] !== undefined;
}

/** Replaces, in bytecode, loads of 32-bit fields that stand for pointers by loads of the pointers. */
export function rewriteContext(image: Uint8Array, type: number, facts: ProgramFacts): void {
  if (!isPacketType(type)) return;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (let slot = 0; slot * SLOT < image.length; slot++) {
    if (facts.kinds[slot] !== 'ctx' || facts.results[slot] === undefined || image[slot * SLOT] !== LDX_W) continue;
    image[slot * SLOT] = LDX_DW;
    view.setInt16(slot * SLOT + 2, hidden(view.getInt16(slot * SLOT + 2, true)), true);
  }
}

/** A packet in the engine's memory. */
export interface PacketRun {
  readonly run: Pick<RunContext, 'ctx' | 'ctxSize' | 'regions' | 'packet'>;
  /** What the program left: data, with the Ethernet header, and the visible context. */
  read(): { readonly data: Uint8Array; readonly ctx: Uint8Array };
  free(): void;
}

/** Whether XDP's fragments are too many for the packet: the kernel has no memory for more. */
export function isTooLong(type: number, size: number): boolean {
  return type === XDP && size > XDP_MOST;
}

/** Lays out a packet and its context; or says why the attributes make none. */
export function makePacket(env: ThreadEnv, type: number, attr: TestRunAttr): PacketRun | string {
  const data = attr.dataIn ?? new Uint8Array(0);
  const most = type === XDP ? XDP_MOST : SKB_MOST;
  if (data.length < ETH_HLEN || data.length > most) return `a packet of ${data.length} bytes, expected ${ETH_HLEN} to ${most}`;
  const layout = type === XDP ? XDP_MD : SK_BUFF;
  const given = attr.ctxIn ?? new Uint8Array(0);
  if (given.subarray(layout.size).some((byte) => byte !== 0)) return `a context of ${given.length} bytes, expected at most ${layout.size}`;
  const metadata = type === XDP ? checkXdp(given, data.length) : checkSkb(given);
  if (typeof metadata === 'string') return metadata;
  const { mem } = env;
  const ctx = env.allocOrThrow(CONTEXT_SIZE);
  const block = env.allocOrThrow(HEADROOM + data.length);
  const start = block + HEADROOM;
  const linear = Math.min(data.length, type === XDP ? XDP_LINEAR_MOST : SKB_MOST);
  const end = start + linear;
  mem.copyIn(start, data);
  const point = (field: number, at: number): void => {
    mem.dv.setUint32(ctx + field, at, true);
    mem.dv.setUint32(ctx + hidden(field), at, true);
    mem.dv.setInt32(ctx + hidden(field) + 4, KERNEL_BASE_HI, true);
  };
  const first = LINK_LEVEL[type] === true ? start : start + ETH_HLEN;
  if (type === XDP) {
    point(XDP_FIELD.DATA, start + metadata);
    point(XDP_FIELD.DATA_END, end);
    point(XDP_FIELD.DATA_META, start);
  } else {
    mem.copyIn(ctx, given.subarray(0, SK_BUFF.size));
    point(SKB.DATA, first);
    point(SKB.DATA_END, end);
    point(SKB.DATA_META, first);
    mem.dv.setUint32(ctx + SKB.LEN, end - first, true);
    mem.dv.setUint32(ctx + SKB.PKT_TYPE, packetType(data), true);
    mem.dv.setUint32(ctx + SKB.PROTOCOL, (data[12] ?? 0) | ((data[13] ?? 0) << 8), true);
    for (const field of [SKB.INGRESS_IFINDEX, SKB.IFINDEX])
      if (mem.dv.getUint32(ctx + field, true) === 0) mem.dv.setUint32(ctx + field, LOOPBACK, true);
    if (mem.dv.getUint32(ctx + SKB.WIRE_LEN, true) === 0) mem.dv.setUint32(ctx + SKB.WIRE_LEN, end - first, true);
  }
  const region: Region = { base: first, count: 1, stride: 0, size: end - first, writable: true };
  const whole: Region = type === XDP ? { ...region, base: start, size: linear } : region;
  return {
    run: {
      ctx,
      ctxSize: CONTEXT_SIZE,
      regions: [whole],
      packet: { data: first, size: end - first, mac: start, network: start + ETH_HLEN },
    },
    read() {
      const left = mem.copyOut(start + metadata, data.length - metadata);
      // The header that the program did not see is pushed back, empty.
      if (LINK_LEVEL[type] !== true) left.fill(0, 0, ETH_HLEN);
      return { data: left, ctx: mem.copyOut(ctx, layout.size) };
    },
    free() {
      env.free(ctx);
      env.free(block);
    },
  };
}

/** Bytes of metadata before the packet that struct xdp_md asks for, or why it is refused (net/bpf/test_run.c xdp_convert_md_to_buff). */
function checkXdp(given: Uint8Array, size: number): number | string {
  if (given.length === 0) return 0;
  const word = (at: number): number => new DataView(given.buffer, given.byteOffset).getUint32(at, true);
  if (given.length < XDP_MD.size) return `a context of ${given.length} bytes, expected ${XDP_MD.size}`;
  const metadata = word(XDP_FIELD.DATA);
  if (word(XDP_FIELD.DATA_META) !== 0 || word(XDP_FIELD.DATA_END) !== size)
    return `data_end is ${word(XDP_FIELD.DATA_END)}, expected the data's ${size} bytes`;
  if (metadata % 4 !== 0 || metadata > METADATA_MOST || metadata > size - ETH_HLEN)
    return `${metadata} bytes of metadata, expected a multiple of 4 up to ${METADATA_MOST}`;
  if (word(12) !== 0 || word(16) !== 0 || word(20) !== 0) return 'interfaces and queues, which the engine does not have';
  return metadata;
}

/** 0, or why struct __sk_buff is refused: only some fields can be given. */
function checkSkb(given: Uint8Array): number | string {
  const at = given.findIndex(
    (byte, i) => byte !== 0 && i < SK_BUFF.size && !SETTABLE.some(([offset, size]) => i >= offset && i < offset + size),
  );
  return at < 0 ? 0 : `byte ${at} of the context is ${given[at]}, expected 0`;
}

/** To this host, to all, to some, to another (eth_type_trans): the loopback device has the address 0. */
function packetType(data: Uint8Array): number {
  const to = data.subarray(0, 6);
  if (to.every((byte) => byte === 0)) return 0;
  if (to.every((byte) => byte === 0xff)) return 1;
  return ((to[0] ?? 0) & 1) !== 0 ? 2 : 3;
}

/** The packet of a run, for loads by offset (ld_abs, ld_ind): memory offsets. */
export interface PacketView {
  readonly data: number;
  readonly size: number;
  /** First bytes of the link and network headers. */
  readonly mac: number;
  readonly network: number;
}

/** SKF_NET_OFF and SKF_LL_OFF (uapi linux/filter.h): offsets from the network and link headers. */
const NETWORK = -0x100000;
const LINK = -0x200000;

/** Big-endian bytes of a packet as an unsigned number, or -1 out of its range (net/core/filter.c bpf_skb_load_helper). */
export function loadPacket(bytes: DataView, packet: PacketView | undefined, offset: number, size: number): number {
  if (packet === undefined) return -1;
  const end = packet.data + packet.size;
  const at = offset >= 0 ? packet.data + offset : offset >= NETWORK ? packet.network + offset - NETWORK : packet.mac + offset - LINK;
  if (at < packet.mac || at + size > end) return -1;
  return size === 1 ? bytes.getUint8(at) : size === 2 ? bytes.getUint16(at) : bytes.getUint32(at);
}
