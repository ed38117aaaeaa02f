/** Licences that unlock helpers marked GPL-only. */

/** The strings that count as GPL-compatible, compared exactly (include/linux/license.h, same in 4.4 and 6.18). */
export const GPL_COMPATIBLE_LICENSES: readonly string[] = [
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
];

/** Bytes of a licence that the kernel reads; a longer one is cut and so matches nothing (kernel/bpf/syscall.c bpf_prog_load). */
const LICENSE_MAX = 127;

/** Whether a licence string unlocks GPL-only helpers. Text after a NUL does not count. */
export function isGplCompatible(license: string): boolean {
  const end = license.indexOf('\0');
  const text = end < 0 ? license : license.slice(0, end);
  return text.length <= LICENSE_MAX && GPL_COMPATIBLE_LICENSES.includes(text);
}
