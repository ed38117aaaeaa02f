/** Programs that implement a function of an operations table of the kernel (check_struct_ops_btf_id, v6.18). */
import type { Btf, BtfFuncProto, BtfMember } from '../../btf/index.ts';
import { type Refusal, refuse } from '../refusal.ts';
import { FLAG, KIND } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import type { AttachTarget, CtxArg } from './target.ts';
import { isComposite, resolveSize, skipModifiers } from './walk.ts';

/** The structure that a table's map holds is what makes the table known to the kernel. */
const VALUE_PREFIX = 'bpf_struct_ops_';
/** Functions that the kernel calls from no program: members without a stub (cfi_stubs). */
const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  tcp_congestion_ops: ['get_info'],
  Qdisc_ops: ['change', 'attach', 'change_real_num_tx', 'dump', 'dump_stats', 'ingress_block_set', 'egress_block_set', 'ingress_block_get'],
};
/** Functions whose programs may sleep, in tables that say so (check_member). */
const SLEEPABLE: Readonly<Record<string, readonly string[]>> = { bpf_dummy_ops: ['test_sleepable'] };

/** The function that the program implements, or why it cannot. */
export function structOpsTarget(v: Verification): AttachTarget | Refusal {
  const { attach, gplCompatible, expectedAttachType: index = 0 } = v.program;
  if (!gplCompatible) return refuse('EINVAL', 'struct ops programs must have a GPL compatible license');
  if (attach === undefined) return refuse('ENOTSUPP', '');
  const { btf, typeId } = attach;
  const table = typeId > 0 && typeId < btf.count ? btf.type(typeId) : undefined;
  if (table?.kind !== 'struct' || btf.find(`${VALUE_PREFIX}${table.name}`, 'struct') === undefined) {
    return refuse('ENOTSUPP', `attach_btf_id ${typeId} is not a supported struct`);
  }
  const member = table.members[index];
  if (member === undefined) return refuse('EINVAL', `attach to invalid member idx ${index} of struct ${table.name}`);
  const proto = functionOf(btf, member);
  if (proto === undefined) return refuse('EINVAL', `attach to invalid member ${member.name}(@idx ${index}) of struct ${table.name}`);
  const unsupported = `attach to unsupported member ${member.name} of struct ${table.name}`;
  if (UNSUPPORTED[table.name]?.includes(member.name) === true) return refuse('ENOTSUPP', unsupported);
  if (v.sleepable && SLEEPABLE[table.name]?.includes(member.name) === false) return refuse('EINVAL', unsupported);
  const args = stubArgs(btf, table.name, member.name);
  if (args.some((arg) => arg.refcounted === true) && v.subprograms.some((s) => s.hasTailCall)) {
    return refuse('EINVAL', 'program with __ref argument cannot tail call');
  }
  return { name: member.name, btf, proto, skipped: 0, args, trusted: true, structOps: table.name };
}

function functionOf(btf: Btf, member: BtfMember): BtfFuncProto | undefined {
  const pointer = skipModifiers(btf, member.type).type;
  const target = pointer.kind === 'ptr' ? skipModifiers(btf, pointer.type).type : undefined;
  return target?.kind === 'func_proto' ? target : undefined;
}

/** Arguments that the stub of the function names `__nullable` or `__ref` (prepare_arg_info). */
function stubArgs(btf: Btf, table: string, member: string): CtxArg[] {
  const id = btf.find(`${table}__${member}`, 'func');
  const stub = id === undefined ? undefined : btf.type(id);
  const proto = stub?.kind === 'func' ? btf.type(stub.type) : undefined;
  if (proto?.kind !== 'func_proto') return [];
  const args: CtxArg[] = [];
  let offset = 0;
  for (const param of proto.params) {
    const orNull = param.name.endsWith('__nullable');
    const refcounted = param.name.endsWith('__ref');
    const pointer = skipModifiers(btf, param.type).type;
    if ((orNull || refcounted) && pointer.kind === 'ptr') {
      const target = skipModifiers(btf, pointer.type);
      const type = KIND.BTF_ID | FLAG.TRUSTED | (orNull ? FLAG.MAYBE_NULL : 0);
      if (isComposite(target.type)) args.push({ offset, type, btf, target: target.id, refcounted });
    }
    offset += Math.ceil((resolveSize(btf, param.type)?.size ?? 8) / 8) * 8;
  }
  return args;
}
