/** Loads and stores through pointers that BTF types (check_ptr_to_btf_access, check_ptr_to_map_access, v6.18). */
import { type Btf, FIELD_SHAPES } from '../../btf/index.ts';
import type { Direction } from '../access/region.ts';
import { fieldsOf, isOwnObject } from '../fields/record.ts';
import { bitsText } from '../log/bits-text.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { FLAG, KIND, mayBeNull, type Reg, setBtfPointer, setPointer } from '../state/reg.ts';
import { isRcu, isTrusted } from '../state/trust.ts';
import { tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { kernelStruct } from './lookup.ts';
import { MAP_STRUCTS } from './map-structs.ts';
import { checkStructWrite } from './struct-write.ts';
import { forgetTrust, inherited } from './trust.ts';
import { type Found, findAt } from './walk.ts';

/** An access of any size: helpers read whole structures. */
export interface BtfAccess {
  /** Register with the pointer. */
  readonly at: number;
  readonly size: number;
  readonly direction: Direction;
  /** Register that is loaded; -1 for none. */
  readonly value: number;
}

/** Whether types of this BTF are the kernel's or a module's own, not a program's or map's. */
export function isKernelBtf(v: Verification, btf: Btf | undefined): boolean {
  return btf !== undefined && (btf === v.environment.kernelBtf || btf.base !== undefined);
}

/** An access through register `access.at`, a BTF_ID pointer that is not NULL. `off` includes the pointer's own offset. */
export function checkBtfAccess(v: Verification, access: BtfAccess, reg: Reg, off: number): void {
  const { at: n, size, direction } = access;
  const { btf } = reg;
  if (btf === undefined) throw new Rejection('EFAULT', 'verifier bug: a BTF pointer without BTF');
  const { name } = btf.type(reg.target);
  if (!v.leaks) throw new Rejection('EPERM', `'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`, [n]);
  const ofKernel = isKernelBtf(v, btf);
  if (!v.program.gplCompatible && ofKernel) throw invalid(`Cannot access kernel 'struct ${name}' from non-GPL compatible program`, n);
  if (off < 0) throw denied(`R${n} is ptr_${name} invalid negative access: off=${off}`, n);
  if (!tnumIsConst(reg) || (reg.vL | reg.vH) !== 0) {
    throw denied(`R${n} is ptr_${name} invalid variable offset: off=${off}, var_off=${bitsText(reg)}`, n);
  }
  if ((reg.type & FLAG.USER) !== 0) throw denied(`R${n} is ptr_${name} access user memory: off=${off}`, n);
  if ((reg.type & FLAG.PERCPU) !== 0) throw denied(`R${n} is ptr_${name} access percpu memory: off=${off}`, n);

  const allocated = (reg.type & FLAG.ALLOC) !== 0;
  if (direction === 'write' && !allocated && checkStructWrite(v, reg, off, size)) return;
  const writable = isOwnObject(reg.type) && (reg.type & FLAG.UNTRUSTED) === 0;
  if (direction === 'write' && !writable) throw denied('only read is supported', n);
  if (allocated && (reg.type & (FLAG.RCU | FLAG.NON_OWN_REF)) === 0 && reg.refId === 0) {
    throw new Rejection('EFAULT', 'verifier bug: ref_obj_id for allocated object must be non-zero', [n]);
  }
  if (allocated) refuseFields(v, n, reg, off, size);
  load(v, access, reg, findAt(btf, reg.target, off, size));
}

/** Locks, nodes and the like of the program's own objects are not for loads and stores. */
function refuseFields(v: Verification, n: number, reg: Reg, off: number, size: number): void {
  for (const field of fieldsOf(v, reg) ?? []) {
    if (off < field.offset + field.size && field.offset < off + size) {
      throw denied(`direct access to ${FIELD_SHAPES[field.kind].name} is disallowed`, n);
    }
  }
}

/** An access through a map pointer: what the kernel's own structure of the map type has (check_ptr_to_map_access). */
export function checkMapPointerAccess(v: Verification, access: BtfAccess, reg: Reg, off: number): void {
  const { at: n, size, direction } = access;
  if (v.environment.kernelBtf === undefined) {
    throw new Rejection('ENOTSUPP', 'map_ptr access not supported without CONFIG_DEBUG_INFO_BTF', [n]);
  }
  const name = MAP_STRUCTS[reg.map?.type ?? 0];
  const type = name === undefined ? undefined : kernelStruct(v, name);
  if (name === undefined || type === undefined) {
    throw new Rejection('ENOTSUPP', `map_ptr access not supported for map type ${reg.map?.type ?? 0}`, [n]);
  }
  if (!v.leaks) throw new Rejection('EPERM', `'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`, [n]);
  if (off < 0) throw denied(`R${n} is ${name} invalid negative access: off=${off}`, n);
  if (direction === 'write') throw denied(`only read from ${name} is supported`, n);
  const found = findAt(type.btf, type.id, off, size);
  if (found.kind === 'refused') throw new Rejection(found.errno, found.message, [n]);
  if (access.value < 0) return;
  give(v, access.value, found, type.btf, found.kind === 'pointer' ? found.flags : 0);
}

function load(v: Verification, access: BtfAccess, reg: Reg, found: Found): void {
  if (found.kind === 'refused') throw new Rejection(found.errno, found.message, [access.at]);
  const { btf } = reg;
  if (access.direction !== 'read' || access.value < 0 || btf === undefined) return;
  // What a program keeps in its own objects are numbers, whatever their types say.
  if (found.kind !== 'pointer' || (reg.type & FLAG.ALLOC) !== 0) {
    give(v, access.value, found.kind === 'pointer' ? { kind: 'scalar' } : found, btf, 0);
    return;
  }
  let { flags } = found;
  if ((reg.type & FLAG.UNTRUSTED) !== 0) flags = FLAG.UNTRUSTED;
  else if (isTrusted(reg) || isRcu(reg)) flags = inherited(v, reg, found.field, found.target, flags);
  else flags = forgetTrust(flags);
  give(v, access.value, found, btf, flags);
}

/** The loaded register (mark_btf_ld_reg). */
function give(v: Verification, to: number, found: Found, btf: Btf, flags: number): void {
  const reg = v.reg(to);
  if (found.kind === 'pointer') {
    setBtfPointer(reg, KIND.BTF_ID | flags, btf, found.target);
    if (mayBeNull(flags)) reg.id = v.newId();
  } else if (found.kind === 'memory') {
    setPointer(reg, KIND.MEM | FLAG.RDONLY | FLAG.UNTRUSTED);
  } else {
    v.markUnknown(to);
  }
}
