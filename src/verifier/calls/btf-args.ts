/** Pointers to kernel structures as arguments: of the right type and valid (check_reg_type, v6.18). */
import type { KernelType } from '../kernel-btf/lookup.ts';
import { structsMatch } from '../kernel-btf/match.ts';
import { typeText } from '../log/type-text.ts';
import { denied, Rejection } from '../rejection.ts';
import { FLAG, KIND, kindOf, mayBeNull, type Reg } from '../state/reg.ts';
import type { Verification } from '../verification.ts';

const BTF = KIND.BTF_ID;
/** Pointers that take any structure of the kernel (btf_ptr_types). */
const ACCEPTED = [BTF, BTF | FLAG.TRUSTED, BTF | FLAG.RCU];

/** What a BTF_ID argument takes. */
export interface BtfArg {
  readonly wanted: KernelType | undefined;
  readonly nullable: boolean;
  /** Only the very type, not one that begins with it. */
  readonly strict: boolean;
}

/** A register handed over as a pointer to a structure, of whatever kind it is. */
export function checkBtfArg(v: Verification, n: number, reg: Reg, arg: BtfArg): void {
  const type = arg.nullable ? reg.type & ~FLAG.MAYBE_NULL : reg.type;
  if (!ACCEPTED.includes(type)) throw denied(`R${n} type=${typeText(reg.type)} expected=${ACCEPTED.map(typeText).join(', ')}`, n);
  checkBtfType(v, n, reg, arg);
}

/** A BTF_ID register of an accepted kind: its type is the wanted one. */
export function checkBtfType(v: Verification, n: number, reg: Reg, { wanted, nullable, strict }: BtfArg): void {
  if (kindOf(reg.type) !== KIND.BTF_ID) return;
  if (mayBeNull(reg.type) && (!nullable || strict)) throw denied(`Possibly NULL pointer passed to helper arg${n}`, n);
  if (wanted === undefined) throw new Rejection('EFAULT', 'verifier bug: missing arg compatible BTF ID', [n]);
  const { btf } = reg;
  if (btf !== undefined && structsMatch(v, { btf, id: reg.target }, reg.off, wanted, strict ? 'strict' : 'walk')) return;
  const has = btf?.type(reg.target).name ?? '';
  throw denied(`R${n} is of type ${has} but ${wanted.btf.type(wanted.id).name} is expected`, n);
}
