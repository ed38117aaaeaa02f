/** Pointers in map values: what a program may load and store there itself (check_map_kptr_access, map_kptr_match_type, v6.18). */
import { FIELD_SHAPES, GRAPH_NODES, hasField, ownFields, type SpecialField, type TypeRef } from '../../btf/index.ts';
import { checkUnmodified } from '../access/context.ts';
import type { Access } from '../access/memory.ts';
import { isKernelBtf } from '../kernel-btf/access.ts';
import { structsMatch } from '../kernel-btf/match.ts';
import { typeText } from '../log/type-text.ts';
import { inRcuSection } from '../objects/held.ts';
import { denied, Rejection } from '../rejection.ts';
import { FLAG, isNullScalar, KIND, kindOf, type Reg, setBtfPointer, setPointer } from '../state/reg.ts';
import type { Verification } from '../verification.ts';

/** Kernel structures that stay valid within an RCU section when their reference is gone (rcu_protected_types). */
const RCU_PROTECTED = ['prog_test_ref_kfunc', 'cgroup', 'bpf_cpumask', 'task_struct', 'bpf_crypto_ctx'];

/** The special fields of what a pointer field points to, if that is one of the program's types. */
export function targetFields(v: Verification, target: TypeRef): readonly SpecialField[] | undefined {
  return isKernelBtf(v, target.btf) ? undefined : ownFields(target.btf, target.id, v.environment.kernelBtf);
}

/** Flags of a pointer loaded from a field (btf_ld_kptr_type). */
function loadedFlags(v: Verification, field: SpecialField, target: TypeRef): number {
  const kernel = isKernelBtf(v, target.btf);
  const safe =
    field.kind === 'percpu_kptr' || (field.kind === 'kptr' && (!kernel || RCU_PROTECTED.includes(target.btf.type(target.id).name)));
  if (!safe || !inRcuSection(v)) return FLAG.MAYBE_NULL | FLAG.UNTRUSTED;
  let flags = FLAG.MAYBE_NULL | FLAG.RCU;
  if (field.kind === 'percpu_kptr') flags |= FLAG.PERCPU;
  else if (!kernel) flags |= FLAG.ALLOC;
  if (hasField(targetFields(v, target), ...GRAPH_NODES)) flags |= FLAG.NON_OWN_REF;
  return flags;
}

/** A load or store of 8 bytes exactly at a pointer field. */
export function accessKptr(v: Verification, access: Access, field: SpecialField): void {
  const { code, imm } = v.slot(v.insn);
  const { target } = field;
  if (target === undefined) throw new Rejection('EFAULT', `verifier bug: ${FIELD_SHAPES[field.kind].name} without a type`);
  if ((code & 0xe0) !== 0x60) throw denied('kptr in map can only be accessed using BPF_MEM instruction mode', access.at);
  const loads = (code & 7) === 1;
  if (!loads && (field.kind === 'kptr' || field.kind === 'percpu_kptr')) throw denied('store to referenced kptr disallowed', access.at);
  if (!loads && field.kind === 'uptr') throw denied('store to uptr disallowed', access.at);
  if (loads) {
    load(v, v.reg(access.value), field, target);
  } else if ((code & 7) === 3) {
    const stored = v.reg(access.value);
    if (!isNullScalar(stored)) checkKptrType(v, field, stored, access.value, 'EACCES');
  } else if (imm !== 0) {
    throw denied(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`, access.at);
  }
}

function load(v: Verification, reg: Reg, field: SpecialField, target: TypeRef): void {
  if (field.kind === 'uptr') {
    setPointer(reg, KIND.MEM | FLAG.MAYBE_NULL);
    reg.memSize = target.btf.sizeOf(target.id);
  } else {
    setBtfPointer(reg, KIND.BTF_ID | loadedFlags(v, field, target), target.btf, target.id);
  }
  reg.id = v.newId();
}

/** The pointer in register `n` may be kept in the field. */
export function checkKptrType(v: Verification, field: SpecialField, reg: Reg, n: number, errno: 'EACCES' | 'EINVAL'): void {
  const { target } = field;
  if (target === undefined) throw new Rejection('EFAULT', 'verifier bug: kptr without a type');
  const untrusted = field.kind === 'kptr_untrusted';
  let name = '';
  const bad = (): Rejection => {
    const expected = `${typeText(KIND.BTF_ID)}${target.btf.type(target.id).name}`;
    const or = untrusted ? ` or ${typeText(KIND.BTF_ID | FLAG.UNTRUSTED)}${target.btf.type(target.id).name}` : '';
    return new Rejection(errno, `invalid kptr access, R${n} type=${typeText(reg.type)}${name} expected=${expected}${or}`, [n]);
  };
  let allowed: number = FLAG.MAYBE_NULL | FLAG.TRUSTED | FLAG.RCU | (untrusted ? FLAG.UNTRUSTED : 0);
  if (reg.btf !== undefined && !isKernelBtf(v, reg.btf)) {
    allowed = FLAG.MAYBE_NULL | FLAG.ALLOC | (field.kind === 'percpu_kptr' ? FLAG.PERCPU : 0);
  }
  if (kindOf(reg.type) !== KIND.BTF_ID || reg.btf === undefined || (reg.type & ~0xff & ~allowed) !== 0) throw bad();
  name = reg.btf.type(reg.target).name;
  checkUnmodified(reg, n, 'allowed');
  if (!structsMatch(v, { btf: reg.btf, id: reg.target }, reg.off, target, untrusted ? 'walk' : 'strict')) throw bad();
}
