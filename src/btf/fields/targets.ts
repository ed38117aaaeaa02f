/** Kernel structures that maps may hold a reference of: those that the kernel can let go of by itself (BPF dtor kfuncs, v6.18). */
import type { Btf } from '../btf.ts';

/** Structure and the function that releases it (register_btf_id_dtor_kfuncs). */
const RELEASED_BY: readonly (readonly [string, string])[] = [
  ['task_struct', 'bpf_task_release_dtor'],
  ['cgroup', 'bpf_cgroup_release_dtor'],
  ['bpf_cpumask', 'bpf_cpumask_release_dtor'],
  ['bpf_crypto_ctx', 'bpf_crypto_ctx_release_dtor'],
  ['prog_test_ref_kfunc', 'bpf_kfunc_call_test_release_dtor'],
  ['prog_test_member', 'bpf_kfunc_call_memb_release_dtor'],
];

const known = new WeakMap<Btf, ReadonlySet<string>>();

/** Names of those that this kernel has. */
export function declaredTargets(kernel: Btf): ReadonlySet<string> {
  const cached = known.get(kernel);
  if (cached !== undefined) return cached;
  const names = new Set(RELEASED_BY.filter(([, dtor]) => kernel.find(dtor, 'func') !== undefined).map(([name]) => name));
  known.set(kernel, names);
  return names;
}
