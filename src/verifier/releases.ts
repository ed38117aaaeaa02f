/**
 * What an object needs that a given kernel release lacks: instructions, helpers, kfuncs, map and program types, ways to attach, limits. From
 * the tables' `since` and a few facts of the verifier's history; no program is simulated, so that a release's tighter checks of values stay unseen.
 */
import { type Diagnostic, type Location, parseRelease } from '../base/index.ts';
import type { CollectionSpec, MapSpec, ProgramSpec } from '../elf/index.ts';
import { HELPER_BY_ID } from '../helpers/index.ts';
import { decodeAt, type Instruction, slotsOf } from '../isa/index.ts';
import { KFUNC_BY_NAME } from '../kfuncs/index.ts';
import { mapTypeRow } from '../maps/index.ts';
import { ATTACH_TYPE, matchSection, PROGRAM_TYPE_BY_ID } from '../programs/index.ts';

import { argumentNeeds } from './release-arguments.ts';
import type { ReleaseCode } from './release-rules.ts';

type AttachName = keyof typeof ATTACH_TYPE;

/** First releases of attach types that came later than their program types (uapi bpf.h in each release). */
const ATTACH_SINCE: Readonly<Partial<Record<AttachName, string>>> = {
  CGROUP_INET4_CONNECT: '4.17',
  CGROUP_INET6_CONNECT: '4.17',
  CGROUP_INET4_POST_BIND: '4.17',
  CGROUP_INET6_POST_BIND: '4.17',
  CGROUP_UDP4_SENDMSG: '4.18',
  CGROUP_UDP6_SENDMSG: '4.18',
  CGROUP_UDP4_RECVMSG: '5.2',
  CGROUP_UDP6_RECVMSG: '5.2',
  MODIFY_RETURN: '5.7',
  TRACE_ITER: '5.8',
  CGROUP_INET4_GETPEERNAME: '5.8',
  CGROUP_INET6_GETPEERNAME: '5.8',
  CGROUP_INET4_GETSOCKNAME: '5.8',
  CGROUP_INET6_GETSOCKNAME: '5.8',
  XDP_DEVMAP: '5.8',
  XDP_CPUMAP: '5.9',
  CGROUP_INET_SOCK_RELEASE: '5.9',
  SK_SKB_VERDICT: '5.13',
  SK_REUSEPORT_SELECT_OR_MIGRATE: '5.14',
  TRACE_KPROBE_MULTI: '5.18',
  LSM_CGROUP: '6.0',
  TCX_INGRESS: '6.6',
  TCX_EGRESS: '6.6',
  TRACE_UPROBE_MULTI: '6.6',
  CGROUP_UNIX_CONNECT: '6.7',
  CGROUP_UNIX_SENDMSG: '6.7',
  CGROUP_UNIX_RECVMSG: '6.7',
  CGROUP_UNIX_GETPEERNAME: '6.7',
  CGROUP_UNIX_GETSOCKNAME: '6.7',
  NETKIT_PRIMARY: '6.7',
  NETKIT_PEER: '6.7',
  TRACE_KPROBE_SESSION: '6.10',
  TRACE_UPROBE_SESSION: '6.13',
};

/** First releases of map flags, by bit (uapi bpf.h). */
const MAP_FLAGS: readonly (readonly [bit: number, name: string, since: string])[] = [
  [0x1, 'BPF_F_NO_PREALLOC', '4.6'],
  [0x2, 'BPF_F_NO_COMMON_LRU', '4.10'],
  [0x4, 'BPF_F_NUMA_NODE', '4.14'],
  [0x8, 'BPF_F_RDONLY', '4.15'],
  [0x10, 'BPF_F_WRONLY', '4.15'],
  [0x20, 'BPF_F_STACK_BUILD_ID', '4.17'],
  [0x40, 'BPF_F_ZERO_SEED', '5.0'],
  [0x80, 'BPF_F_RDONLY_PROG', '5.2'],
  [0x100, 'BPF_F_WRONLY_PROG', '5.2'],
  [0x200, 'BPF_F_CLONE', '5.4'],
  [0x400, 'BPF_F_MMAPABLE', '5.5'],
  [0x800, 'BPF_F_PRESERVE_ELEMS', '5.10'],
  [0x1000, 'BPF_F_INNER_MAP', '5.10'],
];

