/** Whether a format suits a number of values: what is known of it before there are any. */
import { formatBpf } from './format.ts';

/**
 * Checks a format as bpf_snprintf's is when the program is loaded (kernel/bpf/helpers.c bpf_bprintf_prepare without values, v6.18).
 * @param fmt bytes without NUL
 * @returns false for a format that the kernel refuses for `count` values
 */
export function formatFits(fmt: Uint8Array, count: number): boolean {
  const nothing = new Uint8Array(16);
  const mem = { u8: nothing, copyOut: () => nothing };
  const env = { mem, scratch: 0, readAny: () => 0, readStr: () => 1 };
  return typeof formatBpf(env, fmt, Array<bigint>(Math.min(count, fmt.length)).fill(0n), 1) !== 'number';
}
