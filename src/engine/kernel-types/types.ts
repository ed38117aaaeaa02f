/**
 * The kernel types that the engine models, as CO-RE programs find them: contexts, tracepoint records, the objects that kernel pointers in
 * arguments lead to, and the enumerators of what it can do. Interface layouts are Linux 6.18's; each is compared with a real kernel's by a test.
 */
import type { BtfEnumValue } from '../../btf/index.ts';
import { PT_REGS, TRACEPOINTS } from '../../events/index.ts';
import { HELPERS, helperRefusal } from '../../helpers/index.ts';
import { MAP_TYPES } from '../../maps/index.ts';
import { SK_BUFF } from '../../programs/contexts.ts';
import { ATTACH_TYPE, PROGRAM_TYPES } from '../../programs/index.ts';
import type { AggregateRow, Declarations, MemberRow } from './declare.ts';
import { CRED_STRUCT, TASK_STRUCT } from './task-object.ts';

/** Names of registers in struct pt_regs where they differ from the machine's. */
const REG_NAMES: Readonly<Record<string, string>> = { rip: 'ip', eflags: 'flags' };

function ptRegs(): AggregateRow {
  const members = Object.keys(PT_REGS).map((reg): MemberRow => {
    if (reg === 'cs' || reg === 'ss') return [`union #${reg}`, ''];
    // Only the old registers lose their r: rax is ax, r8 stays.
    return ['long unsigned int', REG_NAMES[reg] ?? reg.replace(/^(orig_)?r(?=[a-z])/, '$1')];
  });
  return { members };
}

/** trace_event_raw_*: the record of a tracepoint, behind the common head. */
function records(): Record<string, AggregateRow> {
  const out: Record<string, AggregateRow> = {};
  for (const { name, fields } of TRACEPOINTS) {
    const members = fields.map((f): MemberRow => {
      if (f.ctype.startsWith('__data_loc')) return ['u32', `__data_loc_${f.name}`, f.offset];
      const type = RECORD_TYPES[f.ctype] ?? f.ctype;
      return [f.count === undefined ? type : `${type}[${f.count}]`, f.name, f.offset];
    });
    out[`trace_event_raw_${name}`] = { members: [['struct trace_entry', 'ent'], ...members, ['char[0]', '__data']] };
  }
  return out;
}

const RECORD_TYPES: Readonly<Record<string, string>> = { long: 'long int', 'unsigned long': 'long unsigned int' };

const CONTEXT_POINTERS: Readonly<Record<string, string>> = { flow_keys: 'struct bpf_flow_keys *', sk: 'struct bpf_sock *' };

function contextType(name: string, size: number): string {
  const ints: Readonly<Record<number, string>> = { 1: '__u8', 2: '__u16', 4: '__u32', 8: '__u64' };
  return CONTEXT_POINTERS[name] ?? ints[size] ?? `__u32[${size / 4}]`;
}

function enumerators(rows: readonly { readonly name: string; readonly id: number }[], prefix: string): BtfEnumValue[] {
  return rows.map((row) => ({ name: prefix + row.name, value: BigInt(row.id) }));
}

const upper = (row: { readonly name: string; readonly id: number }): { name: string; id: number } => ({
  name: row.name.toUpperCase(),
  id: row.id,
});

