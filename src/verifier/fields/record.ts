/** The special fields of what a register points to: a map's value, or an object of the program's own (reg_btf_record, v6.18). */
import { ownFields, type SpecialField } from '../../btf/index.ts';
import { FLAG, KIND, kindOf, type Reg } from '../state/reg.ts';
import type { Verification } from '../verification.ts';

/** Whether the pointer is to an object that the program allocated (type_is_ptr_alloc_obj). */
export function isOwnObject(type: number): boolean {
  return kindOf(type) === KIND.BTF_ID && (type & FLAG.ALLOC) !== 0;
}

/** Fields of the value or object; none: undefined or empty. */
export function fieldsOf(v: Verification, reg: Reg): readonly SpecialField[] | undefined {
  if (reg.type === KIND.MAP_VALUE) return reg.map?.special;
  if (!isOwnObject(reg.type) || reg.btf === undefined) return undefined;
  return ownFields(reg.btf, reg.target, v.environment.kernelBtf);
}
