/**
 * Tables of operations: which member of which kernel struct each program implements, by the names of the members
 * (libbpf.c bpf_map__init_kern_struct_ops, v6.18).
 */
import { type Btf, type BtfComposite, describe, essentialName } from '../btf/index.ts';
import type { CollectionSpec, StructOpsSpec } from '../elf/index.ts';
import type { Host } from '../host/index.ts';
import { loadRefusal } from './refusal.ts';

/** What a struct_ops program is loaded for. */
export interface Operation {
  /** The kernel's struct: attach_btf_id. */
  readonly typeId: number;
  /** Index of the member in it: expected_attach_type. */
  readonly member: number;
}

/** What the programs of an object's tables implement. Throws SyscallError where a table does not fit the kernel's struct. */
export function findOperations(host: Pick<Host, 'kernelBtf'>, spec: CollectionSpec): Map<string, Operation> {
  const out = new Map<string, Operation>();
  const { btf } = spec;
  if (btf === undefined) return out;
  for (const table of spec.structOps) {
    if (!table.autocreate) continue;
    const local = btf.type(table.typeId);
    if (local.kind !== 'struct') continue;
    const kernel = host.kernelBtf?.();
    const name = essentialName(local.name);
    const id = kernel?.find(name, 'struct');
    const struct = kernel?.type(id ?? 0);
    if (kernel === undefined || struct?.kind !== 'struct') throw fault(table, 'ESRCH', `struct ${name} is not found in kernel BTF`);
    if (kernel.find(`bpf_struct_ops_${name}`, 'struct') === undefined) {
      throw fault(table, 'ENOTSUPP', `struct bpf_struct_ops_${name} is not found in kernel BTF`);
    }
    members(table, { btf, struct: local }, { btf: kernel, struct }, out);
  }
  return out;
}

interface StructIn {
  readonly btf: Btf;
  readonly struct: BtfComposite;
}

function members(table: StructOpsSpec, local: StructIn, kernel: StructIn, out: Map<string, Operation>): void {
  for (const member of local.struct.members) {
    const offset = member.bitOffset / 8;
    const program = table.programs.get(offset);
    const index = kernel.struct.members.findIndex((m) => m.name === member.name);
    const theirs = kernel.struct.members[index];
    const size = local.btf.sizeOf(member.type);
    if (theirs === undefined) {
      // A member that the kernel lacks may be named where it is zero; its program then has no place.
      if (table.contents.subarray(offset, offset + size).every((byte) => byte === 0)) continue;
      throw fault(table, 'ENOTSUPP', `cannot find member ${member.name} in kernel BTF`);
    }
    if (member.bitSize !== 0 || theirs.bitSize !== 0) throw fault(table, 'ENOTSUPP', `bitfield ${member.name} is not supported`);
    const [ours, wanted] = [local.btf.resolve(member.type), kernel.btf.resolve(theirs.type)];
    if (ours.kind !== wanted.kind) {
      throw fault(table, 'ENOTSUPP', `unmatched member type ${member.name}: ${describe(ours)}, but kernel has ${describe(wanted)}`);
    }
    if (wanted.kind !== 'ptr') {
      if (kernel.btf.sizeOf(theirs.type) === size) continue;
      throw fault(table, 'ENOTSUPP', `error in size of member ${member.name}: ${size} != ${kernel.btf.sizeOf(theirs.type)}(kernel)`);
    }
    if (program === undefined) continue;
    if (kernel.btf.resolve(wanted.type).kind !== 'func_proto')
      throw fault(table, 'ENOTSUPP', `kernel member ${member.name} is not a func ptr`);
    const known = out.get(program);
    if (known !== undefined && (known.typeId !== kernel.struct.id || known.member !== index)) {
      throw fault(table, 'EINVAL', `invalid reuse of prog ${program} in member ${member.name}`);
    }
    out.set(program, { typeId: kernel.struct.id, member: index });
  }
}

function fault(table: StructOpsSpec, errno: 'ESRCH' | 'ENOTSUPP' | 'EINVAL', message: string): Error {
  return loadRefusal(errno, `struct_ops init_kern ${table.name}: ${message}`);
}
