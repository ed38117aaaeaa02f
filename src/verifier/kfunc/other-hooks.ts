/** Hooks of kfuncs that belong to no family: casts, traps, iterators of numbers under locks (check_kfunc_call, check_special_kfunc, v6.18). */
import { invalid, Rejection } from '../rejection.ts';
import { FLAG, KIND, setBtfPointer, setPointer } from '../state/reg.ts';
import type { KfuncHook } from './facts.ts';

const U64 = 8;

/** Hooks by kfunc. */
export const OTHER_KFUNCS: Readonly<Record<string, KfuncHook>> = {
  __bpf_trap: {
    before: () => {
      throw new Rejection('EFAULT', 'unexpected __bpf_trap() due to uninitialized variable?');
    },
  },
  bpf_iter_num_new: { underLock: true },
  bpf_iter_num_next: { underLock: true },
  bpf_iter_num_destroy: { underLock: true },
  bpf_cast_to_kern_ctx: {
    result: (_, reg, { object }) => {
      if (object !== undefined) setBtfPointer(reg, KIND.BTF_ID | FLAG.TRUSTED, object.btf, object.target);
    },
  },
  bpf_rdonly_cast: {
    result: (_, reg, { call, constant = 0n }) => {
      const id = Number(BigInt.asUintN(32, constant));
      if (id >= call.btf.count) throw invalid(`Unknown type ID ${BigInt.asIntN(64, constant)} passed to kfunc bpf_rdonly_cast`, 2);
      const { kind } = call.btf.type(id);
      if (kind === 'void') setPointer(reg, KIND.MEM | FLAG.RDONLY | FLAG.UNTRUSTED);
      else if (kind === 'struct' || kind === 'union') setBtfPointer(reg, KIND.BTF_ID | FLAG.UNTRUSTED, call.btf, id);
      else throw invalid('kfunc bpf_rdonly_cast type ID argument must be of a struct or void', 2);
    },
  },
  bpf_session_cookie: {
    callback: (_, facts) => {
      facts.resultSize = U64;
      facts.resultReadOnly = false;
    },
  },
  bpf_get_kmem_cache: {
    after: (_, reg) => {
      reg.type |= FLAG.UNTRUSTED;
    },
  },
};
