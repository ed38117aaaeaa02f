/** bpf_kptr_xchg: a reference goes into a field, what was there comes out (process_kptr_func and check_helper_call, v6.18). */
import { fieldAt, hasField, KPTRS, type SpecialField } from '../../btf/index.ts';
import { isKernelBtf } from '../kernel-btf/access.ts';
import { dropHeld, inRcuSection } from '../objects/held.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { FLAG, KIND, type Reg, setBtfPointer } from '../state/reg.ts';
import { changeRegs } from '../state/state.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { fieldsOf, isOwnObject } from './record.ts';

/** The field that register `n` points at. */
export function exchangedField(v: Verification, n: number, reg: Reg): SpecialField {
  if (!isOwnObject(reg.type) && reg.map?.hasBtf !== true) {
    throw invalid(`map '${reg.map?.name}' has to have BTF in order to use bpf_kptr_xchg`, n);
  }
  const fields = fieldsOf(v, reg);
  if (!tnumIsConst(reg)) throw invalid(`R${n} doesn't have constant offset. kptr has to be at the constant offset`, n);
  if (!hasField(fields, ...KPTRS)) throw invalid(`R${n} has no valid kptr`, n);
  const off = reg.off + knownNumber(reg);
  const field = fieldAt(fields, off, KPTRS);
  if (field === undefined) throw denied(`off=${off} doesn't point to kptr`, n);
  if (field.kind === 'kptr_untrusted') throw denied(`off=${off} kptr isn't referenced kptr`, n);
  return field;
}

/** The reference is the map's now. @returns whether it was held */
export function giveToField(v: Verification, ref: number): boolean {
  if (!dropHeld(v.state, ref)) return false;
  const protects = inRcuSection(v);
  const percpu = FLAG.ALLOC | FLAG.PERCPU;
  changeRegs(
    v.state,
    (reg) => reg.refId === ref,
    (reg) => {
      if (!protects || (reg.type & percpu) !== percpu) {
        v.forget(reg);
        return;
      }
      reg.refId = 0;
      reg.type = (reg.type & ~FLAG.ALLOC) | FLAG.RCU;
    },
  );
  return true;
}

/** What comes out: a pointer of the field's type, or NULL. */
export function setExchanged(v: Verification, reg: Reg, field: SpecialField): void {
  const { target } = field;
  if (target === undefined) throw new Rejection('EFAULT', 'verifier bug: kptr without a type');
  let type: number = KIND.BTF_ID | FLAG.MAYBE_NULL;
  if (!isKernelBtf(v, target.btf)) type |= FLAG.ALLOC | (field.kind === 'percpu_kptr' ? FLAG.PERCPU : 0);
  setBtfPointer(reg, type, target.btf, target.id);
}
