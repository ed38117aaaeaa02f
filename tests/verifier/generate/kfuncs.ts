/** Random calls of kernel functions: values that mostly fit a parameter's type, used and released more or less as they should be. */
import type { Btf } from '../../../src/btf/index.ts';
import type { Random } from './random.ts';
import type { Generated } from './writer.ts';

interface Param {
  /** Name of the type without qualifiers; `*` for each pointer. */
  readonly type: string;
}

const SLEEPABLE = 16;
const TYPES = [
  { type: 2, flags: 0 },
  { type: 2, flags: SLEEPABLE },
  { type: 3, flags: 0 },
  { type: 5, flags: 0 },
  { type: 6, flags: 0 },
  { type: 31, flags: SLEEPABLE },
];
const DYNPTR = -64;
const ITERATOR = -96;
const OBJECTS = /task_struct|cgroup|file|mm_struct|sock|crypto|key|cpumask|css|path|inode|dentry/;
const RELEASES = ['bpf_task_release', 'bpf_cgroup_release', 'bpf_put_file', 'bpf_key_put', 'bpf_cpumask_release'];
const OR_END = ['if r0 != 0 goto +2', 'r0 = 0', 'exit'];

const kfunc = (name: string): string => `call kfunc ${name}`;
const fp = (reg: number, off: number): string[] => [`r${reg} = r10`, `r${reg} += ${off}`];

function typeName(btf: Btf, id: number): string {
  if (id === 0) return 'void';
  const type = btf.type(id);
  if (type.kind === 'ptr') return `${typeName(btf, type.type)}*`;
  if (type.kind === 'const' || type.kind === 'volatile' || type.kind === 'type_tag') return typeName(btf, type.type);
  return type.name === '' ? type.kind : type.name;
}

/** Programs that call the kernel functions of `names`, in turn. */
export class KfuncPrograms {
  readonly #random: Random;
  readonly #params = new Map<string, readonly Param[]>();
  readonly #names: readonly string[];
  readonly #task: number;
  #next = 0;

