/** Attach targets that are types of the kernel: `fentry/do_unlinkat` to the id of the function (libbpf.c find_kernel_btf_id, v6.18). */
import type { Btf, BtfKind } from '../btf/index.ts';
import type { Host } from '../host/index.ts';
import { ATTACH_TYPE, matchSection } from '../programs/index.ts';
import { loadRefusal } from './refusal.ts';

const TRACING = 26;
const EXT = 28;
const LSM = 29;

/** What an attach type's names are in BTF; plain functions for all others. */
const NAMES: Readonly<Record<number, { readonly prefix: string; readonly kind: BtfKind }>> = {
  [ATTACH_TYPE.TRACE_RAW_TP]: { prefix: 'btf_trace_', kind: 'typedef' },
  [ATTACH_TYPE.LSM_MAC]: { prefix: 'bpf_lsm_', kind: 'func' },
  [ATTACH_TYPE.LSM_CGROUP]: { prefix: 'bpf_lsm_', kind: 'func' },
  [ATTACH_TYPE.TRACE_ITER]: { prefix: 'bpf_iter_', kind: 'func' },
};

/** The program that is asked about. */
export interface Attaching {
  readonly name: string;
  /** Section name. */
  readonly section: string;
  /** enum bpf_prog_type and enum bpf_attach_type. */
  readonly type: number;
  readonly expectedAttachType: number;
}

/**
 * The attach_btf_id of a program that is attached by type; undefined for those that are not.
 * Throws SyscallError where the section names no target, or one that the kernel lacks.
 */
export function attachBtfId(host: Pick<Host, 'kernelBtf'>, program: Attaching): number | undefined {
  const { name, section, type } = program;
  const row = matchSection(section)?.row;
  if (row === undefined || ![TRACING, EXT, LSM].includes(row.progType)) return undefined;
  const slash = section.indexOf('/');
  if (slash < 0) {
    throw loadRefusal('EINVAL', `program ${name}: no BTF-based attach target is specified, use bpf_program__set_attach_target()`);
  }
  if (type === EXT) {
    throw loadRefusal(
      'EINVAL',
      `program ${name}: attach program FD is not set`,
      'it replaces a function of another program, which must be loaded',
    );
  }
  const target = section.slice(slash + 1);
  const id = find(host.kernelBtf?.(), target, program.expectedAttachType);
  if (id === undefined) throw loadRefusal('ESRCH', `program ${name}: failed to find kernel BTF type ID of '${target}'`);
  return id;
}

/** `module:function` names a module; nothing is known of modules here but what is built in. */
function find(btf: Btf | undefined, target: string, attachType: number): number | undefined {
  const colon = target.indexOf(':');
  if (colon >= 0 && target.slice(0, colon) !== 'vmlinux') return undefined;
  const { prefix, kind } = NAMES[attachType] ?? { prefix: '', kind: 'func' as const };
  return btf?.find(`${prefix}${target.slice(colon + 1)}`, kind);
}