/** Structs that a map's value may hold, found by name in its BTF. */
const VALUE_FIELDS: Readonly<Record<string, string>> = {
  bpf_spin_lock: '5.1',
  bpf_timer: '5.15',
  bpf_list_head: '6.2',
  bpf_rb_root: '6.3',
  bpf_refcount: '6.4',
  bpf_wq: '6.10',
  bpf_res_spin_lock: '6.15',
  bpf_task_work: '6.18',
};

/** Something that a program or map uses, and the release it came with. */
interface Need {
  /** Rule identifier after `release-`. */
  readonly code: ReleaseCode;
  /** Subject of the sentence: `bpf_ringbuf_output`. */
  readonly what: string;
  readonly since: string;
  readonly insn?: number;
  /** What to do instead. */
  readonly instead?: string;
  /** A loader helps itself: the object may load all the same. */
  readonly warning?: boolean;
}

/** Everything that the object's maps and programs (those loaded by themselves) need and the release lacks; empty when there is nothing. */
export function releaseFindings(spec: CollectionSpec, release: string): Diagnostic[] {
  const version = parseRelease(release);
  const lacks = (need: Need): boolean => {
    const [major, minor] = parseRelease(need.since);
    return version[0] < major || (version[0] === major && version[1] < minor);
  };
  const out: Diagnostic[] = [];
  for (const map of spec.maps) {
    for (const need of mapNeeds(spec, map))
      if (lacks(need)) out.push(finding(need, release, `map ${map.name}`, { section: map.section }, []));
  }
  for (const program of spec.programs) {
    if (!program.autoload) continue;
    const found = new Map<string, { need: Need; insns: number[] }>();
    for (const need of programNeeds(spec, program)) {
      if (!lacks(need)) continue;
      const key = `${need.code} ${need.what}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { need, insns: need.insn === undefined ? [] : [need.insn] });
      else if (need.insn !== undefined) known.insns.push(need.insn);
    }
    for (const { need, insns } of found.values())
      out.push(finding(need, release, `program ${program.name}`, placeOf(program, insns[0]), insns));
  }
  return out;
}

function finding(need: Need, release: string, who: string, location: Location, insns: readonly number[]): Diagnostic {
  const notes: string[] = [];
  if (insns.length > 1) notes.push(`${insns.length} places, the first is insn ${insns[0]}`);
  if (need.instead !== undefined) notes.push(need.instead);
  return {
    code: `release-${need.code}`,
    severity: need.warning === true ? 'warning' : 'error',
    message: `${who}: ${need.what} needs Linux ${need.since}, but the release is ${release}`,
    location,
    notes,
  };
}

/** Source line of an instruction: that of the last record at or before it. */
function placeOf(program: ProgramSpec, insn: number | undefined): Location {
  if (insn === undefined) return { program: program.name, section: program.section };
  const line = program.lines.findLast((l) => l.insn <= insn);
  const at = { program: program.name, insn };
  return line === undefined ? at : { ...at, file: line.file, line: line.line, column: line.column, source: line.source };
}

function* mapNeeds(spec: CollectionSpec, map: MapSpec): Generator<Need> {
  const row = mapTypeRow(map.type);
  if (row !== undefined) yield { code: 'map-type', what: `map type ${row.name}`, since: row.since };
  if (map.origin === 'rodata' || map.origin === 'data' || map.origin === 'bss' || map.origin === 'kconfig') {
    yield { code: 'global-data', what: `global data (${map.section})`, since: '5.2', instead: 'keep such values in a map of your own' };
    return;
  }
  for (const [bit, name, since] of MAP_FLAGS) if ((map.flags & bit) !== 0) yield { code: 'map-flag', what: `flag ${name}`, since };
  const value = spec.btf !== undefined && map.valueTypeId !== 0 ? spec.btf.resolve(map.valueTypeId) : undefined;
  if (value?.kind === 'struct' && spec.btf !== undefined) {
    for (const member of value.members) {
      const { name } = spec.btf.resolve(member.type);
      const since = Object.hasOwn(VALUE_FIELDS, name) ? VALUE_FIELDS[name] : undefined;
      if (since !== undefined) yield { code: 'map-field', what: `struct ${name} in the value`, since };
    }
  }
  if (map.inner !== undefined) yield* mapNeeds(spec, map.inner);
}

/** Limits and rules that were relaxed (kernel/bpf/verifier.c in each release). */
const OLD_INSN_LIMIT = 4096;

function* programNeeds(spec: CollectionSpec, program: ProgramSpec): Generator<Need> {
  yield* typeNeeds(program);
  const count = program.insns.length / 8;
  if (count > OLD_INSN_LIMIT) {
    yield {
      code: 'size',
      what: `a program of ${count} instructions (more than ${OLD_INSN_LIMIT})`,
      since: '5.2',
      instead: 'split it by tail calls',
    };
  }
  if (program.coreRelos.some((r) => r.kind !== 'type_id_local')) {
    yield {
      code: 'core',
      what: 'CO-RE without BTF from elsewhere',
      since: '5.4',
      warning: true,
      instead: 'give the BTF of that kernel when loading, such as one of BTFHub',
    };
  }
  const kfuncs = new Map(program.references.filter((r) => r.kind === 'kfunc').map((r) => [r.insn, r.name]));
  const weak = new Set(spec.externs.filter((e) => e.weak).map((e) => e.name));
  let tailCall: number | undefined;
  let localCall: number | undefined;
  for (let at = 0; at < count; ) {
    const insn = decodeAt(program.insns, at);
    if (insn.kind !== 'invalid') {
      if (insn.kind === 'call' && insn.target === 'helper' && insn.imm === TAIL_CALL) tailCall ??= at;
      if (insn.kind === 'call' && insn.target === 'local') localCall ??= at;
      const kfunc = kfuncs.get(at);
      if (kfunc !== undefined && !weak.has(kfunc)) {
        yield { code: 'kfunc', what: `kfunc ${kfunc}`, since: KFUNC_BY_NAME.get(kfunc)?.since ?? '5.13', insn: at };
      }
      for (const need of insnNeeds(insn)) yield { ...need, insn: at };
    }
    at += slotsOf(insn);
  }
  for (const r of program.references) {
    const extern = r.kind === 'ksym' ? spec.externs.find((e) => e.name === r.name) : undefined;
    if (extern !== undefined && extern.typeId !== 0 && !extern.weak) {
      yield { code: 'ksym', what: `typed kernel symbol ${r.name}`, since: '5.10', insn: r.insn };
    }
  }
  if (tailCall !== undefined && localCall !== undefined) {
    yield {
      code: 'tail-call',
      what: 'a tail call in a program with subprograms',
      since: '5.10',
      insn: tailCall,
      instead: 'mark the functions __always_inline',
    };
  }
  yield* argumentNeeds(program.insns);
  const loop = backEdge(program);
  if (loop !== undefined) yield { code: 'loop', what: 'a loop', since: '5.3', insn: loop, instead: 'unroll it: #pragma unroll' };
}

const TAIL_CALL = 12;

function* typeNeeds(program: ProgramSpec): Generator<Need> {
  const row = matchSection(program.section)?.row;
  const type = PROGRAM_TYPE_BY_ID.get(row?.progType ?? (program.section.startsWith('socket') ? 1 : 0));
  if (type !== undefined) yield { code: 'program-type', what: `program type ${type.name}`, since: type.since };
  for (const [name, id] of Object.entries(ATTACH_TYPE)) {
    const since = row?.attachType === id ? ATTACH_SINCE[name as AttachName] : undefined;
    if (since !== undefined) yield { code: 'attach-type', what: `section ${row?.prefix} (attach type ${name})`, since };
  }
  if (row?.frags === true) yield { code: 'program-flag', what: 'XDP with fragments', since: '5.18' };
  if (row?.sleepable === true) {
    yield {
      code: 'program-flag',
      what: 'a sleepable program',
      since: type?.name === 'kprobe' ? '6.0' : type?.name === 'syscall' ? '5.14' : '5.10',
    };
  }
}

const LESS = new Set(['jlt', 'jle', 'jslt', 'jsle']);

/** Releases of instructions: the eBPF of 3.18 is what is not listed (kernel/bpf/core.c and verifier.c in each release). */
function* insnNeeds(insn: Instruction): Generator<Omit<Need, 'insn'>> {
  const need = (what: string, since: string, instead?: string): Omit<Need, 'insn'> => ({
    code: 'insn',
    what,
    since,
    ...(instead === undefined ? {} : { instead }),
  });
  const v3 = 'compile with -mcpu=v2';
  const v4 = 'compile with -mcpu=v3';
  switch (insn.kind) {
    case 'jmp':
      if (insn.width === 32) yield need('a 32-bit jump', '5.1', v3);
      else if (LESS.has(insn.op)) yield need('a jump if less', '4.14', 'compile with -mcpu=v1');
      return;
    case 'alu':
      if (insn.op === 'sdiv' || insn.op === 'smod') yield need('signed division', '6.6', v4);
      else if (insn.op.startsWith('movsx')) yield need('a sign-extending move', '6.6', v4);
      else if (insn.op === 'arsh' && insn.width === 32) yield need('a 32-bit arithmetic shift', '5.0', v3);
      return;
    case 'end':
      if (insn.op === 'bswap') yield need('an unconditional byte swap', '6.6', v4);
      return;
    case 'addr_space_cast':
      return yield need('a cast between address spaces', '6.9');
    case 'ja':
      if (insn.wide) yield need('a jump with a 32-bit offset', '6.6', v4);
      return;
    case 'may_goto':
      return yield need('may_goto', '6.9');
    case 'ldx':
      if (insn.signed) yield need('a sign-extending load', '6.6', v4);
      return;
    case 'atomic':
      if (insn.op === 'load_acquire' || insn.op === 'store_release') yield need('load-acquire or store-release', '6.15');
      else if (insn.fetch || insn.op !== 'add') yield need('an atomic operation other than add', '5.12', 'do without its result');
      return;
    case 'ld_imm64':
      yield* pseudoNeeds(insn.pseudo);
      return;
    case 'call': {
      if (insn.target === 'local')
        yield { code: 'call', what: 'a call of a subprogram', since: '4.16', instead: 'mark it __always_inline' };
      const helper = insn.target === 'helper' ? HELPER_BY_ID.get(insn.imm) : undefined;
      if (helper !== undefined) yield { code: 'helper', what: `helper bpf_${helper.name}`, since: helper.since };
      return;
    }
    default:
      return;
  }
}

function* pseudoNeeds(pseudo: number): Generator<Omit<Need, 'insn'>> {
  if (pseudo === 2) yield { code: 'global-data', what: 'the address of a map value', since: '5.2' };
  else if (pseudo === 4) yield { code: 'call', what: 'the address of a subprogram', since: '5.13' };
}

/** The first instruction that leads back to one on the way to it, each subprogram for itself. Depth-first, with its own stack. */
function backEdge(program: ProgramSpec): number | undefined {
  const count = program.insns.length / 8;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(count);
  for (const start of [0, ...program.functions.map((f) => f.insn)]) {
    if (start >= count || state[start] !== 0) continue;
    const stack: { at: number; ways: number[] }[] = [{ at: start, ways: successors(program.insns, start) }];
    state[start] = OPEN;
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top === undefined) break;
      const next = top.ways.pop();
      if (next === undefined) {
        state[top.at] = DONE;
        stack.pop();
      } else if (state[next] === OPEN) {
        return top.at;
      } else if (next >= 0 && next < count && state[next] === 0) {
        state[next] = OPEN;
        stack.push({ at: next, ways: successors(program.insns, next) });
      }
    }
  }
  return undefined;
}

function successors(insns: Uint8Array, at: number): number[] {
  const insn = decodeAt(insns, at);
  const next = at + slotsOf(insn);
  switch (insn.kind) {
    case 'exit':
      return [];
    case 'ja':
      return [at + 1 + insn.off];
    case 'jmp':
    case 'may_goto':
      return [at + 1 + insn.off, next];
    default:
      return [next];
  }
}
