/** Programs with dynptrs: made, used, overwritten and given back; one that keeps each rule, and one that breaks it. */
import type { Question } from '../support/verifier.ts';
import type { Case } from './cases.ts';
import { SHARED } from './field-maps.ts';

const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, type: 3, ...SHARED.program(text), ...more });
const OUT = '\nout:\nr0 = 0\nexit\n';
const fp = (reg: string, off: number): string => `${reg} = r10\n${reg} += ${off}\n`;

/** r6 = value of key 0 of a map. */
const value = (map = 'plain', missing = 'out'): string =>
  `*(u32 *)(r10 - 4) = 0\n${fp('r2', -4)}r1 = map[fd:$${map}]\ncall bpf_map_lookup_elem\nif r0 == 0 goto ${missing}\nr6 = r0\n`;
/** A dynptr of the value's 16 bytes, at fp-24. */
const local = (off = -24, size = 16): string => `r1 = r6\nr2 = ${size}\nr3 = 0\n${fp('r4', off)}call bpf_dynptr_from_mem\n`;
const reserve = (off = -24, size = '32'): string =>
  `r1 = map[fd:$ring]\nr2 = ${size}\nr3 = 0\n${fp('r4', off)}call bpf_ringbuf_reserve_dynptr\n`;
const end = (name: string, off = -24): string => `${fp('r1', off)}r2 = 0\ncall bpf_ringbuf_${name}_dynptr\n`;
const submit = (off = -24): string => end('submit', off);
const discard = (off = -24): string => end('discard', off);
const read = (off = -24, { to = -48, size = '8' } = {}): string =>
  `${fp('r1', to)}r2 = ${size}\n${fp('r3', off)}r4 = 0\nr5 = 0\ncall bpf_dynptr_read\n`;
const write = (off = -24, { from = -48, size = '8' } = {}): string =>
  `${fp('r1', off)}r2 = 0\n${fp('r3', from)}r4 = ${size}\nr5 = 0\ncall bpf_dynptr_write\n`;
const data = (off = -24, size = '8'): string => `${fp('r1', off)}r2 = 0\nr3 = ${size}\ncall bpf_dynptr_data\n`;
const clone = (from = -24, to = -40): string => `${fp('r1', from)}${fp('r2', to)}call kfunc bpf_dynptr_clone\n`;
const kfunc = (name: string, off = -24): string => `${fp('r1', off)}call kfunc bpf_dynptr_${name}\n`;
const slice = (off = -24, { buffer = -64, size = '8', kind = 'slice' } = {}): string =>
  `${fp('r1', off)}r2 = 0\n${buffer === 0 ? 'r3 = 0\n' : fp('r3', buffer)}r4 = ${size}\ncall kfunc bpf_dynptr_${kind}\n`;
const packet = (name: string, off = -24): string => `r1 = r9\nr2 = 0\n${fp('r3', off)}call kfunc bpf_dynptr_from_${name}\n`;

