/** Helper implementations that the two-host suite (tests/helpers.test.ts) cannot reach: rows on made-up calls. */
import { describe, expect, it } from 'vitest';
import { put, TEST_DATA, testCall, testMemory } from '../../tests/support/helper-call.ts';
import { ERRNO } from '../base/index.ts';
import { MAP, type MapKernel } from '../maps/types.ts';
import { CPU, cpuRecord, toPointer } from '../mem/index.ts';
import { HELPER_IMPLS, type HelperCall, type HelperImpl, type HelperName, helperRefusal } from './index.ts';

function impl(name: HelperName): HelperImpl {
  const found = HELPER_IMPLS[name];
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

const bytes = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const text = (b: Uint8Array): string => String.fromCharCode(...b);

describe('task', () => {
  it.each<[HelperName, bigint]>([
    ['get_current_pid_tgid', (100n << 32n) | 101n],
    ['get_current_uid_gid', (1001n << 32n) | 1000n],
    ['get_attach_cookie', 77n],
    ['get_func_ip', 0xffff_ffff_8100_0000n],
    ['ktime_get_ns', 4_000_000_000n],
    ['ktime_get_boot_ns', 5_000_000_000n],
    ['jiffies64', 0xffff_ffffn + 1n - 75_000n + 1000n],
    ['get_smp_processor_id', 1n],
  ])('%s', (name, expected) => expect(BigInt(impl(name)(testCall([])))).toBe(expected));

  it.each([
    [1, '\0'],
    [3, 'ma\0'],
    [4, 'mak\0'],
    [5, 'make\0'],
    [20, `make${'\0'.repeat(16)}`],
  ])('comm in %i bytes', (size, expected) => {
    const call = testCall([TEST_DATA, size]);
    call.mem.u8.fill(65, TEST_DATA, TEST_DATA + 32);
    expect(impl('get_current_comm')(call)).toBe(0);
    expect(text(call.mem.copyOut(TEST_DATA, size + 1))).toBe(`${expected}A`);
  });
});

describe('user strings', () => {
  it('are zeroed up to the end of their last word', () => {
    const mem = testMemory();
    mem.u8.fill(65, TEST_DATA, TEST_DATA + 32);
    const user = new Map([[0x5000n, bytes('hello world\0')]]);
    expect(impl('probe_read_user_str')(testCall([TEST_DATA, 20, 0x5000n], { mem, user }))).toBe(12);
    expect(text(mem.copyOut(TEST_DATA, 20))).toBe('hello world\0\0\0\0\0AAAA');
  });
});

describe('trace_printk', () => {
  it.each<[fmt: string, size: number, args: readonly bigint[], ret: number, printed: readonly string[]]>([
    ['hello\n\0', 7, [], 6, ['hello\n']],
    ['hello', 5, [], -ERRNO.EINVAL, []],
    ['abc\0def\0', 8, [], 3, ['abc']],
    ['%d%%\0', 5, [5n], 2, ['5%']],
    ['%d %d %d %d\0', 12, [1n, 2n, 3n], -ERRNO.EINVAL, []],
    ['a%cb\0', 5, [0n], 3, ['a']],
    ['\0', 1, [], 0, ['']],
  ])('%j', (fmt, size, args, ret, printed) => {
    const mem = testMemory();
    const call = testCall([put(mem, 0, bytes(fmt)), size, ...args], { mem });
    expect(impl('trace_printk')(call)).toBe(ret);
    expect(call.printed).toEqual(printed);
  });

  it.each<[size: number, data: bigint, ret: number]>([
    [16, toPointer(TEST_DATA + 64), 3],
    [0, 0n, -ERRNO.EINVAL],
    [12, toPointer(TEST_DATA + 64), -ERRNO.EINVAL],
    [104, toPointer(TEST_DATA + 64), -ERRNO.EINVAL],
    [16, 0n, -ERRNO.EINVAL],
  ])('trace_vprintk with %i bytes at %s', (size, data, ret) => {
    const mem = testMemory();
    const fmt = put(mem, 0, '%d %d');
    put(mem, 64, Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0));
    expect(impl('trace_vprintk')(testCall([fmt, 6, data, size], { mem }))).toBe(ret);
  });
});

describe('snprintf', () => {
  it.each([
    [20, 'a=42', 5],
    [5, 'a=42', 5],
    [3, 'a=', 5],
    [1, '', 5],
  ])('into %i bytes', (size, expected, ret) => {
    const mem = testMemory();
    mem.u8.fill(65, TEST_DATA, TEST_DATA + 32);
    const fmt = put(mem, 64, 'a=%d');
    const args = put(mem, 96, Uint8Array.of(42, 0, 0, 0, 0, 0, 0, 0));
    expect(impl('snprintf')(testCall([TEST_DATA, size, fmt, toPointer(args), 8], { mem }))).toBe(ret);
    expect(text(mem.copyOut(TEST_DATA, expected.length + 2))).toBe(`${expected}\0A`);
  });

  it('only counts without a buffer', () => {
    const mem = testMemory();
    expect(impl('snprintf')(testCall([0, 0, put(mem, 0, 'abc'), 0, 0], { mem }))).toBe(4);
    expect(mem.u8[0]).toBe(0);
  });
});

describe('strncmp', () => {
  it.each([
    ['abc', 'abc', 3, 0],
    ['abcX', 'abcY', 3, 0],
    ['abc', 'abd', 3, -1],
    ['abd', 'abc', 3, 1],
    ['ab\0x', 'ab\0y', 4, 0],
    ['\xff', 'a', 1, 1],
    ['a', '', 1, 1],
  ])('%j %j', (a, b, size, expected) => {
    const mem = testMemory();
    expect(impl('strncmp')(testCall([put(mem, 0, a), size, put(mem, 32, b)], { mem }))).toBe(expected);
  });
});