/** Everything that the engine's own BTF holds. */
export function declarations(): Declarations {
  return {
    ints: {
      int: [4, 'signed'],
      'unsigned int': [4, 'unsigned'],
      char: [1, 'signed'],
      'signed char': [1, 'signed'],
      'unsigned char': [1, 'unsigned'],
      'short int': [2, 'signed'],
      'short unsigned int': [2, 'unsigned'],
      'long int': [8, 'signed'],
      'long unsigned int': [8, 'unsigned'],
      'long long int': [8, 'signed'],
      'long long unsigned int': [8, 'unsigned'],
      _Bool: [1, 'bool'],
    },
    typedefs: {
      __s8: 'signed char',
      __u8: 'unsigned char',
      __s16: 'short int',
      __u16: 'short unsigned int',
      __s32: 'int',
      __u32: 'unsigned int',
      __s64: 'long long int',
      __u64: 'long long unsigned int',
      s8: '__s8',
      u8: '__u8',
      s16: '__s16',
      u16: '__u16',
      s32: '__s32',
      u32: '__u32',
      s64: '__s64',
      u64: '__u64',
      bool: '_Bool',
      __kernel_pid_t: 'int',
      pid_t: '__kernel_pid_t',
      uid_t: 'unsigned int',
      gid_t: 'unsigned int',
      umode_t: 'short unsigned int',
      size_t: 'long unsigned int',
      kuid_t: 'struct #kuid',
      kgid_t: 'struct #kgid',
    },
    structs: {
      '#kuid': { members: [['uid_t', 'val']] },
      '#kgid': { members: [['gid_t', 'val']] },
      task_struct: TASK_STRUCT,
      cred: CRED_STRUCT,
      pt_regs: ptRegs(),
      // What lies between is the kernel's reference count and audit record, which nothing here fills.
      filename: {
        members: [
          ['const char *', 'name', 0],
          ['const char *', 'uptr', 8],
          ['const char[0]', 'iname', 32],
        ],
      },
      open_how: {
        members: [
          ['__u64', 'flags'],
          ['__u64', 'mode'],
          ['__u64', 'resolve'],
        ],
      },
      kernel_clone_args: {
        size: 136,
        members: [
          ['u64', 'flags', 0],
          ['int *', 'pidfd', 8],
          ['int *', 'child_tid', 16],
          ['int *', 'parent_tid', 24],
          ['int', 'exit_signal', 40],
          ['long unsigned int', 'stack', 48],
          ['long unsigned int', 'stack_size', 56],
          ['long unsigned int', 'tls', 64],
          ['pid_t *', 'set_tid', 72],
          ['size_t', 'set_tid_size', 80],
          ['int', 'cgroup', 88],
        ],
      },
      trace_entry: {
        members: [
          ['short unsigned int', 'type'],
          ['unsigned char', 'flags'],
          ['unsigned char', 'preempt_count'],
          ['int', 'pid'],
        ],
      },
      syscall_trace_enter: {
        members: [
          ['struct trace_entry', 'ent'],
          ['int', 'nr'],
          ['long unsigned int[0]', 'args'],
        ],
      },
      syscall_trace_exit: {
        members: [
          ['struct trace_entry', 'ent'],
          ['int', 'nr'],
          ['long int', 'ret'],
        ],
      },
      ...records(),
      __sk_buff: {
        size: SK_BUFF.size,
        members: SK_BUFF.members.map(([name, offset, size]): MemberRow => [contextType(name, size), name, offset]),
      },
      bpf_perf_event_data: {
        members: [
          ['struct pt_regs', 'regs'],
          ['__u64', 'sample_period'],
          ['__u64', 'addr'],
        ],
      },
      bpf_raw_tracepoint_args: { members: [['__u64[0]', 'args']] },
      bpf_perf_event_value: {
        members: [
          ['__u64', 'counter'],
          ['__u64', 'enabled'],
          ['__u64', 'running'],
        ],
      },
    },
    unions: {
      '#cs': {
        members: [
          ['u16', 'cs'],
          ['u64', 'csx'],
        ],
      },
      '#ss': {
        members: [
          ['u16', 'ss'],
          ['u64', 'ssx'],
        ],
      },
    },
    enums: {
      bpf_map_type: enumerators(MAP_TYPES.filter((row) => row.check !== undefined).map(upper), 'BPF_MAP_TYPE_'),
      bpf_prog_type: enumerators(PROGRAM_TYPES.filter((row) => row.engine).map(upper), 'BPF_PROG_TYPE_'),
      bpf_func_id: enumerators(
        HELPERS.filter((row) => helperRefusal(row.id) === undefined),
        'BPF_FUNC_',
      ),
      bpf_attach_type: Object.entries(ATTACH_TYPE).map(([name, id]) => ({ name: `BPF_${name}`, value: BigInt(id) })),
    },
  };
}