const MADE: readonly Case[] = [
  row('from_mem', value() + local() + OUT),
  row('from_mem of the stack', `*(u64 *)(r10 - 32) = 0\n${fp('r6', -32)}${local(-24, 8)}${OUT}`),
  row('from_mem of uninitialised stack', `${fp('r6', -48)}${local(-24, 8)}${OUT}`),
  row('from_mem of the context', `r6 = r1\n${local(-24, 8)}${OUT}`),
  row(
    'from_mem of the packet',
    `r6 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr2 = r6\nr2 += 8\nif r2 > r3 goto out\n${local(-24, 8)}${OUT}`,
  ),
  row('from_mem of a moved value', `${value()}r6 += 8\n${local(-24, 8)}${OUT}`),
  row('from_mem beyond the value', value() + local(-24, 17) + OUT),
  row('from_mem of nothing', value() + local(-24, 0) + OUT),
  row(
    'from_mem of an unchecked value',
    `*(u32 *)(r10 - 4) = 0\n${fp('r2', -4)}r1 = map[fd:$plain]\ncall bpf_map_lookup_elem\nr6 = r0\n${local()}${OUT}`,
  ),
  row(
    'from_mem of an unknown size',
    `${value()}r7 = *(u64 *)(r6 + 0)\nr7 &= 15\nr1 = r6\nr2 = r7\nr3 = 0\n${fp('r4', -24)}call bpf_dynptr_from_mem\n${OUT}`,
  ),
  row('from_mem over a timer', value('timer') + local(-24, 16) + OUT),
  row('from_mem over a kptr', value('held') + local(-24, 16) + OUT),
  row('from_mem before a kptr', value('held') + local(-24, 8) + OUT),
  row(
    'from_mem of a ring buffer record',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto out\nr6 = r0\n${local()}r1 = r6\nr2 = 0\ncall bpf_ringbuf_discard\n${OUT}`,
  ),
  row('from_mem of global data', `r6 = map[fd:$bss][0]+16\n${local(-24, 8)}${OUT}`),
  row(
    'from_mem of an own object',
    `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nif r0 == 0 goto out\nr6 = r0\n${local()}r1 = r6\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n${OUT}`,
  ),
  row('into a map value', `${value()}r1 = r6\nr2 = 8\nr3 = 0\nr4 = r6\ncall bpf_dynptr_from_mem\n${OUT}`),
  row('into the context', `r9 = r1\n${value()}r1 = r6\nr2 = 8\nr3 = 0\nr4 = r9\ncall bpf_dynptr_from_mem\n${OUT}`),
  row('into NULL', `${value()}r1 = r6\nr2 = 8\nr3 = 0\nr4 = 0\ncall bpf_dynptr_from_mem\n${OUT}`),
  row('misaligned', value() + local(-20) + OUT),
  row('across the top of the stack', value() + local(-8) + OUT),
  row('at the top of the stack', value() + local(-16) + OUT),
  row('at fp', value() + local(0) + OUT),
  row('above fp', value() + local(8) + OUT),
  row('at the bottom of the stack', value() + local(-512) + OUT),
  row('below the stack', value() + local(-520) + OUT),
  row('half below the stack', value() + local(-516) + OUT),
  row(
    'at a variable offset',
    `${value()}r7 = *(u64 *)(r6 + 0)\nr7 &= 8\n${fp('r8', -40)}r8 += r7\nr1 = r6\nr2 = 8\nr3 = 0\nr4 = r8\ncall bpf_dynptr_from_mem\n${OUT}`,
  ),
  row(
    'at a constant in a register',
    `${value()}r7 = -24\n${fp('r8', 0)}r8 += r7\nr1 = r6\nr2 = 8\nr3 = 0\nr4 = r8\ncall bpf_dynptr_from_mem\n${read(-24)}${OUT}`,
  ),
  row('over a spilled register', `${value()}*(u64 *)(r10 - 24) = r6\n${local()}r1 = *(u64 *)(r10 - 24)\n${OUT}`),
  row('over another dynptr', value() + local() + local() + read() + OUT),
  row('over half of another dynptr', value() + local() + local(-32) + read() + OUT),
  row('over half of another dynptr, used', value() + local() + local(-32) + read(-32) + OUT),
  row('over half of another dynptr above', value() + local() + local(-16) + read() + OUT),
  row('over two dynptrs', value() + local(-24) + local(-40) + local(-32) + read(-32) + OUT),
  row('two dynptrs', value() + local(-24) + local(-40) + read(-24, { to: -64 }) + read(-40, { to: -64 }) + OUT),
];

const RING: readonly Case[] = [
  row('reserve and submit', reserve() + submit() + OUT),
  row('reserve and discard', reserve() + discard() + OUT),
  row('reserve and leak', reserve() + OUT),
  row('reserve of an unknown size', `call bpf_get_prandom_u32\nr7 = r0\n${reserve(-24, 'r7')}${submit()}${OUT}`),
  row('reserve in a wrong map', `r1 = map[fd:$plain]\nr2 = 8\nr3 = 0\n${fp('r4', -24)}call bpf_ringbuf_reserve_dynptr\n${submit()}${OUT}`),
  row('submit twice', reserve() + submit() + submit() + OUT),
  row('submit of nothing', submit() + OUT),
  row('submit of a local dynptr', value() + local() + submit() + OUT),
  row('submit of a number', `*(u64 *)(r10 - 24) = 0\n*(u64 *)(r10 - 16) = 0\n${submit()}${OUT}`),
  row('submit of the second half', reserve() + submit(-16) + OUT),
  row('submit before the dynptr', reserve() + submit(-32) + OUT),
  row('submit misaligned', reserve() + submit(-20) + OUT),
  row('submit of NULL', `${reserve()}r1 = 0\nr2 = 0\ncall bpf_ringbuf_submit_dynptr\n${OUT}`),
  row('submit of a map value', `${value()}r1 = r6\nr2 = 0\ncall bpf_ringbuf_submit_dynptr\n${OUT}`),
  row(
    'submit of a spilled record',
    `r1 = map[fd:$ring]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto out\n*(u64 *)(r10 - 24) = r0\n*(u64 *)(r10 - 16) = r0\n${submit()}${OUT}`,
  ),
  row('reserve over a reserved one', reserve() + reserve() + submit() + OUT),
  row('reserve over half a reserved one', reserve() + reserve(-32) + submit(-32) + OUT),
  row('reserve over a local one', value() + local() + reserve() + submit() + OUT),
  row('local over a reserved one', value() + reserve() + local() + submit() + OUT),
  row('two reserved, given back in turn', reserve() + reserve(-40) + submit(-40) + submit() + OUT),
  row('two reserved, one leaks', reserve() + reserve(-40) + submit(-40) + OUT),
  row('submit on one path', `call bpf_get_prandom_u32\nr8 = r0\n${reserve()}if r8 == 0 goto out\n${submit()}${OUT}`),
  row(
    'submit on one path, discard on the other',
    `call bpf_get_prandom_u32\nr8 = r0\n${reserve()}if r8 == 0 goto other\n${submit()}goto out\nother:\n${discard()}${OUT}`,
  ),
  row('submit in a subprogram', `${reserve()}${fp('r1', -24)}call sub\n${OUT}sub:\nr2 = 0\ncall bpf_ringbuf_submit_dynptr\nr0 = 0\nexit\n`),
  row(
    'reserve in a subprogram of its caller',
    `${fp('r1', -24)}call sub\n${submit()}${OUT}sub:\nr4 = r1\nr1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve_dynptr\nr0 = 0\nexit\n`,
  ),
  row('reserve in a subprogram, left there', `call sub\n${OUT}sub:\n${reserve()}r0 = 0\nexit\n`),
  row('reserve before the dynptr is full', reserve() + data() + submit() + OUT),
  row('data of a reserved one', `${reserve()}${data()}if r0 == 0 goto done\n*(u64 *)(r0 + 0) = 1\ndone:\n${submit()}${OUT}`),
  row('data of a reserved one after submit', `${reserve()}${data()}r7 = r0\n${submit()}if r7 == 0 goto out\n*(u64 *)(r7 + 0) = 1\n${OUT}`),
  row(
    'data of a reserved one, checked, after submit',
    `${reserve()}${data()}r7 = r0\nif r7 == 0 goto none\n${submit()}r1 = *(u64 *)(r7 + 0)\ngoto out\nnone:\n${discard()}${OUT}`,
  ),
  row(
    'data given back as a record',
    `${reserve()}${data()}if r0 == 0 goto none\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\ngoto out\nnone:\n${discard()}${OUT}`,
  ),
  row('reserve of kprobe', reserve() + submit() + OUT, { type: 2 }),
];

const STACK: readonly Case[] = [
  row('dynptr read by load', `${value()}${local()}r1 = *(u64 *)(r10 - 24)\n${OUT}`),
  row('second half read by load', `${value()}${local()}r1 = *(u64 *)(r10 - 16)\n${OUT}`),
  row('dynptr read by a byte load', `${value()}${local()}r1 = *(u8 *)(r10 - 20)\n${OUT}`),
  row(
    'dynptr read at a variable offset',
    `${value()}${local()}r7 = *(u64 *)(r6 + 0)\nr7 &= 15\n${fp('r8', -32)}r8 += r7\nr1 = *(u8 *)(r8 + 0)\n${OUT}`,
  ),
  row('dynptr as helper memory', `${value()}${local()}${fp('r1', -24)}r2 = 8\nr3 = 0\ncall bpf_trace_printk\n${OUT}`),
  row('dynptr as a key', `${value()}${local()}${fp('r2', -24)}r1 = map[fd:$plain]\ncall bpf_map_lookup_elem\n${OUT}`),
  row('dynptr overwritten', `${value()}${local()}*(u64 *)(r10 - 24) = 0\n${OUT}`),
  row('dynptr overwritten and used', `${value()}${local()}*(u64 *)(r10 - 24) = 0\n${read()}${OUT}`),
  row('dynptr overwritten by a byte and used', `${value()}${local()}*(u8 *)(r10 - 9) = 0\n${read()}${OUT}`),
  row('second half overwritten and used', `${value()}${local()}*(u64 *)(r10 - 16) = 0\n${read()}${OUT}`),
  row(
    'dynptr overwritten and read',
    `${value()}${local()}*(u64 *)(r10 - 24) = 0\nr1 = *(u64 *)(r10 - 24)\nr1 = *(u64 *)(r10 - 16)\n${OUT}`,
  ),
  row(
    'dynptr overwritten by a register',
    `${value()}${local()}*(u64 *)(r10 - 24) = r6\nr1 = *(u64 *)(r10 - 24)\nr1 = *(u64 *)(r1 + 0)\n${OUT}`,
  ),
  row(
    'dynptr overwritten at a variable offset',
    `${value()}${local()}r7 = *(u64 *)(r6 + 0)\nr7 &= 7\n${fp('r8', -32)}r8 += r7\n*(u8 *)(r8 + 0) = 0\n${read()}${OUT}`,
  ),
  row(
    'dynptr overwritten at a wide variable offset',
    `${value()}${local()}r7 = *(u64 *)(r6 + 0)\nr7 &= 15\n${fp('r8', -32)}r8 += r7\n*(u8 *)(r8 + 0) = 0\n${read()}${OUT}`,
  ),
  row(
    'dynptr overwritten by a helper',
    `${value()}${local()}r1 = r6\n${fp('r1', -24)}r2 = 8\nr3 = r6\ncall bpf_probe_read_kernel\n${OUT}`,
    { type: 2 },
  ),
  row(
    'dynptr overwritten by a helper of unknown size',
    `${value()}${local()}r7 = *(u64 *)(r6 + 0)\nr7 &= 7\n${fp('r1', -24)}r2 = r7\nr3 = r6\ncall bpf_probe_read_kernel\n${OUT}`,
    { type: 2 },
  ),
  row(
    'beside a dynptr written by a helper',
    `${value()}${local()}${fp('r1', -32)}r2 = 8\nr3 = r6\ncall bpf_probe_read_kernel\n${read()}${OUT}`,
    { type: 2 },
  ),
  row(
    'dynptr and beside it written by a helper',
    `${value()}${local()}${fp('r1', -32)}r2 = 16\nr3 = r6\ncall bpf_probe_read_kernel\n${OUT}`,
    { type: 2 },
  ),
  row('reserved dynptr overwritten', `${reserve()}*(u64 *)(r10 - 24) = 0\n${OUT}`),
  row('second half of a reserved dynptr overwritten', `${reserve()}*(u8 *)(r10 - 9) = 0\n${OUT}`),
  row(
    'reserved dynptr overwritten at a variable offset',
    `call bpf_get_prandom_u32\nr7 = r0\nr7 &= 15\n${reserve()}${fp('r8', -32)}r8 += r7\n*(u8 *)(r8 + 0) = 0\n${OUT}`,
  ),
  row('reserved dynptr overwritten after submit', `${reserve()}${submit()}*(u64 *)(r10 - 24) = 0\nr1 = *(u64 *)(r10 - 24)\n${OUT}`),
  row('reserved dynptr read after submit', `${reserve()}${submit()}r1 = *(u64 *)(r10 - 24)\n${OUT}`),
  row(
    'data after its dynptr is overwritten',
    `${value()}${local()}${data()}if r0 == 0 goto out\n*(u64 *)(r10 - 24) = 0\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row(
    'unchecked data after its dynptr is overwritten',
    `${value()}${local()}${data()}*(u64 *)(r10 - 24) = 0\nif r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row(
    'data of another dynptr after one is overwritten',
    `${value()}${local()}${local(-40)}${data(-40)}if r0 == 0 goto out\n*(u64 *)(r10 - 24) = 0\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row(
    'spilled data after its dynptr is overwritten',
    `${value()}${local()}${data()}if r0 == 0 goto out\n*(u64 *)(r10 - 32) = r0\n*(u64 *)(r10 - 24) = 0\nr1 = *(u64 *)(r10 - 32)\nr1 = *(u64 *)(r1 + 0)\n${OUT}`,
  ),
  row(
    'data after its dynptr is made again',
    `${value()}${local()}${data()}r7 = r0\nif r7 == 0 goto out\n${local()}r1 = *(u64 *)(r7 + 0)\n${OUT}`,
  ),
  row('dynptr of a subprogram used after it', `call sub\nr1 = r0\n${OUT}sub:\n${value('plain', 'none')}${local()}none:\nr0 = 0\nexit\n`),
  row(
    'dynptr used in a subprogram',
    `*(u64 *)(r10 - 48) = 0\n${value()}${local()}${fp('r1', -24)}call sub\n${OUT}sub:\nr3 = r1\n${fp('r1', -8)}r2 = 8\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\nr0 = 0\nexit\n`,
  ),
  row(
    'dynptr overwritten in a subprogram',
    `${value()}${local()}${fp('r1', -24)}call sub\n${read()}${OUT}sub:\n*(u64 *)(r1 + 0) = 0\nr0 = 0\nexit\n`,
  ),
  row('dynptr on one path', `${value()}r7 = *(u64 *)(r6 + 0)\nif r7 == 0 goto none\n${local()}none:\n${read()}${OUT}`),
  row(
    'dynptr on both paths',
    `${value()}r7 = *(u64 *)(r6 + 0)\nif r7 == 0 goto none\n${local()}goto both\nnone:\n${local(-24, 8)}both:\n${read()}${OUT}`,
  ),
  row(
    'dynptrs of two kinds on two paths',
    `${value()}r7 = *(u64 *)(r6 + 0)\nif r7 == 0 goto none\n${local()}goto both\nnone:\n${reserve()}both:\n${read()}${submit()}${OUT}`,
  ),
  row('dynptr in a loop', `${value()}r9 = 0\nagain:\n${local()}${read()}r9 += 1\nif r9 < 5 goto again\n${OUT}`),
  row('reserved in a loop', `r9 = 0\nagain:\n${reserve()}${submit()}r9 += 1\nif r9 < 5 goto again\n${OUT}`),
];

const USED: readonly Case[] = [
  row('read', value() + local() + read() + OUT),
  row('read of nothing', `*(u64 *)(r10 - 24) = 0\n*(u64 *)(r10 - 16) = 0\n${read()}${OUT}`),
  row('read of uninitialised stack', read() + OUT),
  row('read of the second half', value() + local() + read(-16) + OUT),
  row('read misaligned', value() + local() + read(-20) + OUT),
  row('read at fp', value() + local() + read(-8) + OUT),
  row('read through a map value', `${value()}${fp('r1', -48)}r2 = 8\nr3 = r6\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\n${OUT}`),
  row('read through NULL', `${fp('r1', -48)}r2 = 8\nr3 = 0\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\n${OUT}`),
  row('read through a number', `${fp('r1', -48)}r2 = 8\nr3 = 7\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\n${OUT}`),
  row('read into the dynptr', value() + local() + read(-24, { to: -24 }) + OUT),
  row('read over the dynptr', value() + local() + read(-24, { to: -32, size: '16' }) + OUT),
  row('read into another dynptr', value() + local() + local(-40) + read(-24, { to: -40 }) + OUT),
  row('read of no bytes', value() + local() + read(-24, { size: '0' }) + OUT),
  row(
    'read of an unknown size',
    `${value()}r7 = *(u64 *)(r6 + 0)\nr7 &= 7\n*(u64 *)(r10 - 48) = 0\n${local()}${read(-24, { size: 'r7' })}${OUT}`,
  ),
  row('read of an unbounded size', `${value()}r7 = *(u64 *)(r6 + 0)\n${local()}${read(-24, { size: 'r7' })}${OUT}`),
  row('read initialises', `${value() + local() + read()}r1 = *(u64 *)(r10 - 48)\n${OUT}`),
  row('read into a value', `${value()}${local()}r1 = r6\nr2 = 8\n${fp('r3', -24)}r4 = 0\nr5 = 0\ncall bpf_dynptr_read\n${OUT}`),
  row('read of a reserved one', reserve() + read() + submit() + OUT),
  row('read after submit', reserve() + submit() + read() + OUT),
  row('write', `${value() + local()}*(u64 *)(r10 - 48) = 1\n${write()}${OUT}`),
  row('write of uninitialised bytes', value() + local() + write() + OUT),
  row('write of the dynptr', value() + local() + write(-24, { from: -24 }) + OUT),
  row('write of nothing', `*(u64 *)(r10 - 48) = 1\n${write()}${OUT}`),
  row('write of no bytes', value() + local() + write(-24, { size: '0' }) + OUT),
  row('write to a reserved one', `*(u64 *)(r10 - 48) = 1\n${reserve()}${write()}${submit()}${OUT}`),
  row('write from a value', `${value()}${local()}${fp('r1', -24)}r2 = 0\nr3 = r6\nr4 = 16\nr5 = 0\ncall bpf_dynptr_write\n${OUT}`),
  row(
    'write from its own data',
    `${value()}${local()}${data()}if r0 == 0 goto out\nr3 = r0\n${fp('r1', -24)}r2 = 0\nr4 = 8\nr5 = 0\ncall bpf_dynptr_write\n${OUT}`,
  ),
  row('data', `${value()}${local()}${data()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n*(u64 *)(r0 + 0) = 1\n${OUT}`),
  row('data unchecked', `${value()}${local()}${data()}r1 = *(u64 *)(r0 + 0)\n${OUT}`),
  row('data beyond', `${value()}${local()}${data()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 8)\n${OUT}`),
  row('data before', `${value()}${local()}${data()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 - 8)\n${OUT}`),
  row(
    'data at a bounded offset',
    `${value()}${local()}${data()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\nr1 &= 7\nr0 += r1\nr1 = *(u8 *)(r0 + 0)\n${OUT}`,
  ),
  row('data of an unknown size', `${value()}r7 = *(u64 *)(r6 + 0)\nr7 &= 7\n${local()}${data(-24, 'r7')}${OUT}`),
  row('data of no bytes', `${value()}${local()}${data(-24, '0')}if r0 == 0 goto out\nr1 = *(u8 *)(r0 + 0)\n${OUT}`),
  row('data of nothing', data() + OUT),
  row('data of the second half', value() + local() + data(-16) + OUT),
  row(
    'data of two dynptrs',
    `${value()}${local()}${local(-40)}${data()}r7 = r0\n${data(-40)}if r7 == 0 goto out\nif r0 == 0 goto out\nr1 = *(u64 *)(r7 + 0)\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row('data as helper memory', `${value()}${local()}${data()}if r0 == 0 goto out\nr1 = r0\nr2 = 8\nr3 = 0\ncall bpf_trace_printk\n${OUT}`),
  row(
    'data as helper memory beyond',
    `${value()}${local()}${data()}if r0 == 0 goto out\nr1 = r0\nr2 = 9\nr3 = 0\ncall bpf_trace_printk\n${OUT}`,
  ),
];

const CLONES: readonly Case[] = [
  row('clone', value() + local() + clone() + read(-40) + OUT),
  row('clone of nothing', clone() + OUT),
  row('clone of the second half', value() + local() + clone(-16) + OUT),
  row('clone into itself', value() + local() + clone(-24, -24) + read() + OUT),
  row('clone into half of itself', value() + local() + clone(-24, -32) + read(-32) + OUT),
  row('clone misaligned', value() + local() + clone(-24, -44) + OUT),
  row('clone into a map value', `${value()}${local()}${fp('r1', -24)}r2 = r6\ncall kfunc bpf_dynptr_clone\n${OUT}`),
  row('clone of a reserved one', reserve() + clone() + submit() + OUT),
  row('clone of a reserved one is submitted', reserve() + clone() + submit(-40) + OUT),
  row('clone and original are submitted', reserve() + clone() + submit(-40) + submit() + OUT),
  row('clone used after submit of the original', reserve() + clone() + submit() + read(-40, { to: -64 }) + OUT),
  row('original used after submit of the clone', reserve() + clone() + submit(-40) + read(-24, { to: -64 }) + OUT),
  row('clone of a reserved one overwritten', `${reserve()}${clone()}*(u64 *)(r10 - 40) = 0\n${submit()}${OUT}`),
  row('clone leaks', reserve() + clone() + OUT),
  row(
    'clone of another frame after submit of the original',
    `${reserve()}r1 = r10\nr1 += -24\ncall sub\n${OUT}sub:\nr6 = r1\nr1 = r6\n${fp('r2', -40)}call kfunc bpf_dynptr_clone\nr1 = r6\nr2 = 0\ncall bpf_ringbuf_submit_dynptr\n${read(-40, { to: -64 })}r0 = 0\nexit\n`,
  ),
  row(
    'original of another frame after submit of the clone',
    `${reserve()}r1 = r10\nr1 += -24\ncall sub\n${read(-24, { to: -64 })}${OUT}sub:\n${fp('r2', -40)}call kfunc bpf_dynptr_clone\n${submit(-40)}r0 = 0\nexit\n`,
  ),
  row(
    'original of another frame is submitted after its clone',
    `${reserve()}r1 = r10\nr1 += -24\ncall sub\n${submit()}${OUT}sub:\n${fp('r2', -40)}call kfunc bpf_dynptr_clone\n${submit(-40)}r0 = 0\nexit\n`,
  ),
  row(
    'original of another frame is overwritten after submit of the clone',
    `${reserve()}r1 = r10\nr1 += -24\ncall sub\n*(u64 *)(r10 - 24) = 0\n${OUT}sub:\n${fp('r2', -40)}call kfunc bpf_dynptr_clone\n${submit(-40)}r0 = 0\nexit\n`,
  ),
  row(
    'data of a clone after submit of the original',
    `${reserve()}${clone()}${data(-40)}r7 = r0\nif r7 == 0 goto none\n${submit()}r1 = *(u64 *)(r7 + 0)\ngoto out\nnone:\n${submit()}${OUT}`,
  ),
  row(
    'data of the original after its clone is overwritten',
    `${value()}${local()}${clone()}${data()}if r0 == 0 goto out\n*(u64 *)(r10 - 40) = 0\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row('adjust', `${value()}${local()}${fp('r1', -24)}r2 = 1\nr3 = 2\ncall kfunc bpf_dynptr_adjust\n${OUT}`),
  row('adjust of nothing', `${fp('r1', -24)}r2 = 1\nr3 = 2\ncall kfunc bpf_dynptr_adjust\n${OUT}`),
  ...['is_null', 'is_rdonly', 'size'].flatMap((name) => [
    row(name, value() + local() + kfunc(name) + OUT),
    row(`${name} of nothing`, kfunc(name) + OUT),
    row(`${name} of a reserved one`, reserve() + kfunc(name) + submit() + OUT),
  ]),
  row('slice', `${value()}${local()}${slice()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n${OUT}`),
  row('slice without buffer', `${value()}${local()}${slice(-24, { buffer: 0 })}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n${OUT}`),
  row('slice unchecked', `${value()}${local()}${slice()}r1 = *(u64 *)(r0 + 0)\n${OUT}`),
  row('slice beyond', `${value()}${local()}${slice()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 8)\n${OUT}`),
  row('slice is written', `${value()}${local()}${slice()}if r0 == 0 goto out\n*(u64 *)(r0 + 0) = 1\n${OUT}`),
  row(
    'slice of an unknown size',
    `${value()}r7 = *(u64 *)(r6 + 0)\nr7 &= 7\n*(u64 *)(r10 - 64) = 0\n${local()}${slice(-24, { size: 'r7' })}${OUT}`,
  ),
  row('slice with the dynptr as buffer', `${value()}${local()}${slice(-24, { buffer: -24 })}${OUT}`),
  row('slice_rdwr', `${value()}${local()}${slice(-24, { kind: 'slice_rdwr' })}if r0 == 0 goto out\n*(u64 *)(r0 + 0) = 1\n${OUT}`),
  row(
    'slice_rdwr after its dynptr is overwritten',
    `${value()}${local()}${slice(-24, { kind: 'slice_rdwr' })}if r0 == 0 goto out\n*(u64 *)(r10 - 24) = 0\n*(u64 *)(r0 + 0) = 1\n${OUT}`,
  ),
  row(
    'slice after its dynptr is overwritten',
    `${value()}${local()}${slice()}if r0 == 0 goto out\n*(u64 *)(r10 - 24) = 0\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row('slice_rdwr of socket filter', `${value()}${local()}${slice(-24, { kind: 'slice_rdwr' })}${OUT}`, { type: 1 }),
];

const PACKETS: readonly Case[] = [
  row('dynptr of a packet', `r9 = r1\n${packet('skb')}${read()}${OUT}`),
  row('dynptr of a packet, sliced', `r9 = r1\n${packet('skb')}${slice()}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n${OUT}`),
  row('dynptr of a packet, written', `r9 = r1\n*(u64 *)(r10 - 48) = 0\n${packet('skb')}${write()}${OUT}`),
  row(
    'slice of a packet after a write',
    `r9 = r1\n*(u64 *)(r10 - 48) = 0\n${packet('skb')}${slice()}if r0 == 0 goto out\nr7 = r0\n${write()}r1 = *(u64 *)(r7 + 0)\n${OUT}`,
  ),
  row(
    'packet pointer after a write to the dynptr',
    `r9 = r1\nr6 = *(u32 *)(r1 + 76)\nr7 = *(u32 *)(r1 + 80)\nr8 = r6\nr8 += 8\nif r8 > r7 goto out\n*(u64 *)(r10 - 48) = 0\n${packet('skb')}${write()}r1 = *(u64 *)(r6 + 0)\n${OUT}`,
  ),
  row(
    'slice of a packet after the packet was pulled',
    `r9 = r1\n${packet('skb')}${slice(-24, { kind: 'slice_rdwr' })}if r0 == 0 goto out\nr7 = r0\nr1 = r9\nr2 = 100\ncall bpf_skb_pull_data\n*(u64 *)(r7 + 0) = 1\n${OUT}`,
  ),
  row('data of a packet', `r9 = r1\n${packet('skb')}${data()}${OUT}`),
  row('submit of a packet', `r9 = r1\n${packet('skb')}${submit()}${OUT}`),
  row('dynptr of a packet, socket filter', `r9 = r1\n${packet('skb')}${read()}${OUT}`, { type: 1 }),
  row('dynptr of a packet, XDP', `r9 = r1\n${packet('xdp')}${read()}${OUT}`, { type: 6 }),
  row('dynptr of an skb in XDP', `r9 = r1\n${packet('skb')}${read()}${OUT}`, { type: 6 }),
  row('dynptr of an xdp buffer in TC', `r9 = r1\n${packet('xdp')}${read()}${OUT}`),
  row('dynptr of metadata', `r9 = r1\n${packet('skb_meta')}${read()}${OUT}`),
  row('dynptr of a packet from a map value', `${value()}r9 = r6\n${packet('skb')}${OUT}`),
  row('clone of a packet dynptr', `r9 = r1\n${packet('skb')}${clone()}${slice(-40)}if r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n${OUT}`),
];

const drain = (callback: string, { map = 'userring', ctx = '0', flags = '0' } = {}): string =>
  `r1 = map[fd:$${map}]\nr2 = &each\nr3 = ${ctx}\nr4 = ${flags}\ncall bpf_user_ringbuf_drain\nr0 = 0\nexit\neach:\n${callback}`;

const DRAINS: readonly Case[] = [
  row('drain', drain('r0 = 0\nexit')),
  row('drain of another map', drain('r0 = 0\nexit', { map: 'ring' })),
  row('drain with flags', drain('r0 = 0\nexit', { flags: '1' })),
  row('drain returns 2', drain('r0 = 2\nexit')),
  row('drain returns a pointer', drain('r0 = r1\nexit')),
  row('drain reads', drain(`r3 = r1\n${fp('r1', -8)}r2 = 8\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\nr0 = 0\nexit`)),
  row('drain takes data', drain('r2 = 0\nr3 = 8\ncall bpf_dynptr_data\nif r0 == 0 goto none\nr1 = *(u64 *)(r0 + 0)\nnone:\nr0 = 0\nexit')),
  row('drain takes data unchecked', drain('r2 = 0\nr3 = 8\ncall bpf_dynptr_data\nr1 = *(u64 *)(r0 + 0)\nr0 = 0\nexit')),
  row('drain writes', drain(`*(u64 *)(r10 - 8) = 0\nr2 = 0\n${fp('r3', -8)}r4 = 8\nr5 = 0\ncall bpf_dynptr_write\nr0 = 0\nexit`)),
  row('drain loads the dynptr', drain('r1 = *(u64 *)(r1 + 0)\nr0 = 0\nexit')),
  row('drain stores to the dynptr', drain('*(u64 *)(r1 + 0) = 0\nr0 = 0\nexit')),
  row('drain submits', drain('r2 = 0\ncall bpf_ringbuf_submit_dynptr\nr0 = 0\nexit')),
  row('drain discards', drain('r2 = 0\ncall bpf_ringbuf_discard_dynptr\nr0 = 0\nexit')),
  row('drain makes the dynptr anew', drain(`r4 = r1\nr1 = map[fd:$bss][0]+16\nr2 = 8\nr3 = 0\ncall bpf_dynptr_from_mem\nr0 = 0\nexit`)),
  row('drain moves the dynptr', drain(`r1 += 8\nr3 = r1\n${fp('r1', -8)}r2 = 8\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\nr0 = 0\nexit`)),
  row('drain moves the dynptr back', drain(`r1 += -8\nr3 = r1\n${fp('r1', -8)}r2 = 8\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\nr0 = 0\nexit`)),
  row(
    'drain spills the dynptr',
    drain(`*(u64 *)(r10 - 16) = r1\nr3 = *(u64 *)(r10 - 16)\n${fp('r1', -8)}r2 = 8\nr4 = 0\nr5 = 0\ncall bpf_dynptr_read\nr0 = 0\nexit`),
  ),
  row('drain compares the dynptr', drain('if r1 == 0 goto none\nr0 = 0\nexit\nnone:\nr0 = *(u64 *)(r1 + 0)\nexit')),
  row('drain clones the dynptr', drain(`${fp('r2', -24)}call kfunc bpf_dynptr_clone\nr0 = 0\nexit`)),
  row('drain adjusts the dynptr', drain('r2 = 1\nr3 = 2\ncall kfunc bpf_dynptr_adjust\nr0 = 0\nexit')),
  row('drain asks for the size', drain('call kfunc bpf_dynptr_size\nr0 = 0\nexit')),
  row('drain leaks a reference', drain(`${reserve()}r0 = 0\nexit`)),
  row(
    'drain uses its context',
    `*(u64 *)(r10 - 8) = 5\n${fp('r3', -8)}r1 = map[fd:$userring]\nr2 = &each\nr4 = 0\ncall bpf_user_ringbuf_drain\nr0 = 0\nexit\neach:\nr1 = *(u64 *)(r2 + 0)\nr0 = 0\nexit\n`,
  ),
  row('drain uses a missing context', drain('r0 = *(u64 *)(r2 + 0)\nexit')),
  row('drain uses a third argument', drain('r0 = r3\nexit')),
  row('drain drains', drain('r1 = map[fd:$userring]\nr2 = &each\nr3 = 0\nr4 = 0\ncall bpf_user_ringbuf_drain\nr0 = 0\nexit')),
];

export const DYNPTR_CASES: readonly Case[] = [...MADE, ...RING, ...STACK, ...USED, ...CLONES, ...PACKETS, ...DRAINS];
