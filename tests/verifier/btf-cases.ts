/** Programs on kernel structures: loads by BTF, typed contexts, attach targets, kernel symbols. Offsets are those of the running kernel's types. */
import { isModifier } from '../../src/btf/index.ts';
import { type Question, vmlinux } from '../support/verifier.ts';
import type { Case } from './cases.ts';

const RAW_TP = { type: 26, attach: 23 };
const ITER = { type: 26, attach: 28 };
const OPS = { type: 27, attachTo: 'tcp_congestion_ops' };
const DUMMY = { type: 27, attachTo: 'bpf_dummy_ops' };
/** Programs that may sleep and take the current task. */
const SLEEPS = { type: 31, flags: 16 };
/** Programs that may call functions of the kernel on tasks. */
const NEWTASK = { ...RAW_TP, attachTo: 'task_newtask' };
const END = '\nr0 = 0\nexit';

/** Offset of a member path: `task_struct.mm`, `tcp_sock.inet_conn.icsk_ca_priv`. */
function off(path: string): number {
  const btf = vmlinux();
  const [root = '', ...parts] = path.split('.');
  let id = btf?.find(root, 'struct') ?? 0;
  let bits = 0;
  for (const part of parts) {
    const place = memberOf(id, part);
    bits += place.bits;
    id = place.type;
  }
  return bits >> 3;
}

/** A member by name, inside anonymous members too. */
function memberOf(id: number, name: string): { readonly bits: number; readonly type: number } {
  const found = search(id, name);
  if (found === undefined) throw new Error(`no member ${name}`);
  return found;
}

function search(id: number, name: string): { bits: number; type: number } | undefined {
  const btf = vmlinux();
  let type = btf?.type(id);
  while (type !== undefined && isModifier(type)) type = btf?.type(type.type);
  if (type?.kind !== 'struct' && type?.kind !== 'union') return undefined;
  for (const member of type.members) {
    if (member.name === name) return { bits: member.bitOffset, type: member.type };
    const inner = member.name === '' ? search(member.type, name) : undefined;
    if (inner !== undefined) return { bits: inner.bits + member.bitOffset, type: inner.type };
  }
  return undefined;
}

function sizeOf(name: string): number {
  const btf = vmlinux();
  const id = btf?.find(name, 'struct');
  return btf === undefined || id === undefined ? 0 : btf.sizeOf(id);
}

/** Index of a member of a struct: what struct_ops programs attach to. */
function memberIndex(struct: string, name: string): number {
  const type = vmlinux()?.type(vmlinux()?.find(struct, 'struct') ?? 0);
  return type?.kind === 'struct' ? type.members.findIndex((m) => m.name === name) : 0;
}

function idOf(name: string, kind: 'func' | 'var' | 'struct' | 'typedef'): number {
  return vmlinux()?.find(name, kind) ?? 0;
}

const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, text, ...more });
/** A program with the current task in r6, trusted. */
const task = (name: string, body: string, more: Partial<Question> = {}): Case =>
  row(name, `r6 = r1\ncall bpf_get_current_task_btf\n${body}`, { type: 17, ...more });
const ops = (name: string, member: string, body: string, more: Partial<Question> = {}): Case =>
  row(name, body, { ...OPS, attach: memberIndex('tcp_congestion_ops', member), ...more });
const KSYM = (dst: number, id: number, fd = 0): Uint8Array => {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x18;
  bytes[1] = dst | (3 << 4);
  view.setInt32(4, id, true);
  view.setInt32(12, fd, true);
  return bytes;
};

/** An ld_imm64 of a kernel symbol into `dst`, then a text. */
export interface SymbolCase {
  readonly name: string;
  readonly symbol: Uint8Array;
  readonly text: string;
  readonly type: number;
}

const ksym = (name: string, symbol: Uint8Array, text: string, type = 17): SymbolCase => ({ name, symbol, text, type });

