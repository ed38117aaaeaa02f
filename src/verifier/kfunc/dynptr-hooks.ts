/** Slices of dynptrs: what bpf_dynptr_slice and bpf_dynptr_slice_rdwr return (check_special_kfunc, v6.18). */
import { mayWritePackets } from '../access/packet-types.ts';
import { invalid } from '../rejection.ts';
import { FLAG, KIND, type Reg, setPointer } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import type { KfuncFacts, KfuncHook } from './facts.ts';

function slice(v: Verification, reg: Reg, facts: KfuncFacts, readOnly: boolean): void {
  if (!readOnly && !mayWritePackets(v)) throw invalid('the prog does not allow writes to packet data');
  setPointer(reg, KIND.MEM | (readOnly ? FLAG.RDONLY : 0));
  reg.memSize = Number(BigInt.asUintN(32, facts.constant ?? 0n));
  reg.dynptrType = facts.dynptr?.type ?? 0;
  reg.dynptrId = facts.dynptr?.id ?? 0;
}

/** Hooks by kfunc. */
export const DYNPTR_KFUNCS: Readonly<Record<string, KfuncHook>> = {
  bpf_dynptr_slice: { result: (v, reg, facts) => slice(v, reg, facts, true) },
  bpf_dynptr_slice_rdwr: { result: (v, reg, facts) => slice(v, reg, facts, false) },
};
