/** Objects of the program's own: made, counted and given back (check_special_kfunc, check_kfunc_args, v6.18). */
import { hasField, ownFields } from '../../btf/index.ts';
import { isPlainData } from '../kfunc/arg-kind.ts';
import type { ArgCheck, KfuncFacts, KfuncHook } from '../kfunc/facts.ts';
import { invalid, Rejection } from '../rejection.ts';
import { FLAG, type Reg, setBtfPointer } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { numberLock, OBJECT } from './graph.ts';
import { fieldsOf, isOwnObject } from './record.ts';

const DROP = 'bpf_obj_drop_impl';
const DROP_PERCPU = 'bpf_percpu_obj_drop_impl';
const MAX_ID = 0xffff_ffffn;
/** BPF_GLOBAL_PERCPU_MA_MAX_SIZE. */
const MAX_PERCPU_SIZE = 512;

/** An object that is given back. */
const useAllocated: ArgCheck = (_, n, reg, facts) => {
  const arg = `arg#${n - 1}`;
  const percpu = reg.type === (OBJECT | FLAG.PERCPU);
  if (reg.type !== OBJECT && !percpu) throw invalid(`${arg} expected pointer to allocated object`, n);
  const wanted = percpu ? DROP_PERCPU : DROP;
  if (facts.call.special !== wanted) throw invalid(`${arg} expected for ${wanted}()`, n);
  if (reg.refId === 0) throw invalid('allocated object must be referenced', n);
};

/** An object that is shared: it counts its owners. */
const useCounted: ArgCheck = (v, n, reg, facts) => {
  if (!isOwnObject(reg.type) || reg.btf === undefined) throw invalid(`arg#${n - 1} is neither owning or non-owning ref`, n);
  if ((reg.type & FLAG.NON_OWN_REF) === 0) facts.owned = true;
  const fields = fieldsOf(v, reg);
  if (fields === undefined) throw new Rejection('EFAULT', "verifier bug: Couldn't find btf_record", [n]);
  if (!hasField(fields, 'refcount')) throw invalid(`arg#${n - 1} doesn't point to a type with bpf_refcount field`, n);
  facts.object = { btf: reg.btf, target: reg.target };
};

export const OBJECT_ARGS = { alloc: useAllocated, refcounted: useCounted } as const;

function newObject(v: Verification, reg: Reg, { constant = 0n }: KfuncFacts, flags: number): void {
  if (BigInt.asUintN(64, constant) > MAX_ID) throw invalid('local type ID argument must be in range [0, U32_MAX]', 1);
  const { btf } = v.program;
  if (btf === undefined) throw invalid('bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
  const id = Number(constant);
  const type = id < btf.count ? btf.type(id) : undefined;
  if (type?.kind !== 'struct') throw invalid('bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct', 1);
  if (flags !== 0) {
    if (type.size > MAX_PERCPU_SIZE) throw invalid(`bpf_percpu_obj_new type size (${type.size}) is greater than ${MAX_PERCPU_SIZE}`, 1);
    if (!isPlainData(v, btf, type, 0)) throw invalid('bpf_percpu_obj_new type ID argument must be of a struct of scalars', 1);
    if (ownFields(btf, id, v.environment.kernelBtf) !== undefined) {
      throw invalid('bpf_percpu_obj_new type ID argument must not contain special fields', 1);
    }
  }
  setBtfPointer(reg, OBJECT | flags, btf, id);
}

/** Hooks by kfunc. */
export const OBJECT_KFUNCS: Readonly<Record<string, KfuncHook>> = {
  bpf_obj_new_impl: { result: (v, reg, facts) => newObject(v, reg, facts, 0) },
  bpf_percpu_obj_new_impl: { result: (v, reg, facts) => newObject(v, reg, facts, FLAG.PERCPU) },
  bpf_refcount_acquire_impl: {
    underLock: true,
    mayBeNull: ({ owned }) => !owned,
    result: (_, reg, { object }) => {
      if (object !== undefined) setBtfPointer(reg, OBJECT, object.btf, object.target);
    },
    after: numberLock,
  },
};
