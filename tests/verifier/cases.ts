/** Programs for the verifier: one of each rule that is kept, and one that breaks it. What the answer is the live kernel says. */
import type { Question } from '../support/verifier.ts';

/** A row: its name, its text, and the program type where it is not socket_filter. */
export interface Case extends Question {
  readonly name: string;
  readonly text: string;
}

const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, text, ...more });
const LOOKUP = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[fd:$array]
  call bpf_map_lookup_elem
`;
const KPROBE = { type: 2 };
const XDP = { type: 6 };
const TC = { type: 3 };
const PACKET = `
  r2 = *(u32 *)(r1 + 0)
  r3 = *(u32 *)(r1 + 4)
`;
const END = `
  r0 = 0
  exit
`;

export const CASES: readonly Case[] = [
  row(
    'number far from the one it is tied to',
    'r3 = *(u32 *)(r1 + 0)\nr2 = r3\nr2 -= 1862270980\nif r2 > 8 goto +4\nr1 = map[fd:$one][0]+0\nr1 += r2\nr0 = *(u8 *)(r1 + 0)\nr0 = 0\nexit',
  ),
  row('constant', END),
  row('uninitialised r0', 'exit'),
  row('uninitialised source', 'r0 = r3\nexit'),
  row('write to r10', `r10 = 0${END}`),
  row('caller-saved after call', `call bpf_get_prandom_u32\nr0 = r1\nexit`),
  row('r6 survives call', `r6 = 1\ncall bpf_get_prandom_u32\nr0 = r6\nexit`),
  row('dereference scalar', `r1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit`),
  row('dereference unknown', `call bpf_get_prandom_u32\nr0 = *(u64 *)(r0 + 0)\nexit`),
  row('div by zero', `r0 = 1\nr0 /= 0\nexit`),
  row('div by zero of uninitialised', `r0 /= 0\nexit`),
  row('shift too far', `r0 = 1\nr0 <<= 64\nexit`),
  row('shift of uninitialised', `r0 <<= 64\nexit`),
  row('neg', `r0 = 5\nr0 = -r0\nif r0 == 7 goto +1\nexit\nr0 = *(u64 *)(r0 + 0)\nexit`),
  row('end', `r0 = 0x1234\nr0 = be16 r0\nexit`),
  row('movsx', `call bpf_get_prandom_u32\nr0 = (s8)r0\nif r0 s> 127 goto +1\n${END}r1 = *(u64 *)(r0 + 0)\nexit`),
  row('mov32', `call bpf_get_prandom_u32\nw1 = w0\nw2 = w1\nif w1 > 7 goto +1\nr0 = r2\nexit`),

  row('stack read of written', `*(u64 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\nexit`),
  row('stack read of unwritten', `r0 = *(u64 *)(r10 - 8)\nexit`),
  row('stack below', `*(u64 *)(r10 - 520) = 0${END}`),
  row('stack bottom', `*(u64 *)(r10 - 512) = 0${END}`),
  row('stack above', `*(u64 *)(r10 + 0) = 0${END}`),
  row('stack across top', `*(u64 *)(r10 - 4) = 0${END}`),
  row('stack misaligned', `*(u64 *)(r10 - 9) = 0${END}`),
  row('stack by copy', `r2 = r10\nr2 += -16\n*(u32 *)(r2 + 4) = 7\nr0 = *(u32 *)(r10 - 12)\nexit`),
  row('spill and fill', `*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r2 + 0)\nexit`),
  row('spill part of pointer', `*(u32 *)(r10 - 8) = r1${END}`),
  row('fill part of pointer', `*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit`),
  row('overwritten spill', `*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 1) = 0\nr0 = *(u64 *)(r10 - 8)\nexit`),
  row(
    'narrow spill of scalar',
    `call bpf_get_prandom_u32\n*(u32 *)(r10 - 8) = r0\nr1 = *(u32 *)(r10 - 8)\nif r0 > 7 goto +0\nr0 = r1\nexit`,
  ),
  row('wide fill of narrow spill', `call bpf_get_prandom_u32\n*(u32 *)(r10 - 8) = r0\nr0 = *(u64 *)(r10 - 8)\nexit`),
  row(
    'byte fills of spill',
    `r0 = 0x1234\n*(u64 *)(r10 - 8) = r0\nr1 = *(u8 *)(r10 - 8)\nr2 = *(u8 *)(r10 - 7)\nr3 = *(u16 *)(r10 - 8)\nr0 = r1\nexit`,
  ),
  row('zero bytes', `r0 = 0\n*(u8 *)(r10 - 7) = r0\n*(u8 *)(r10 - 8) = r0\nr0 = *(u16 *)(r10 - 8)\nexit`),
  row('variable stack read', `call bpf_get_prandom_u32\nr0 &= 7\nr1 = r10\nr1 += -16\nr1 += r0\nr0 = *(u8 *)(r1 + 0)\nexit`),
  row(
    'variable stack write',
    `call bpf_get_prandom_u32\nr0 &= 7\n*(u64 *)(r10 - 8) = r10\nr1 = r10\nr1 += -16\nr1 += r0\n*(u8 *)(r1 + 0) = 1\nr0 = *(u64 *)(r10 - 8)\nr0 = 0\nexit`,
  ),
  row(
    'variable stack write over pointer',
    `call bpf_get_prandom_u32\nr0 &= 15\n*(u64 *)(r10 - 8) = r10\nr1 = r10\nr1 += -16\nr1 += r0\n*(u8 *)(r1 + 0) = 1\nr1 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r1 - 8)\nexit`,
  ),
  row('variable stack out of bounds', `call bpf_get_prandom_u32\nr0 &= 31\nr1 = r10\nr1 += -16\nr1 += r0\n*(u8 *)(r1 + 0) = 1${END}`),
  row('variable stack unbounded', `call bpf_get_prandom_u32\nr1 = r10\nr1 += r0\n*(u8 *)(r1 + 0) = 1${END}`),

  row('ctx read', `r0 = *(u32 *)(r1 + 0)\nexit`),
  row('ctx narrow', `r0 = *(u8 *)(r1 + 0)\nexit`),
  row('ctx wide', `r0 = *(u64 *)(r1 + 0)\nexit`),
  row('ctx forbidden field', `r0 = *(u32 *)(r1 + 76)\nexit`),
  row('ctx beyond', `r0 = *(u32 *)(r1 + 192)\nexit`),
  row('ctx negative', `r0 = *(u32 *)(r1 - 4)\nexit`),
  row('ctx misaligned', `r0 = *(u32 *)(r1 + 1)\nexit`),
  row('ctx write allowed', `*(u32 *)(r1 + 48) = 1${END}`),
  row('ctx write refused', `*(u32 *)(r1 + 0) = 1${END}`),
  row('ctx moved', `r1 += 4\nr0 = *(u32 *)(r1 + 0)\nexit`),
  row('ctx moved negative', `r1 += -4\nr0 = *(u32 *)(r1 + 4)\nexit`),
  row('ctx variable', `r6 = r1\ncall bpf_get_prandom_u32\nr0 &= 7\nr6 += r0\nr0 = *(u32 *)(r6 + 0)\nexit`),
  row(
    'ctx same insn two kinds',
    `r2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = 0\nr3 = *(u32 *)(r1 + 0)\nif r3 == 0 goto +1\nr1 = r2\nr0 = *(u32 *)(r1 + 0)\nexit`,
  ),
  row('kprobe ctx', `r0 = *(u64 *)(r1 + 112)\nexit`, KPROBE),
  row('kprobe ctx beyond', `r0 = *(u64 *)(r1 + 168)\nexit`, KPROBE),
  row('kprobe ctx misaligned', `r0 = *(u64 *)(r1 + 4)\nexit`, KPROBE),
  row('kprobe ctx narrow', `r0 = *(u8 *)(r1 + 3)\nexit`, KPROBE),
  row('tracepoint ctx', `r0 = *(u64 *)(r1 + 8)\nexit`, { type: 5 }),
  row('tracepoint ctx low', `r0 = *(u64 *)(r1 + 0)\nexit`, { type: 5 }),
  row('perf ctx', `r0 = *(u64 *)(r1 + 168)\nexit`, { type: 7 }),
  row('perf ctx narrow reg', `r0 = *(u32 *)(r1 + 0)\nexit`, { type: 7 }),
  row('raw tp ctx', `r0 = *(u64 *)(r1 + 88)\nexit`, { type: 17 }),
  row('raw tp ctx beyond', `r0 = *(u64 *)(r1 + 96)\nexit`, { type: 17 }),
  row('tc ctx write', `*(u32 *)(r1 + 8) = 1${END}`, TC),

  row('lookup unchecked', `${LOOKUP}r0 = *(u64 *)(r0 + 0)\nexit`, { type: 2 }),
  row(
    'lookup hash unchecked',
    `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit`,
  ),
  row(
    'lookup checked',
    `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem\nif r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 8)\nexit`,
  ),
  row(
    'lookup checked the wrong way',
    `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem\nif r0 != 0 goto +1\nr0 = *(u64 *)(r0 + 8)\nexit`,
  ),
  row(
    'lookup copy checked',
    `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem\nr6 = r0\nif r0 == 0 goto +1\nr0 = *(u64 *)(r6 + 8)\nexit`,
  ),
  row('or_null arithmetic', `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem\nr0 += 8${END}`),
  row('array constant key', `${LOOKUP}r0 = *(u64 *)(r0 + 40)\nexit`),
  row(
    'array constant key too large',
    `*(u32 *)(r10 - 4) = 9\nr2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit`,
  ),
  row(
    'key register spill',
    `r0 = 1\n*(u32 *)(r10 - 8) = r0\nr2 = r10\nr2 += -8\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit`,
  ),
  row('value beyond', `${LOOKUP}if r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 48)\nexit`),
  row('value end', `${LOOKUP}if r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 40)\nexit`),
  row('value negative', `${LOOKUP}if r0 == 0 goto +1\nr0 = *(u64 *)(r0 - 8)\nexit`),
  row(
    'value bounded index',
    `r6 = *(u32 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto +5\nif r6 > 40 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`,
  ),
  row(
    'value index too large',
    `r6 = *(u32 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto +5\nif r6 > 41 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`,
  ),
  row('value index unbounded', `r6 = *(u32 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`),
  row('value index 64 unbounded', `*(u64 *)(r10 - 8) = r1\n${LOOKUP}r6 = *(u64 *)(r0 + 8)\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit`),
  row('value index signed', `${LOOKUP}r6 = *(u64 *)(r0 + 8)\nif r6 s> 32 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`),
  row(
    'value index signed both',
    `${LOOKUP}r6 = *(u64 *)(r0 + 8)\nif r6 s> 32 goto +4\nif r6 s< 0 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`,
  ),
  row(
    'value index negative range',
    `${LOOKUP}r6 = *(u64 *)(r0 + 8)\nif r6 s> 32 goto +4\nif r6 s< -8 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`,
  ),
  row('value masked index', `r6 = *(u32 *)(r1 + 0)\n${LOOKUP}r6 &= 31\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nexit`),
  row('value minus', `${LOOKUP}r0 += 8\nr0 -= 8\nr0 = *(u64 *)(r0 + 0)\nexit`),
  row('value minus unknown', `r6 = *(u32 *)(r1 + 0)\n${LOOKUP}r6 &= 7\nr0 += 8\nr0 -= r6\nr0 = *(u8 *)(r0 + 0)\nexit`),
  row('scalar minus pointer', `r0 = 1\nr0 -= r1${END}`),
  row('scalar plus pointer', `r2 = -8\nr2 += r10\n*(u64 *)(r2 + 0) = 1${END}`),
  row('pointer plus pointer', `r1 += r10${END}`),
  row('pointer minus pointer', `r2 = r10\nr2 -= r10\nr0 = r2\nexit`),
  row('stack minus constant', `r2 = r10\nr2 -= 8${END}`),
  row('pointer and', `r2 = r10\nr2 &= 8${END}`),
  row('pointer mul', `r2 = r10\nr2 *= 8${END}`),
  row('pointer 32-bit', `r2 = r10\nw2 += 8${END}`),
  row('pointer 32-bit mov', `w2 = w10\nr0 = r2\nexit`),
  row('map_ptr arithmetic', `r1 = map[fd:$array]\nr1 += 8${END}`),
  row('map_ptr plus 0', `r1 = map[fd:$array]\nr1 += 0${END}`),
  row('pkt_end arithmetic', `${PACKET}r3 += 8${END}`, XDP),
  row('pointer offset too large', `r2 = r10\nr2 += 0x40000000${END}`),
  row('pointer plus huge', `r2 = 0x100000000 ll\nr3 = r10\nr3 += r2${END}`),
  row('pointer plus unbounded', `${LOOKUP}r6 = *(u64 *)(r0 + 0)\nr0 += r6\nr0 = 0\nexit`),

  row('direct value', `r1 = map[fd:$one][0]+8\nr0 = *(u64 *)(r1 + 0)\nexit`),
  row('direct value beyond', `r1 = map[fd:$one][0]+44\nr0 = *(u64 *)(r1 + 0)\nexit`),
  row('write rdonly map', `r1 = map[fd:$rdonly][0]+0\n*(u64 *)(r1 + 0) = 1${END}`),
  row('read rdonly map', `r1 = map[fd:$rdonly][0]+0\nr0 = *(u64 *)(r1 + 0)\nexit`),
  row('read wronly map', `r1 = map[fd:$wronly][0]+0\nr0 = *(u64 *)(r1 + 0)\nexit`),
  row(
    'update rdonly map',
    `*(u32 *)(r10 - 4) = 0\n*(u64 *)(r10 - 24) = 0\n*(u64 *)(r10 - 16) = 0\nr1 = map[fd:$rdonly]\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -24\nr4 = 0\ncall bpf_map_update_elem${END}`,
  ),

  row('packet unchecked', `${PACKET}r0 = *(u8 *)(r2 + 0)\nexit`, XDP),
  row('packet checked', `${PACKET}r4 = r2\nr4 += 14\nif r4 > r3 goto +2\nr0 = *(u16 *)(r2 + 12)\nexit\nr0 = 0\nexit`, XDP),
  row('packet checked too little', `${PACKET}r4 = r2\nr4 += 13\nif r4 > r3 goto +2\nr0 = *(u16 *)(r2 + 12)\nexit\nr0 = 0\nexit`, XDP),
  row('packet checked reversed', `${PACKET}r4 = r2\nr4 += 14\nif r3 < r4 goto +2\nr0 = *(u16 *)(r2 + 12)\nexit\nr0 = 0\nexit`, XDP),
  row('packet ge', `${PACKET}r4 = r2\nr4 += 14\nif r3 >= r4 goto +2\nr0 = 0\nexit\nr0 = *(u16 *)(r2 + 12)\nexit`, XDP),
  row('packet lt', `${PACKET}r4 = r2\nr4 += 13\nif r4 < r3 goto +2\nr0 = 0\nexit\nr0 = *(u8 *)(r2 + 13)\nexit`, XDP),
  row('packet le wrong branch', `${PACKET}r4 = r2\nr4 += 14\nif r4 <= r3 goto +2\nr0 = *(u8 *)(r2 + 0)\nexit\nr0 = 0\nexit`, XDP),
  row(
    'packet variable',
    `${PACKET}r4 = r2\nr4 += 1\nif r4 > r3 goto +9\nr5 = *(u8 *)(r2 + 0)\nr5 &= 15\nr2 += r5\nr4 = r2\nr4 += 8\nif r4 > r3 goto +3\nr0 = *(u8 *)(r2 + 7)\nr0 = 0\nexit\nr0 = 0\nexit`,
    XDP,
  ),
  row(
    'packet variable unchecked',
    `${PACKET}r4 = r2\nr4 += 1\nif r4 > r3 goto +4\nr5 = *(u8 *)(r2 + 0)\nr2 += r5\nr0 = *(u8 *)(r2 + 0)\nexit\nr0 = 0\nexit`,
    XDP,
  ),
  row(
    'packet at end twice',
    `${PACKET}r4 = r2\nr4 += 8\nif r4 > r3 goto +3\nif r4 > r3 goto +1\nr0 = *(u8 *)(r2 + 0)\nexit\nr0 = 0\nexit`,
    XDP,
  ),
  row('packet write', `${PACKET}r4 = r2\nr4 += 8\nif r4 > r3 goto +1\n*(u8 *)(r2 + 0) = 1${END}`, XDP),
  row('packet after adjust', `r6 = r1\nr7 = *(u32 *)(r1 + 0)\nr2 = 0\ncall bpf_xdp_adjust_head\nr0 = *(u8 *)(r7 + 0)\nexit`, XDP),
  row(
    'packet meta',
    `r2 = *(u32 *)(r1 + 8)\nr3 = *(u32 *)(r1 + 0)\nr4 = r2\nr4 += 8\nif r4 > r3 goto +2\nr0 = *(u64 *)(r2 + 0)\nexit\nr0 = 0\nexit`,
    XDP,
  ),
  row('xdp ctx 8 bytes', `r2 = *(u64 *)(r1 + 0)${END}`, XDP),
  row('xdp egress', `r0 = *(u32 *)(r1 + 20)\nexit`, XDP),
  row(
    'tc packet',
    `r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 8\nif r4 > r3 goto +2\nr0 = *(u64 *)(r2 + 0)\nexit\nr0 = 0\nexit`,
    TC,
  ),

  row('helper wrong type', `r1 = 0\ncall bpf_map_lookup_elem\nexit`),
  row('helper unknown', `call 999\nexit`),
  row('helper not for type', `r1 = r10\nr1 += -16\nr2 = 16\nr3 = 0\ncall bpf_probe_read\nexit`),
  row('helper gpl', `r1 = r10\nr1 += -16\nr2 = 16\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, { type: 2, license: 'MIT' }),
  row('helper output', `r1 = r10\nr1 += -16\nr2 = 16\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = *(u64 *)(r10 - 16)\nexit`, KPROBE),
  row('helper output beyond', `r1 = r10\nr1 += -8\nr2 = 16\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, KPROBE),
  row('helper output below', `r1 = r10\nr1 += -516\nr2 = 16\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, KPROBE),
  row('helper size zero', `r1 = r10\nr1 += -8\nr2 = 0\ncall bpf_trace_printk\nexit`, KPROBE),
  row('helper size negative', `r1 = r10\nr1 += -8\nr2 = -1\ncall bpf_trace_printk\nexit`, KPROBE),
  row('helper size unbounded', `call bpf_get_prandom_u32\nr2 = r0\nr1 = r10\nr1 += -8\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, KPROBE),
  row('helper size 64 unbounded', `r6 = *(u64 *)(r1 + 0)\nr2 = r6\nr1 = r10\nr1 += -8\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, KPROBE),
  row(
    'helper size bounded',
    `r6 = *(u64 *)(r1 + 0)\nr2 = r6\nr2 &= 15\nr1 = r10\nr1 += -16\nr3 = 0\ncall bpf_probe_read_kernel\nexit`,
    KPROBE,
  ),
  row(
    'helper size one too large',
    `r6 = *(u64 *)(r1 + 0)\nr2 = r6\nr2 &= 31\nr1 = r10\nr1 += -16\nr3 = 0\ncall bpf_probe_read_kernel\nexit`,
    KPROBE,
  ),
  row(
    'helper string result',
    `r1 = r10\nr1 += -16\nr2 = 16\nr3 = 0\ncall bpf_probe_read_kernel_str\nr6 = r0\nif r6 s< 0 goto +5\nr6 &= 15\nr1 = r10\nr1 += -16\nr1 += r6\nr0 = *(u8 *)(r1 + 0)\nr0 = 0\nexit`,
    KPROBE,
  ),
  row('helper map value memory', `${LOOKUP}r1 = r0\nr2 = 48\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, KPROBE),
  row('helper map value memory beyond', `${LOOKUP}r1 = r0\nr2 = 49\nr3 = 0\ncall bpf_probe_read_kernel\nexit`, KPROBE),
  row('helper ctx memory', `r3 = r1\nr2 = 8\nr1 = r3\nr3 = 0\ncall bpf_trace_printk\nexit`, KPROBE),
  row('helper scalar memory', `r1 = 5\nr2 = 8\ncall bpf_trace_printk\nexit`, KPROBE),
  row('helper smp id', `call bpf_get_smp_processor_id\nif r0 > 1 goto +1\n${END}r0 = *(u64 *)(r0 + 0)\nexit`),
  row('helper wrong map', `r6 = r1\nr2 = map[fd:$array]\nr3 = 0\nr4 = r10\nr4 += -8\nr5 = 8\ncall bpf_perf_event_output\nexit`, KPROBE),
  row('helper right map', `r2 = map[fd:$perf]\nr3 = 0\nr4 = r10\nr4 += -8\nr5 = 8\ncall bpf_perf_event_output\nexit`, KPROBE),
  row('map refuses helper', `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$perf]\ncall bpf_map_lookup_elem\nexit`),
  row('stackid', `r2 = map[fd:$stacks]\nr3 = 0\ncall bpf_get_stackid\nexit`, KPROBE),
  row('stackid ctx moved', `r1 += 8\nr2 = map[fd:$stacks]\nr3 = 0\ncall bpf_get_stackid\nexit`, KPROBE),
  row('queue', `r1 = map[fd:$queue]\nr2 = r10\nr2 += -8\ncall bpf_map_pop_elem\nr0 = *(u64 *)(r10 - 8)\nexit`),
  row('key uninitialised', `r2 = r10\nr2 += -8\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem${END}`),
  row('key too small', `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem${END}`),
  row('key in value', `${LOOKUP}r2 = r0\nr1 = map[fd:$hash]\ncall bpf_map_lookup_elem${END}`),
  row('sleepable helper', `r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user${END}`, KPROBE),

  row(
    'ringbuf',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +4\n*(u64 *)(r0 + 8) = 1\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
  ),
  row('ringbuf leak', `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +1\n*(u64 *)(r0 + 8) = 1${END}`),
  row('ringbuf unchecked', `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\n*(u64 *)(r0 + 8) = 1${END}`),
  row('ringbuf beyond', `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +1\n*(u64 *)(r0 + 16) = 1${END}`),
  row(
    'ringbuf use after submit',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +5\nr6 = r0\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\n*(u64 *)(r6 + 8) = 1${END}`,
  ),
  row(
    'ringbuf submit twice',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +7\nr6 = r0\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\nr1 = r6\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
  ),
  row(
    'ringbuf submit moved',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +4\nr1 = r0\nr1 += 8\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
  ),
  row('ringbuf submit null', `r1 = 0\nr2 = 0\ncall bpf_ringbuf_submit${END}`),
  row('ringbuf submit value', `${LOOKUP}r1 = r0\nr2 = 0\ncall bpf_ringbuf_submit${END}`),
  row('ringbuf variable size', `call bpf_get_prandom_u32\nr1 = map[fd:$ring]\nr2 = r0\nr3 = 0\ncall bpf_ringbuf_reserve${END}`),
  row('ringbuf output', `*(u64 *)(r10 - 8) = 0\nr1 = map[fd:$ring]\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output${END}`),
  row(
    'ringbuf as memory',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +8\nr6 = r0\nr1 = r0\nr2 = 16\nr3 = 0\ncall bpf_probe_read_kernel\nr1 = r6\nr2 = 0\ncall bpf_ringbuf_submit${END}`,
    KPROBE,
  ),

  row('tail call', `r2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${END}`),
  row('tail call leaves r0', `r2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call\nexit`),
  row('tail call wrong map', `r2 = map[fd:$array]\nr3 = 0\ncall bpf_tail_call${END}`),
  row(
    'tail call reference',
    `r6 = r1\nr1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto +4\nr1 = r6\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call${END}`,
  ),

  row('null pointer compare', `r2 = r10\nif r2 == 0 goto +1\n${END}r0 = *(u64 *)(r1 + 0)\nexit`),
  row('null value compare', `${LOOKUP}if r0 != 0 goto +1\nr0 = *(u64 *)(r7 + 0)\nr0 = 0\nexit`),
  row('null value compare 32', `${LOOKUP}if w0 != 0 goto +1\nr0 = *(u64 *)(r7 + 0)\nr0 = 0\nexit`),
  row('branch dead by constant', `r0 = 0\nif r0 == 0 goto +1\nr0 = *(u64 *)(r7 + 0)\nexit`),
  row('branch dead by range', `call bpf_get_prandom_u32\nr0 &= 7\nif r0 > 7 goto +1\nexit\nr0 = *(u64 *)(r7 + 0)\nexit`),
  row('branch dead by jset', `call bpf_get_prandom_u32\nr0 &= 6\nif r0 & 1 goto +1\nexit\nr0 = *(u64 *)(r7 + 0)\nexit`),
  row('branch dead 32', `call bpf_get_prandom_u32\nw0 &= 7\nif w0 s> 7 goto +1\nexit\nr0 = *(u64 *)(r7 + 0)\nexit`),
  row('linked scalars', `call bpf_get_prandom_u32\nr6 = r0\nif r0 > 7 goto +2\nr1 = r10\nr1 += -8\nr0 = 0\nexit`),
  row('linked index', `r7 = *(u32 *)(r1 + 0)\nr6 = r7\n${LOOKUP}if r7 > 40 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`),
  row(
    'linked index plus constant',
    `r7 = *(u32 *)(r1 + 0)\nr6 = r7\nr6 += 8\n${LOOKUP}if r7 > 32 goto +3\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`,
  ),
  row(
    'linked through stack',
    `r7 = *(u32 *)(r1 + 0)\n*(u64 *)(r10 - 16) = r7\n${LOOKUP}if r7 > 40 goto +4\nr6 = *(u64 *)(r10 - 16)\nr0 += r6\nr0 = *(u64 *)(r0 + 0)\nexit\nr0 = 0\nexit`,
  ),

  row('bounded loop', `r0 = 0\nr0 += 1\nif r0 < 10 goto -2\nexit`),
  row('bounded loop 1000', `r0 = 0\nr0 += 1\nif r0 < 1000 goto -2\nexit`),
  row('endless loop', `r0 = 0\ngoto -1\nexit`),
  row('endless loop 2', `r0 = 0\nif r0 == 0 goto -1\nexit`),
  row('unknown loop', `call bpf_get_prandom_u32\nif r0 > 7 goto -2\nexit`),
  row(
    'loop with stack',
    `*(u64 *)(r10 - 8) = 0\nr1 = *(u64 *)(r10 - 8)\nr1 += 1\n*(u64 *)(r10 - 8) = r1\nif r1 < 50 goto -4\nr0 = 0\nexit`,
  ),
  row(
    'loop over value',
    `${LOOKUP}r6 = r0\nr7 = 0\nr0 = 0\nr1 = r6\nr1 += r7\nr2 = *(u8 *)(r1 + 0)\nr0 += r2\nr7 += 1\nif r7 < 48 goto -6\nexit`,
  ),
  row(
    'loop over value too far',
    `${LOOKUP}r6 = r0\nr7 = 0\nr0 = 0\nr1 = r6\nr1 += r7\nr2 = *(u8 *)(r1 + 0)\nr0 += r2\nr7 += 1\nif r7 < 49 goto -6\nexit`,
  ),
  row('may_goto', `r0 = 0\nmay_goto +2\nr0 += 1\ngoto -3\nexit`),
  row('nested loops', `r6 = 0\nr7 = 0\nr7 += 1\nif r7 < 20 goto -2\nr6 += 1\nif r6 < 20 goto -5\nr0 = 0\nexit`),
  row(
    'diamonds',
    `call bpf_get_prandom_u32\nr6 = r0\nr0 = 0\nif r6 & 1 goto +1\nr0 += 1\nif r6 & 2 goto +1\nr0 += 1\nif r6 & 4 goto +1\nr0 += 1\nif r6 & 8 goto +1\nr0 += 1\nif r6 & 16 goto +1\nr0 += 1\nif r6 & 32 goto +1\nr0 += 1\nexit`,
  ),

  row('subprogram', `r1 = 1\ncall pc+1\nexit\nr0 = r1\nexit`),
  row('a frame without stack takes none', `*(u8 *)(r10 - 512) = 1\ncall pc+1\nexit\nr0 = 0\nexit`),
  row('a frame of a byte takes sixteen', `*(u8 *)(r10 - 500) = 1\ncall pc+1\nexit\n*(u8 *)(r10 - 1) = 1\nr0 = 0\nexit`),
  row('subprogram r6', `call pc+1\nexit\nr0 = r6\nexit`),
  row('subprogram loses r1', `r1 = 1\ncall pc+2\nr0 = r1\nexit\nr0 = 0\nexit`),
  row('subprogram caller stack', `*(u64 *)(r10 - 8) = 7\nr1 = r10\nr1 += -8\ncall pc+1\nexit\nr0 = *(u64 *)(r1 + 0)\nexit`),
  row('subprogram writes caller stack', `r1 = r10\nr1 += -8\ncall pc+2\nr0 = *(u64 *)(r10 - 8)\nexit\n*(u64 *)(r1 + 0) = 5\nr0 = 0\nexit`),
  row('subprogram own stack to caller', `r1 = r10\nr1 += -8\ncall pc+2\nr0 = 0\nexit\n*(u64 *)(r1 + 0) = r10\nr0 = 0\nexit`),
  row('subprogram returns stack', `call pc+2\nr0 = 0\nexit\nr0 = r10\nexit`),
  row('subprogram returns ctx', `call pc+2\nr0 = *(u32 *)(r0 + 0)\nexit\nr0 = r1\nexit`),
  row(
    'subprogram precision',
    `call pc+6\nr6 = r0\nif r6 > 40 goto +2\nr1 = r10\nr1 += -48\nr0 = 0\nexit\ncall bpf_get_prandom_u32\nr0 &= 31\nexit`,
  ),
  row(
    'subprogram index',
    `r6 = r1\ncall pc+8\nr7 = r0\n*(u64 *)(r10 - 64) = 0\nr1 = r10\nr1 += -64\nr1 += r7\nr0 = *(u8 *)(r1 + 0)\nr0 = 0\nexit\ncall bpf_get_prandom_u32\nr0 &= 31\nexit`,
  ),
  row('recursion', `call pc-1\nexit`),
  row('stack too deep', `*(u64 *)(r10 - 264) = 0\ncall pc+2\nr0 = 0\nexit\n*(u64 *)(r10 - 264) = 0\nr0 = 0\nexit`),
  row('stack deep enough', `*(u64 *)(r10 - 256) = 0\ncall pc+2\nr0 = 0\nexit\n*(u64 *)(r10 - 256) = 0\nr0 = 0\nexit`),
  row('stack private', `*(u64 *)(r10 - 264) = 0\ncall pc+2\nr0 = 0\nexit\n*(u64 *)(r10 - 264) = 0\nr0 = 0\nexit`, KPROBE),
  row('loop callback', `r1 = 4\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\nr0 = 0\nexit`, KPROBE),
  row(
    'loop callback ctx',
    `*(u64 *)(r10 - 8) = 0\nr1 = 4\nr2 = subprog[+7]\nr3 = r10\nr3 += -8\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\nr3 = *(u64 *)(r2 + 0)\nr3 += r1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit`,
    KPROBE,
  ),
  row('loop callback return', `r1 = 4\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\nr0 = 2\nexit`, KPROBE),
  row('loop not a function', `r1 = 4\nr2 = 0\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit`, KPROBE),
  row(
    'for each',
    `r1 = map[fd:$array]\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nr0 = 0\nexit\nr0 = *(u64 *)(r3 + 40)\nr0 = 0\nexit`,
    KPROBE,
  ),
  row(
    'for each beyond',
    `r1 = map[fd:$array]\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nr0 = 0\nexit\nr0 = *(u64 *)(r3 + 48)\nr0 = 0\nexit`,
    KPROBE,
  ),
  row(
    'for each key write',
    `r1 = map[fd:$array]\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nr0 = 0\nexit\n*(u32 *)(r2 + 0) = 1\nr0 = 0\nexit`,
    KPROBE,
  ),
  row(
    'for each wrong map',
    `r1 = map[fd:$ring]\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nr0 = 0\nexit\nr0 = 0\nexit`,
    KPROBE,
  ),

  row('atomic add', `*(u64 *)(r10 - 8) = 1\nr1 = 1\nlock *(u64 *)(r10 - 8) += r1\nr0 = *(u64 *)(r10 - 8)\nexit`),
  row('atomic fetch', `*(u64 *)(r10 - 8) = 1\nr1 = 1\nr1 = atomic_fetch_add((u64 *)(r10 - 8), r1)\nr0 = r1\nexit`),
  row('atomic ctx', `r2 = 1\nlock *(u32 *)(r1 + 48) += r2${END}`),
  row('atomic value', `${LOOKUP}r1 = 1\nlock *(u64 *)(r0 + 0) += r1${END}`),
  row('atomic value misaligned', `${LOOKUP}r1 = 1\nlock *(u64 *)(r0 + 4) += r1${END}`),
  row('atomic uninitialised', `*(u64 *)(r10 - 8) = 1\nlock *(u64 *)(r10 - 8) += r2${END}`),
  row('atomic cmpxchg', `*(u64 *)(r10 - 8) = 1\nr0 = 1\nr1 = 2\nr0 = cmpxchg_64(r10 - 8, r0, r1)\nexit`),
  row('atomic packet', `${PACKET}r4 = r2\nr4 += 8\nif r4 > r3 goto +2\nr5 = 1\nlock *(u64 *)(r2 + 0) += r5${END}`, XDP),

  row('ld_abs', `r6 = r1\nr0 = *(u8 *)skb[0]\nexit`),
  row('ld_abs without r6', `r0 = *(u8 *)skb[0]\nexit`),
  row('ld_abs r6 not ctx', `r6 = 0\nr0 = *(u8 *)skb[0]\nexit`),
  row('ld_abs clobbers', `r6 = r1\nr0 = *(u8 *)skb[0]\nr0 = r1\nexit`),
  row('ld_abs kprobe', `r6 = r1\nr0 = *(u8 *)skb[0]\nexit`, KPROBE),

  row('return range', `r0 = 2\nexit`, { type: 8, attach: 0 }),
  row('return range ok', `r0 = 1\nexit`, { type: 8, attach: 0 }),
  row('return range unknown', `call bpf_get_prandom_u32\nexit`, { type: 8, attach: 0 }),
  row('return range masked', `call bpf_get_prandom_u32\nr0 &= 1\nexit`, { type: 8, attach: 0 }),
  row('return pointer', `r0 = r1\nexit`),
  row('strict value', `${LOOKUP}r0 = *(u64 *)(r0 + 4)\nexit`, { flags: 1 }),
  row('strict value ok', `${LOOKUP}r0 = *(u64 *)(r0 + 8)\nexit`, { flags: 1 }),
  row('strict packet', `${PACKET}r4 = r2\nr4 += 16\nif r4 > r3 goto +2\nr0 = *(u32 *)(r2 + 0)\nexit\nr0 = 0\nexit`, { type: 6, flags: 1 }),
  row('socket null', `r0 = *(u64 *)(r1 + 168)\nr0 = *(u32 *)(r0 + 4)\nexit`, TC),
  row('socket checked', `r0 = *(u64 *)(r1 + 168)\nif r0 == 0 goto +1\nr0 = *(u32 *)(r0 + 4)\nexit`, TC),
  row(
    'tc sk release',
    `r2 = r10\nr2 += -16\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr3 = 12\nr4 = -1\nr5 = 0\ncall bpf_sk_lookup_tcp\nif r0 == 0 goto +2\nr1 = r0\ncall bpf_sk_release${END}`,
    TC,
  ),
  row(
    'tc sk leak',
    `r2 = r10\nr2 += -16\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr3 = 12\nr4 = -1\nr5 = 0\ncall bpf_sk_lookup_tcp${END}`,
    TC,
  ),
];
