/** Refusals of the loader itself, with the errno that libbpf's bpf_object__load gives (tools/lib/bpf/libbpf.c, v6.18). */
import { type ErrnoName, SyscallError } from '../base/index.ts';

/** Throw it: the object or program cannot be loaded, whatever the kernel would say. */
export function loadRefusal(errno: ErrnoName, message: string, hint?: string): SyscallError {
  return new SyscallError('bpf_object__load', errno, message, { hint });
}