describe('loop', () => {
  it.each<[rounds: number, flags: bigint, stopAt: bigint, ret: number]>([
    [0, 0n, -1n, 0],
    [5, 0n, -1n, 5],
    [5, 0n, 2n, 3],
    [5, 1n, -1n, -ERRNO.EINVAL],
    [8 * 1024 * 1024 + 1, 0n, 0n, 0xffff_fff9],
  ])('%i rounds', (rounds, flags, stopAt, ret) => {
    const seen: (readonly bigint[])[] = [];
    const callback: HelperCall['callback'] = (func, args) => {
      seen.push([func, ...args]);
      return args[0] === stopAt ? 1n : 0n;
    };
    expect(impl('loop')(testCall([rounds, 33n, 44n, flags], { more: { callback } }))).toBe(ret);
    const called = ret === 3 || ret === 5 ? ret : 0;
    expect(seen).toEqual(Array.from({ length: called }, (_, i) => [33n, BigInt(i), 44n]));
  });
});

describe('map_lookup_percpu_elem', () => {
  it.each([
    [0, 992],
    [1, 1000],
    [3, 1016],
    [4, 0],
    [0xffff_ffff, 0],
  ])('cpu %i', (cpu, expected) => {
    const mem = testMemory();
    mem.dv.setUint32(TEST_DATA + MAP.CPUS, 4, true);
    mem.dv.setUint32(TEST_DATA + MAP.CPU_STRIDE, 8, true);
    const mapKernel = (): MapKernel => ({ ...unused, lookup: () => 1000 });
    expect(impl('map_lookup_percpu_elem')(testCall([TEST_DATA, 0, cpu], { mem, more: { mapKernel } }))).toBe(expected);
  });
});

const no = (): never => {
  throw new Error('not expected');
};
const unused: MapKernel = {
  lookup: no,
  update: no,
  delete: no,
  sysLookup: no,
  sysUpdate: no,
  sysDelete: no,
  sysLookupAndDelete: no,
  getNextKey: no,
  sysValueSize: no,
  regions: no,
};

describe('perf events', () => {
  /** Slot 0: enabled on CPU 1. Slot 1: empty. Slot 2: on another CPU. Slot 3: a counter. */
  const perf: HelperCall['perf'] = {
    event: (_, index) => [10, 0, 12, 13][index] ?? 0,
    isBpfOutput: (event) => event !== 13,
    onCpu: (event) => (event === 12 ? 0 : 1),
    output: (_, __, size) => (size > 100 ? -ERRNO.ENOSPC : 0),
    read: (event) => (event === 12 ? -ERRNO.EINVAL : { counter: 5n, enabled: 6n, running: 7n }),
  };
  const call = (args: readonly (number | bigint)[]) => {
    const mem = testMemory();
    mem.dv.setUint32(TEST_DATA + MAP.MAX_ENTRIES, 4, true);
    return testCall(args, { mem, more: { perf } });
  };

  it.each<[flags: bigint, size: number, ret: number]>([
    [0n, 8, 0],
    [0n, 200, -ERRNO.ENOSPC],
    [1n, 8, -ERRNO.ENOENT],
    [0xffff_ffffn, 8, -ERRNO.ENOENT],
    [2n, 8, -ERRNO.EOPNOTSUPP],
    [3n, 8, -ERRNO.EINVAL],
    [4n, 8, -ERRNO.E2BIG],
    [1n << 32n, 8, -ERRNO.EINVAL],
  ])('output to %s', (flags, size, ret) => expect(impl('perf_event_output')(call([0, TEST_DATA, flags, 0, size]))).toBe(ret));

  it('is refused when nested too deep, and the depth is given back', () => {
    const c = call([0, TEST_DATA, 0n, 0, 8]);
    const depth = cpuRecord(c.mem, c.cpu) + CPU.PERF_NEST;
    c.mem.dv.setUint32(depth, 3, true);
    expect(impl('perf_event_output')(c)).toBe(-ERRNO.EBUSY);
    c.mem.dv.setUint32(depth, 2, true);
    expect(impl('perf_event_output')(c)).toBe(0);
    expect(c.mem.dv.getUint32(depth, true)).toBe(2);
  });

  it.each<[flags: bigint, ret: bigint]>([
    [0n, 5n],
    [1n, -2n],
    [2n, -22n],
    [4n, -7n],
  ])('read of %s', (flags, ret) => expect(BigInt(impl('perf_event_read')(call([TEST_DATA, flags])))).toBe(ret));

  it.each<[flags: bigint, size: number, ret: number, value: readonly bigint[]]>([
    [0n, 24, 0, [5n, 6n, 7n]],
    [1n, 24, -ERRNO.ENOENT, [0n, 0n, 0n]],
    [0n, 16, -ERRNO.EINVAL, [0n, 0n, 9n]],
  ])('read_value of %s into %i bytes', (flags, size, ret, value) => {
    const c = call([TEST_DATA, flags, TEST_DATA + 512, size]);
    for (const at of [0, 8, 16]) c.mem.dv.setBigUint64(TEST_DATA + 512 + at, 9n, true);
    expect(impl('perf_event_read_value')(c)).toBe(ret);
    expect([0, 8, 16].map((at) => c.mem.dv.getBigUint64(TEST_DATA + 512 + at, true))).toEqual(value);
  });
});

describe('helperRefusal', () => {
  it.each([
    [9, 'network packets'],
    [209, 'ring buffer'],
    [27, 'stacks'],
    [169, 'timers'],
  ])('of %i names %s', (id, words) => expect(helperRefusal(id)).toContain(words));
});