export function symbolCases(): readonly SymbolCase[] {
  const percpu = idOf('runqueues', 'var');
  const int = idOf('nr_threads', 'var');
  return [
    ksym('per-CPU variable read directly', KSYM(1, percpu), `r2 = *(u32 *)(r1 + 0)${END}`),
    ksym('per-CPU variable of this CPU', KSYM(1, percpu), `call bpf_this_cpu_ptr\nr2 = *(u32 *)(r0 + 0)${END}`),
    ksym('per-CPU variable of a CPU unchecked', KSYM(1, percpu), `r2 = 0\ncall bpf_per_cpu_ptr\nr2 = *(u32 *)(r0 + 0)${END}`),
    ksym('per-CPU variable of a CPU', KSYM(1, percpu), `r2 = 0\ncall bpf_per_cpu_ptr\nif r0 == 0 goto +1\nr2 = *(u32 *)(r0 + 0)${END}`),
    ksym('per-CPU variable at an offset', KSYM(1, percpu), `r1 += 8\ncall bpf_this_cpu_ptr${END}`),
    ksym('per-CPU write', KSYM(1, percpu), `call bpf_this_cpu_ptr\n*(u32 *)(r0 + 0) = 1${END}`),
    ksym('number as per-CPU', KSYM(1, int), `call bpf_this_cpu_ptr${END}`),
    ksym('variable that is no per-CPU one', KSYM(1, int), `r2 = *(u32 *)(r1 + 0)${END}`),
    ksym('id of nothing', KSYM(1, 0x7fffffff), END.trim()),
    ksym('id of a struct', KSYM(1, idOf('task_struct', 'struct')), END.trim()),
    ksym('function', KSYM(1, idOf('do_exit', 'func')), END.trim()),
    ksym('function read', KSYM(1, idOf('do_exit', 'func')), `r2 = *(u32 *)(r1 + 0)${END}`),
    ksym('module that is none', KSYM(1, percpu, 99999), END.trim()),
    ksym('per-CPU in a socket filter', KSYM(1, percpu), `call bpf_this_cpu_ptr${END}`, 1),
  ];
}

