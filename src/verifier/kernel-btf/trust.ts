/**
 * Which fields of trusted structures hand the trust on: the kernel says so by structures of its own BTF, named after the
 * structure that they speak of (BTF_TYPE_SAFE_RCU and friends, btf_nested_type_is_trusted, v6.18).
 */
import { inRcuSection } from '../objects/held.ts';
import { FLAG, mayBeNull, type Reg } from '../state/reg.ts';
import { trustingFlags } from '../state/trust.ts';
import type { Verification } from '../verification.ts';
import { isComposite, skipModifiers } from './walk.ts';

function isListed(reg: Reg, field: string, target: number, suffix: string): boolean {
  const { btf } = reg;
  if (btf === undefined) return false;
  const own = btf.type(reg.target);
  if (!isComposite(own)) return false;
  const id = btf.find(`${own.name}${suffix}`, own.kind);
  const safe = id === undefined ? undefined : btf.type(id);
  if (safe === undefined || !isComposite(safe)) return false;
  return safe.members.some((member) => {
    const type = btf.type(member.type);
    return type.kind === 'ptr' && member.name === field && skipModifiers(btf, type.type).id === target;
  });
}

/** Flags of a pointer that was read from field `field` (of type `target`) of a trusted structure. */
export function inherited(v: Verification, reg: Reg, field: string, target: number, flags: number): number {
  if (isListed(reg, field, target, '__safe_trusted')) return flags | FLAG.TRUSTED;
  if (isListed(reg, field, target, '__safe_trusted_or_null')) return flags | FLAG.TRUSTED | FLAG.MAYBE_NULL;
  if (!inRcuSection(v) || mayBeNull(reg.type)) return FLAG.UNTRUSTED;
  if (isListed(reg, field, target, '__safe_rcu')) return flags | FLAG.RCU;
  const orNull = isListed(reg, field, target, '__safe_rcu_or_null');
  if (orNull) return (flags & ~FLAG.UNTRUSTED) | FLAG.RCU | FLAG.MAYBE_NULL;
  if ((flags & FLAG.RCU) !== 0) return flags | FLAG.MAYBE_NULL;
  if ((flags & (FLAG.PERCPU | FLAG.USER)) !== 0) return flags;
  return forgetTrust(flags);
}

/** What a walk from a pointer of unknown standing leaves (clear_trusted_flags). */
export function forgetTrust(flags: number): number {
  return flags & ~(trustingFlags(flags) | FLAG.RCU);
}
