/** Kernel variables and functions that ld_imm64 names by BTF id (check_pseudo_btf_id, v6.18). */
import type { Btf } from '../../btf/index.ts';
import { type Refusal, refuse } from '../refusal.ts';
import { FLAG, KIND } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { isComposite, resolveSize, skipModifiers } from './walk.ts';

/** What such an instruction loads. */
export interface SymbolUse {
  /** KIND with FLAGs. */
  readonly type: number;
  /** Bytes of memory. */
  readonly size: number;
  /** BTF_ID pointers: the variable's type. */
  readonly btf?: Btf;
  readonly target?: number;
}

const PERCPU_SECTION = '.data..percpu';

/** The symbol with BTF id `id`, in the kernel's BTF or that of the module behind `fd`. */
export function resolveSymbol(v: Verification, id: number, fd: number, insn: number): SymbolUse | Refusal {
  const btf = fd === 0 ? v.environment.kernelBtf : v.environment.moduleBtf?.(fd);
  if (btf === undefined) {
    const missing = 'kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.';
    return refuse('EINVAL', fd === 0 ? missing : 'invalid module BTF object FD specified.', insn);
  }
  if (id >>> 0 >= btf.count) return refuse('ENOENT', `ldimm64 insn specifies invalid btf_id ${id | 0}.`, insn);
  const type = btf.type(id >>> 0);
  if (type.kind !== 'var' && type.kind !== 'func') {
    return refuse('EINVAL', `pseudo btf_id ${id | 0} in ldimm64 isn't KIND_VAR or KIND_FUNC`, insn);
  }
  const { symbol } = v.environment;
  if (symbol !== undefined && symbol(type.name) === undefined) {
    return refuse('ENOENT', `ldimm64 failed to find the address for kernel symbol '${type.name}'.`, insn);
  }
  if (type.kind === 'func') return { type: KIND.MEM | FLAG.RDONLY, size: 0 };
  if (isPerCpu(btf, type.id)) return { type: KIND.BTF_ID | FLAG.PERCPU, size: 0, btf, target: type.type };
  const value = skipModifiers(btf, type.type);
  if (isComposite(value.type)) return { type: KIND.BTF_ID, size: 0, btf, target: type.type };
  const size = resolveSize(btf, value.id)?.size;
  if (size === undefined) return refuse('EINVAL', `ldimm64 unable to resolve the size of type '${value.type.name}': -22`, insn);
  return { type: KIND.MEM | FLAG.RDONLY, size };
}

function isPerCpu(btf: Btf, id: number): boolean {
  const section = btf.findAll(PERCPU_SECTION, 'datasec').find((found) => found >= btf.first);
  const type = section === undefined ? undefined : btf.type(section);
  return type?.kind === 'datasec' && type.vars.some((place) => place.type === id);
}