export function btfCases(): readonly Case[] {
  const mm = off('task_struct.mm');
  const parent = off('task_struct.real_parent');
  const group = off('task_struct.group_leader');
  const cgroups = off('task_struct.cgroups');
  const pid = off('task_struct.pid');
  const comm = off('task_struct.comm');
  const cred = off('task_struct.cred');
  const cpus = off('task_struct.cpus_ptr');
  const size = sizeOf('task_struct');
  const ca = off('tcp_sock.inet_conn.icsk_ca_priv');
  return [
    task('number', `r1 = *(u32 *)(r0 + ${pid})${END}`),
    task('part of a number', `r1 = *(u8 *)(r0 + ${pid + 1})${END}`),
    task('two numbers at once', `r1 = *(u64 *)(r0 + ${pid})${END}`),
    task('array of char', `r1 = *(u64 *)(r0 + ${comm})${END}`),
    task('array of char unaligned', `r1 = *(u32 *)(r0 + ${comm + 3})${END}`),
    task('beyond the array', `r1 = *(u64 *)(r0 + ${comm + 12})${END}`),
    task('pointer', `r1 = *(u64 *)(r0 + ${mm})${END}`),
    task('part of a pointer', `r1 = *(u32 *)(r0 + ${mm})${END}`),
    task('pointer to its middle', `r1 = *(u32 *)(r0 + ${mm + 4})${END}`),
    task('through two pointers', `r1 = *(u64 *)(r0 + ${mm})\nr2 = *(u64 *)(r1 + ${off('mm_struct.pgd')})${END}`),
    task('through three pointers', `r1 = *(u64 *)(r0 + ${parent})\nr1 = *(u64 *)(r1 + ${parent})\nr1 = *(u32 *)(r1 + ${pid})${END}`),
    task('rcu field', `r1 = *(u64 *)(r0 + ${parent})\nr1 = *(u64 *)(r1 + ${group})${END}`),
    task(
      'field of rcu field',
      `r1 = *(u64 *)(r0 + ${cgroups})\nr1 = *(u64 *)(r1 + ${off('css_set.dfl_cgrp')})\nr1 = *(u64 *)(r1 + ${off('cgroup.kn')})${END}`,
    ),
    task('const field', `r1 = *(u64 *)(r0 + ${cpus})\nr1 = *(u64 *)(r1 + 0)${END}`),
    task('plain field', `r1 = *(u64 *)(r0 + ${cred})\nr1 = *(u32 *)(r1 + ${off('cred.uid')})${END}`),
    task(
      'rcu or null',
      `r1 = *(u64 *)(r0 + ${mm})\nr1 = *(u64 *)(r1 + ${off('mm_struct.exe_file')})\nr1 = *(u64 *)(r1 + ${off('file.f_inode')})${END}`,
    ),
    task('pointer to a number', `r1 = *(u64 *)(r0 + ${off('task_struct.stack')})\nr2 = *(u64 *)(r1 + 1000)${END}`),
    task('pointer to a number written', `r1 = *(u64 *)(r0 + ${off('task_struct.stack')})\n*(u64 *)(r1 + 0) = 0${END}`),
    task('write', `*(u32 *)(r0 + ${pid}) = 1${END}`),
    task('write of a register', `*(u64 *)(r0 + ${mm}) = r6${END}`),
    task('atomic', `r1 = 1\nlock *(u64 *)(r0 + ${off('task_struct.start_time')}) += r1${END}`),
    task('negative', `r1 = *(u64 *)(r0 - 8)${END}`),
    task('moved', `r0 += ${pid}\nr1 = *(u32 *)(r0 + 0)${END}`),
    task('moved beyond negative', `r0 += -8\nr1 = *(u32 *)(r0 + 8)${END}`),
    task('moved by a number', `r7 = r0\ncall bpf_get_prandom_u32\nr0 &= 7\nr7 += r0\nr1 = *(u8 *)(r7 + 0)${END}`),
    task('beyond', `r1 = *(u64 *)(r0 + ${Math.min(size, 32760)})${END}`),
    task('far beyond', `r0 += ${size + 64}\nr1 = *(u64 *)(r0 + 0)${END}`),
    task('bit field', `r1 = *(u8 *)(r0 + ${off('task_struct.sched_reset_on_fork')})${END}`),
    task('bit field whole', `r1 = *(u32 *)(r0 + ${off('task_struct.sched_reset_on_fork')})${END}`),
    task('nested struct', `r1 = *(u64 *)(r0 + ${off('task_struct.se.exec_start')})${END}`),
    task('nested list', `r1 = *(u64 *)(r0 + ${off('task_struct.tasks.next')})\nr1 = *(u64 *)(r1 + 0)${END}`),
    task('sign extended', `r1 = *(s32 *)(r0 + ${pid})${END}`),
    task('without GPL', `r1 = *(u32 *)(r0 + ${pid})${END}`, { license: 'MIT' }),
    task('compared with NULL', `r7 = 1\nif r0 == 0 goto +1\nr7 = *(u32 *)(r0 + ${pid})${END}`),
    task('field compared with NULL', `r1 = *(u64 *)(r0 + ${mm})\nif r1 == 0 goto +1\nr7 = *(u64 *)(r1 + ${off('mm_struct.pgd')})${END}`),
    task('spilled and filled', `*(u64 *)(r10 - 8) = r0\nr1 = *(u64 *)(r10 - 8)\nr1 = *(u32 *)(r1 + ${pid})${END}`),
    task(
      'stored in a map',
      `r7 = r0\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\n*(u64 *)(r0 + 0) = r7${END}`,
    ),
    task('subtracted', `r1 = r0\nr1 -= r0${END}`),
    task('multiplied', `r0 *= 2${END}`),
    task('compared with another', `r7 = r0\ncall bpf_get_current_task_btf\nif r0 == r7 goto +0${END}`),
    task(
      'same insn for two kinds',
      `r1 = r0\nif r6 == 0 goto +1\nr1 = r10\nr1 += -8\n*(u64 *)(r10 - 8) = 0\nr1 = *(u64 *)(r1 + ${pid & ~7})${END}`,
    ),
    task('as an argument', `r1 = r0\ncall bpf_task_pt_regs\nr1 = *(u64 *)(r0 + 0)${END}`),
    task('field as an argument', `r1 = *(u64 *)(r0 + ${parent})\ncall bpf_task_pt_regs${END}`),
    task('wrong struct as an argument', `r1 = *(u64 *)(r0 + ${mm})\ncall bpf_task_pt_regs${END}`),
    task('middle as an argument', `r1 = r0\nr1 += 8\ncall bpf_task_pt_regs${END}`),
    task('untrusted as an argument', `r1 = *(u64 *)(r0 + ${off('task_struct.tasks.next')})\ncall bpf_task_pt_regs${END}`),
    task('number as an argument', `r1 = 0\ncall bpf_task_pt_regs${END}`),
    task('registers', `r1 = r0\ncall bpf_task_pt_regs\nr1 = *(u64 *)(r0 + ${off('pt_regs.ip')})${END}`),
    task('registers written', `r1 = r0\ncall bpf_task_pt_regs\n*(u64 *)(r0 + 0) = 1${END}`),
    task('as memory that is read', `r3 = r0\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_probe_read_kernel${END}`),
    task('as memory that is read in part', `r2 = r0\nr1 = map[fd:$ring]\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output${END}`),
    task('as memory that is written', `r1 = r0\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel${END}`),
    task('stack of a task', `r1 = r0\nr2 = r10\nr2 += -64\nr3 = 64\nr4 = 0\ncall bpf_get_task_stack${END}`),
    task('returned', `exit`),

    task(
      'same insn trusted and untrusted',
      `r7 = *(u64 *)(r0 + ${off('task_struct.tasks.next')})\nr1 = r0\nif r6 == 0 goto +1\nr1 = r7\nr1 = *(u64 *)(r1 + ${off('list_head.next')})${END}`,
    ),
    task('same insn trusted and plain', `r1 = r0\nif r6 == 0 goto +1\nr1 = *(u64 *)(r0 + ${cred})\nr1 = *(u32 *)(r1 + 4)${END}`),
    task(
      'same insn untrusted memory and task',
      `r7 = r0\nr8 = *(u64 *)(r0 + ${off('task_struct.stack')})\ncall bpf_get_prandom_u32\nr1 = r7\nif r0 == 0 goto +1\nr1 = r8\nr1 = *(u32 *)(r1 + ${pid})${END}`,
    ),
    task(
      'same insn two ways to a task',
      `r7 = r0\ncall bpf_get_prandom_u32\nr1 = r7\nif r0 == 0 goto +1\nr1 = *(u64 *)(r7 + ${parent})\nr1 = *(u32 *)(r1 + ${pid})${END}`,
    ),
    task(
      'same insn task and map value',
      `r7 = r0\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\nr8 = r0\ncall bpf_get_prandom_u32\nr1 = r7\nif r0 == 0 goto +1\nr1 = r8\nr1 = *(u32 *)(r1 + 0)${END}`,
    ),
    task(
      'same store two ways',
      `r7 = r0\ncall bpf_get_prandom_u32\nr1 = r10\nr1 += -8\n*(u64 *)(r10 - 8) = 0\nif r0 == 0 goto +1\nr1 = r7\n*(u64 *)(r1 + 0) = 0${END}`,
    ),
    task('rcu field outside a section', `r1 = *(u64 *)(r0 + ${parent})\nr1 = *(u32 *)(r1 + ${pid})${END}`, SLEEPS),
    task(
      'rcu field in a section',
      `r7 = r0\ncall kfunc bpf_rcu_read_lock\nr1 = *(u64 *)(r7 + ${parent})\nr1 = *(u32 *)(r1 + ${pid})\ncall kfunc bpf_rcu_read_unlock${END}`,
      SLEEPS,
    ),
    task(
      'rcu field after its section',
      `r7 = r0\ncall kfunc bpf_rcu_read_lock\nr8 = *(u64 *)(r7 + ${parent})\ncall kfunc bpf_rcu_read_unlock\nr1 = *(u32 *)(r8 + ${pid})${END}`,
      SLEEPS,
    ),
    task(
      'rcu field handed on after its section',
      `r7 = r0\ncall kfunc bpf_rcu_read_lock\nr8 = *(u64 *)(r7 + ${parent})\ncall kfunc bpf_rcu_read_unlock\nr1 = r8\ncall bpf_task_pt_regs${END}`,
      SLEEPS,
    ),
    task(
      'rcu field acquired',
      `r1 = *(u64 *)(r0 + ${parent})\ncall kfunc bpf_task_acquire\nif r0 == 0 goto +2\nr1 = r0\ncall kfunc bpf_task_release${END}`,
      NEWTASK,
    ),
    task(
      'field of a task acquired',
      `r1 = r0\ncall kfunc bpf_task_acquire\nif r0 == 0 goto +3\nr2 = *(u64 *)(r0 + ${mm})\nr1 = r0\ncall kfunc bpf_task_release${END}`,
      NEWTASK,
    ),
    task(
      'released task read',
      `r1 = r0\ncall kfunc bpf_task_acquire\nif r0 == 0 goto +4\nr7 = r0\nr1 = r0\ncall kfunc bpf_task_release\nr2 = *(u32 *)(r7 + ${pid})${END}`,
      NEWTASK,
    ),
    row('map pointer', `r1 = map[fd:$array]\nr0 = *(u32 *)(r1 + ${off('bpf_map.max_entries')})\nexit`),
    row('map pointer to its operations', `r1 = map[fd:$array]\nr0 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r0 + 0)${END}`, { type: 17 }),
    row('map pointer negative', `r1 = map[fd:$array]\nr1 += -8\nr0 = *(u64 *)(r1 + 0)\nexit`),
    row('map pointer written', `r1 = map[fd:$array]\n*(u64 *)(r1 + 0) = 0${END}`),
    row('map pointer moved', `r1 = map[fd:$array]\nr1 += 8\nr0 = *(u64 *)(r1 + 0)\nexit`),
    row('map pointer beyond', `r1 = map[fd:$array]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of a hash beyond', `r1 = map[fd:$hash]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of a ring', `r1 = map[fd:$ring]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of a prog array', `r1 = map[fd:$progs]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of a perf array', `r1 = map[fd:$perf]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of stacks', `r1 = map[fd:$stacks]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of a queue', `r1 = map[fd:$queue]\nr0 = *(u64 *)(r1 + 16000)\nexit`),
    row('map pointer of cgroups', `r1 = map[fd:$cgroups]\nr0 = *(u64 *)(r1 + 16000)\nexit`),

    row('tracepoint argument', `r2 = *(u64 *)(r1 + 8)\nr2 = *(u32 *)(r2 + ${pid})${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint number', `r2 = *(u64 *)(r1 + 0)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint number narrow', `r2 = *(u32 *)(r1 + 0)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument narrow', `r2 = *(u32 *)(r1 + 8)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument unaligned', `r2 = *(u32 *)(r1 + 4)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument misaligned', `r2 = *(u64 *)(r1 + 4)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument beyond', `r2 = *(u64 *)(r1 + 32)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument far beyond', `r2 = *(u64 *)(r1 + 40)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument out of all', `r2 = *(u64 *)(r1 + 96)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint argument negative', `r2 = *(u64 *)(r1 - 8)${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint context written', `*(u64 *)(r1 + 8) = 0${END}`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint or null', `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + 0)${END}`, { ...RAW_TP, attachTo: 'mm_page_alloc' }),
    row('tracepoint or null checked', `r2 = *(u64 *)(r1 + 0)\nif r2 == 0 goto +1\nr2 = *(u64 *)(r2 + 0)${END}`, {
      ...RAW_TP,
      attachTo: 'mm_page_alloc',
    }),
    row('tracepoint fourth or null', `r2 = *(u64 *)(r1 + 24)\nr2 = *(u64 *)(r2 + 0)${END}`, { ...RAW_TP, attachTo: 'kfree_skb' }),
    row('tracepoint first and second or null', `r2 = *(u64 *)(r1 + 8)\nr2 = *(u64 *)(r2 + 0)${END}`, {
      ...RAW_TP,
      attachTo: 'tcp_send_reset',
    }),
    row('tracepoint pointer to a number', `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + 0)${END}`, { ...RAW_TP, attachTo: 'sys_enter' }),
    row(
      'tracepoint socket',
      `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + ${off('sk_buff.sk')})\nr2 = *(u16 *)(r2 + ${off('sock_common.skc_family')})${END}`,
      {
        ...RAW_TP,
        attachTo: 'kfree_skb',
      },
    ),
    row(
      'tracepoint socket checked',
      `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + ${off('sk_buff.sk')})\nif r2 == 0 goto +1\nr2 = *(u16 *)(r2 + ${off('sock_common.skc_family')})${END}`,
      {
        ...RAW_TP,
        attachTo: 'kfree_skb',
      },
    ),
    row('tracepoint skb data', `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + ${off('sk_buff.data')})\nr2 = *(u64 *)(r2 + 0)${END}`, {
      ...RAW_TP,
      attachTo: 'kfree_skb',
    }),
    row('tracepoint skb scratch', `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + ${off('sk_buff.cb')})${END}`, {
      ...RAW_TP,
      attachTo: 'kfree_skb',
    }),
    row(
      'tracepoint skb union',
      `r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + ${off('sk_buff.next')})\nr2 = *(u64 *)(r2 + ${off('sk_buff.dev')})\nr2 = *(u32 *)(r2 + 0)${END}`,
      { ...RAW_TP, attachTo: 'kfree_skb' },
    ),
    row(
      'tracepoint binprm',
      `r2 = *(u64 *)(r1 + 16)\nr2 = *(u64 *)(r2 + ${off('linux_binprm.file')})\nr2 = *(u64 *)(r2 + ${off('file.f_inode')})${END}`,
      { ...RAW_TP, attachTo: 'sched_process_exec' },
    ),
    row(
      'tracepoint output',
      `r6 = r1\n*(u64 *)(r10 - 8) = 0\nr2 = map[fd:$perf]\nr3 = 0\nr4 = r10\nr4 += -8\nr5 = 8\ncall bpf_perf_event_output${END}`,
      { ...RAW_TP, attachTo: 'sched_switch' },
    ),
    row('tracepoint result', `r0 = 5\nexit`, { ...RAW_TP, attachTo: 'sched_switch' }),
    row('tracepoint sleepable', END.trim(), { ...RAW_TP, attachTo: 'sched_switch', flags: 16 }),
    row('tracepoint without a target', END.trim(), RAW_TP),
    row('tracepoint that is a struct', END.trim(), { ...RAW_TP, attachTo: idOf('task_struct', 'struct') }),
    row('tracepoint that is another typedef', END.trim(), { ...RAW_TP, attachTo: idOf('u32', 'typedef') }),
    row('tracepoint that is no type', END.trim(), { ...RAW_TP, attachTo: 0xfffff }),
    row('tracing without an attach type', END.trim(), { type: 26, attachTo: 'do_exit' }),

    row('iterator', `r2 = *(u64 *)(r1 + 8)\nif r2 == 0 goto +1\nr3 = *(u32 *)(r2 + ${pid})${END}`, { ...ITER, attachTo: 'task' }),
    row('iterator unchecked', `r2 = *(u64 *)(r1 + 8)\nr3 = *(u32 *)(r2 + ${pid})${END}`, { ...ITER, attachTo: 'task' }),
    row(
      'iterator writes',
      `r1 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr3 = 8\ncall bpf_seq_write${END}`,
      { ...ITER, attachTo: 'task' },
    ),
    row(
      'iterator writes to its meta',
      `r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr3 = 8\ncall bpf_seq_write${END}`,
      { ...ITER, attachTo: 'task' },
    ),
    row('iterator session', `r1 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r1 + 8)\nr2 = *(u64 *)(r1 + 16)${END}`, { ...ITER, attachTo: 'task' }),
    row('iterator result 1', 'r0 = 1\nexit', { ...ITER, attachTo: 'task' }),
    row('iterator result 2', 'r0 = 2\nexit', { ...ITER, attachTo: 'task' }),
    row('iterator beyond', `r2 = *(u64 *)(r1 + 16)${END}`, { ...ITER, attachTo: 'task' }),
    row('iterator number', `r2 = *(u32 *)(r1 + 16)${END}`, { ...ITER, attachTo: 'task_file' }),
    row('iterator file', `r2 = *(u64 *)(r1 + 24)\nif r2 == 0 goto +1\nr2 = *(u64 *)(r2 + ${off('file.f_inode')})${END}`, {
      ...ITER,
      attachTo: 'task_file',
    }),
    row('iterator map', `r2 = *(u64 *)(r1 + 8)\nif r2 == 0 goto +1\nr2 = *(u32 *)(r2 + ${off('bpf_map.id')})${END}`, {
      ...ITER,
      attachTo: 'bpf_map',
    }),
    row('iterator key unchecked', `r2 = *(u64 *)(r1 + 16)\nr2 = *(u32 *)(r2 + 0)${END}`, { ...ITER, attachTo: 'bpf_map_elem' }),
    row('iterator key', `r2 = *(u64 *)(r1 + 16)\nif r2 == 0 goto +1\nr2 = *(u32 *)(r2 + 100)${END}`, { ...ITER, attachTo: 'bpf_map_elem' }),
    row('iterator key written', `r2 = *(u64 *)(r1 + 16)\nif r2 == 0 goto +1\n*(u32 *)(r2 + 0) = 1${END}`, {
      ...ITER,
      attachTo: 'bpf_map_elem',
    }),
    row('iterator value written', `r2 = *(u64 *)(r1 + 24)\nif r2 == 0 goto +1\n*(u32 *)(r2 + 0) = 1${END}`, {
      ...ITER,
      attachTo: 'bpf_map_elem',
    }),
    row('iterator value negative', `r2 = *(u64 *)(r1 + 24)\nif r2 == 0 goto +2\nr2 += -4\nr3 = *(u32 *)(r2 + 0)${END}`, {
      ...ITER,
      attachTo: 'bpf_map_elem',
    }),
    row(
      'iterator value variable',
      `r6 = *(u64 *)(r1 + 24)\ncall bpf_get_prandom_u32\nr0 &= 7\nif r6 == 0 goto +2\nr6 += r0\nr3 = *(u32 *)(r6 + 0)${END}`,
      { ...ITER, attachTo: 'bpf_map_elem' },
    ),
    row(
      'iterator value as memory',
      `r2 = *(u64 *)(r1 + 24)\nif r2 == 0 goto +5\nr1 = map[fd:$ring]\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output${END}`,
      { ...ITER, attachTo: 'bpf_map_elem' },
    ),
    row('iterator key as output', `r1 = *(u64 *)(r1 + 16)\nif r1 == 0 goto +3\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel${END}`, {
      ...ITER,
      attachTo: 'bpf_map_elem',
    }),
    row('iterator socket', `r2 = *(u64 *)(r1 + 8)\nif r2 == 0 goto +1\nr2 = *(u16 *)(r2 + ${off('sock_common.skc_family')})${END}`, {
      ...ITER,
      attachTo: 'tcp',
    }),
    row(
      'iterator socket cast',
      `r6 = *(u64 *)(r1 + 8)\nif r6 == 0 goto +4\nr1 = r6\ncall bpf_skc_to_tcp_sock\nif r0 == 0 goto +1\nr2 = *(u32 *)(r0 + ${off('tcp_sock.snd_cwnd')})${END}`,
      { ...ITER, attachTo: 'tcp' },
    ),
    row('iterator sleepable', END.trim(), { ...ITER, attachTo: 'task', flags: 16 }),
    row(
      'iterator sleepable field',
      `r2 = *(u64 *)(r1 + 8)\nif r2 == 0 goto +2\nr3 = *(u64 *)(r2 + ${parent})\nr3 = *(u32 *)(r3 + ${pid})${END}`,
      { ...ITER, attachTo: 'task', flags: 16 },
    ),
    row(
      'iterator sleepable copies',
      `r6 = *(u64 *)(r1 + 8)\nif r6 == 0 goto +6\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\nr4 = r6\nr5 = 0\ncall bpf_copy_from_user_task${END}`,
      { ...ITER, attachTo: 'task', flags: 16 },
    ),
    row(
      'iterator copies without sleep',
      `r6 = *(u64 *)(r1 + 8)\nif r6 == 0 goto +6\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\nr4 = r6\nr5 = 0\ncall bpf_copy_from_user_task${END}`,
      { ...ITER, attachTo: 'task' },
    ),
    row('iterator of nothing', END.trim(), { ...ITER, attachTo: idOf('bpf_iter_num_new', 'func') }),
    row('iterator that is a struct', END.trim(), { ...ITER, attachTo: idOf('task_struct', 'struct') }),

    ops('operation', 'ssthresh', END.trim()),
    ops('operation without GPL', 'ssthresh', END.trim(), { license: 'MIT' }),
    ops('operation result', 'ssthresh', 'r0 = 77\nexit'),
    ops('operation without result', 'set_state', 'exit'),
    ops('operation socket', 'ssthresh', `r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + ${off('tcp_sock.snd_cwnd')})\nexit`),
    ops('operation writes', 'ssthresh', `r1 = *(u64 *)(r1 + 0)\n*(u32 *)(r1 + ${off('tcp_sock.snd_cwnd')}) = 1${END}`),
    ops(
      'operation writes a register',
      'ssthresh',
      `r1 = *(u64 *)(r1 + 0)\nr2 = 3\n*(u32 *)(r1 + ${off('tcp_sock.snd_ssthresh')}) = r2${END}`,
    ),
    ops('operation writes too much', 'ssthresh', `r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + ${off('tcp_sock.snd_cwnd')}) = 1${END}`),
    ops('operation writes elsewhere', 'ssthresh', `r1 = *(u64 *)(r1 + 0)\n*(u32 *)(r1 + ${off('tcp_sock.rcv_nxt')}) = 1${END}`),
    ops(
      'operation writes private state',
      'ssthresh',
      `r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + ${ca}) = 1\n*(u32 *)(r1 + ${ca + 100}) = 1${END}`,
    ),
    ops('operation writes beyond private state', 'ssthresh', `r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + ${ca + 100}) = 1${END}`),
    ops(
      'operation writes pacing',
      'ssthresh',
      `r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + ${off('sock.sk_pacing_rate')}) = 1\n*(u32 *)(r1 + ${off('sock.sk_pacing_status')}) = 1${END}`,
    ),
    ops(
      'operation writes pending',
      'ssthresh',
      `r1 = *(u64 *)(r1 + 0)\n*(u8 *)(r1 + ${off('inet_connection_sock.icsk_ack.pending')}) = 1${END}`,
    ),
    ops(
      'operation writes stamps',
      'ssthresh',
      `r1 = *(u64 *)(r1 + 0)\n*(u32 *)(r1 + ${off('tcp_sock.snd_cwnd_stamp')}) = 1\n*(u32 *)(r1 + ${off('tcp_sock.snd_cwnd_cnt')}) = 1\n*(u32 *)(r1 + ${off('tcp_sock.app_limited')}) = 1\n*(u8 *)(r1 + ${off('tcp_sock.ecn_flags')}) = 1${END}`,
    ),
    ops(
      'operation writes through a field',
      'ssthresh',
      `r1 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + ${off('sock_common.skc_prot')})\n*(u64 *)(r1 + 0) = 0${END}`,
    ),
    ops('operation second argument', 'cong_avoid', `r2 = *(u64 *)(r1 + 8)\nr3 = *(u32 *)(r1 + 16)${END}`),
    ops('operation beyond', 'cong_avoid', `r2 = *(u64 *)(r1 + 24)${END}`),
    ops('operation struct argument', 'pkts_acked', `r2 = *(u64 *)(r1 + 8)\nr2 = *(u32 *)(r2 + 0)${END}`),
    ops('operation sends', 'ssthresh', `r1 = *(u64 *)(r1 + 0)\nr2 = 0\ncall bpf_tcp_send_ack${END}`),
    ops('operation storage', 'ssthresh', `r2 = *(u64 *)(r1 + 0)\nr1 = map[fd:$array]\nr3 = 0\nr4 = 0\ncall bpf_sk_storage_get${END}`),
    ops('operation that is not called', 'get_info', END.trim()),
    ops('operation that is data', 'flags', END.trim()),
    ops('operation beyond the table', 'init', END.trim(), { attach: 200 }),
    row('operation of no table', END.trim(), { type: 27, attachTo: 'file_operations' }),
    row('operation of nothing', END.trim(), { type: 27 }),
    row('dummy operation', `r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 0)\nexit`, { ...DUMMY, attach: 0 }),
    row('dummy operation checked', `r1 = *(u64 *)(r1 + 0)\nif r1 == 0 goto +1\nr0 = *(u32 *)(r1 + 0)${END}`, { ...DUMMY, attach: 0 }),
    row('dummy operation writes', `r1 = *(u64 *)(r1 + 0)\nif r1 == 0 goto +1\n*(u32 *)(r1 + 0) = 5${END}`, { ...DUMMY, attach: 0 }),
    row('dummy operation writes too much', `r1 = *(u64 *)(r1 + 0)\nif r1 == 0 goto +1\n*(u64 *)(r1 + 0) = 5${END}`, {
      ...DUMMY,
      attach: 0,
    }),
    row('dummy operation sleepable', END.trim(), { ...DUMMY, attach: 0, flags: 16 }),
    row('dummy operation that may sleep', `r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 0)\nexit`, { ...DUMMY, attach: 2, flags: 16 }),
    row('dummy operation sends', `r1 = *(u64 *)(r1 + 0)\nr2 = 0\ncall bpf_tcp_send_ack${END}`, { ...DUMMY, attach: 0 }),
    row(
      'dummy operation more arguments',
      `r2 = *(u64 *)(r1 + 8)\nr3 = *(u16 *)(r1 + 16)\nr4 = *(u8 *)(r1 + 24)\nr5 = *(u64 *)(r1 + 32)${END}`,
      { ...DUMMY, attach: 1 },
    ),
  ];
}
