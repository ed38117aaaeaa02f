/** The liberties that a loader's capabilities give its programs (include/linux/bpf.h bpf_allow_ptr_leaks and its kin, v6.18). */
import { CAPABILITIES, type Capability, isCapable } from '../base/index.ts';

/** Liberties, by the names of struct bpf_verifier_env. */
export interface Privileges {
  /** CAP_BPF: loops, calls, precise tracking. */
  readonly bpfCapable: boolean;
  /** CAP_PERFMON: the program may learn addresses. */
  readonly allowPtrLeaks: boolean;
  /** CAP_PERFMON: it may read stack that it never wrote. */
  readonly allowUninitStack: boolean;
  /** CAP_PERFMON: what a processor does on mispredicted paths is of no interest. */
  readonly bypassSpecV1: boolean;
  /** CAP_PERFMON: nor is what it loads before earlier stores are done. */
  readonly bypassSpecV4: boolean;
}

export function privilegesOf(capabilities: readonly Capability[] = CAPABILITIES): Privileges {
  const perfmon = isCapable(capabilities, 'CAP_PERFMON');
  return {
    bpfCapable: isCapable(capabilities, 'CAP_BPF'),
    allowPtrLeaks: perfmon,
    allowUninitStack: perfmon,
    bypassSpecV1: perfmon,
    bypassSpecV4: perfmon,
  };
}