  constructor(random: Random, btf: Btf, names: readonly string[]) {
    this.#random = random;
    const wanted = new Set(names);
    let task = 0;
    for (let id = 1; id < btf.count; id++) {
      const kind = btf.kind(id);
      if (kind !== 'func' && kind !== 'struct') continue;
      const type = btf.type(id);
      if (type.kind === 'struct' && type.name === 'task_struct') task = id;
      if (type.kind !== 'func' || !wanted.has(type.name)) continue;
      const proto = btf.type(type.type);
      if (proto.kind === 'func_proto') {
        this.#params.set(
          type.name,
          proto.params.map((param) => ({ type: typeName(btf, param.type) })),
        );
      }
    }
    this.#task = task;
    this.#names = names.filter((name) => this.#params.has(name));
  }

  program(): Generated & { readonly flags: number } {
    const random = this.#random;
    const name = this.#names[this.#next++ % this.#names.length] ?? '';
    const family = /^(bpf_iter_\w+)_(new|next|destroy)$/.exec(name)?.[1];
    const { type, flags } = random.pick(TYPES);
    const lines = ['r9 = r1', 'r6 = 3', 'r7 = 0', 'r8 = 0'];
    for (let off = 8; off <= 128; off += 8) if (random.chance(0.9)) lines.push(`*(u64 *)(r10 ${-off}) = 0`);
    if (random.chance(0.3)) lines.push('call bpf_get_prandom_u32', 'r6 = r0');
    const release = this.#object(lines);
    this.#memory(lines);
    this.#dynptr(lines, type);
    if (family !== undefined && !name.endsWith('_new') && random.chance(0.8)) this.#call(lines, `${family}_new`);
    if (random.chance(0.1)) lines.push(kfunc('bpf_rcu_read_lock'));
    if (random.chance(0.05)) lines.push(kfunc('bpf_preempt_disable'));
    for (let calls = random.chance(0.3) ? 2 : 1; calls > 0; calls--) this.#call(lines, name);
    this.#result(lines);
    if (release !== undefined && random.chance(0.9)) lines.push('r1 = r7', kfunc(release));
    if (family !== undefined && random.chance(0.8)) this.#call(lines, `${family}_destroy`);
    lines.push('r0 = 0', 'exit');
    return { text: lines.join('\n'), type, flags };
  }

  /** Something in r7. @returns what releases it */
  #object(lines: string[]): string | undefined {
    const random = this.#random;
    switch (random.below(7)) {
      case 0:
        lines.push('call bpf_get_current_task_btf', 'r7 = r0');
        return undefined;
      case 1:
        lines.push('r1 = 1', kfunc('bpf_task_from_pid'), ...(random.chance(0.8) ? OR_END : []), 'r7 = r0');
        return 'bpf_task_release';
      case 2:
        lines.push('r1 = 1', kfunc('bpf_cgroup_from_id'), ...(random.chance(0.8) ? OR_END : []), 'r7 = r0');
        return 'bpf_cgroup_release';
      case 3:
        lines.push(`r1 = ${random.pick(['r9', 'r10', '0'])}`, `r2 = ${random.pick([0, this.#task])}`, kfunc('bpf_rdonly_cast'), 'r7 = r0');
        return undefined;
      case 4:
        lines.push('r1 = r9', kfunc('bpf_cast_to_kern_ctx'), 'r7 = r0');
        return undefined;
      default:
        return undefined;
    }
  }

  /** Something in r8. */
  #memory(lines: string[]): void {
    const random = this.#random;
    const lookup = [...fp(2, -8), '*(u64 *)(r10 -8) = 0', 'r1 = map[fd:$array]', 'call bpf_map_lookup_elem'];
    switch (random.below(4)) {
      case 0:
        lines.push(...lookup, ...(random.chance(0.8) ? OR_END : []), 'r8 = r0');
        break;
      case 1:
        lines.push(`r8 = map[fd:$${random.pick(['array', 'ring', 'hash', 'arena', 'cgroups'])}]`);
        break;
      case 2:
        lines.push(...fp(8, -48));
    }
  }

  #dynptr(lines: string[], type: number): void {
    const place = (reg: number): string[] => fp(reg, DYNPTR);
    switch (this.#random.below(4)) {
      case 0:
        lines.push('r1 = r9', 'r2 = 0', ...place(3), kfunc(type === 6 ? 'bpf_dynptr_from_xdp' : 'bpf_dynptr_from_skb'));
        break;
      case 1:
        lines.push(...fp(2, -8), '*(u64 *)(r10 -8) = 0', 'r1 = map[fd:$array]', 'call bpf_map_lookup_elem', ...OR_END);
        lines.push('r1 = r0', `r2 = ${this.#random.pick([8, 48])}`, 'r3 = 0', ...place(4), 'call bpf_dynptr_from_mem');
    }
  }

  #call(lines: string[], name: string): void {
    for (const [i, param] of (this.#params.get(name) ?? []).entries()) lines.push(...this.#argument(i + 1, param.type));
    lines.push(kfunc(name));
  }

  #argument(reg: number, type: string): string[] {
    const random = this.#random;
    if (random.chance(0.2)) return [`r${reg} = ${random.pick(['0', '1', 'r6', 'r7', 'r8', 'r9', 'r10'])}`];
    if (!type.endsWith('*')) return [`r${reg} = ${random.pick(['0', '1', '4', '8', '48', '-1', 'r6'])}`];
    if (type === 'bpf_dynptr*') return fp(reg, random.pick([DYNPTR, DYNPTR, DYNPTR, -112]));
    if (type.startsWith('bpf_iter')) return fp(reg, ITERATOR);
    if (OBJECTS.test(type)) return [`r${reg} = ${random.pick(['r7', 'r7', 'r7', 'r8'])}`];
    if (/sk_buff|xdp|ctx/.test(type)) return [`r${reg} = r9`];
    return random.chance(0.5) ? fp(reg, random.pick([-8, -16, -32, -48])) : [`r${reg} = ${random.pick(['r7', 'r8', '0'])}`];
  }

  #result(lines: string[]): void {
    const random = this.#random;
    switch (random.below(6)) {
      case 0:
        lines.push('r0 = *(u32 *)(r0 + 0)');
        break;
      case 1:
        lines.push('if r0 == 0 goto +1', 'r0 = *(u32 *)(r0 + 0)');
        break;
      case 2:
        lines.push('if r0 == 0 goto +1', '*(u8 *)(r0 + 0) = 1');
        break;
      case 3:
        lines.push('if r0 == 0 goto +3', 'r1 = r0', kfunc(random.pick(RELEASES)), 'r0 = 0');
    }
  }
}
