/** Random programs over special fields: nested blocks that look values up, make objects, take locks, fill lists and trees, and dynptrs; with slips. */

const TYPES = { element: 8, leaf: 8, shared_node: 16, own: 0 } as const;
type TypeName = keyof typeof TYPES;
const OBJECTS = Object.keys(TYPES) as TypeName[];

/** Roots of the maps in field-maps.ts: offset, node's offset, type of the elements, and whether it is a tree. */
const ROOTS = {
  listed: [{ head: 8, node: 8, type: 'element', tree: false }],
  treed: [{ head: 8, node: 8, type: 'leaf', tree: true }],
  both: [
    { head: 8, node: 16, type: 'shared_node', tree: false },
    { head: 24, node: 40, type: 'shared_node', tree: true },
  ],
} as const;
type RootMap = keyof typeof ROOTS;
type Root = (typeof ROOTS)[RootMap][number];

/** Maps that values are looked up in, and where their lock is. */
const MAPS = { listed: 0, treed: 0, both: 0, lockhash: 8, held: -1, nodes: -1, plain: -1 } as const;
type MapName = keyof typeof MAPS;
const MAP_NAMES = Object.keys(MAPS) as MapName[];

/** Fields of pointers by map. */
const FIELDS: Readonly<Record<string, readonly number[]>> = { held: [8, 24, 32], nodes: [0, 8] };
const SLOTS = [-24, -40, -56];
const REGS = ['r6', 'r7', 'r8', 'r9'];
/** How often a rule is broken on purpose. */
const SLIP = 0.03;
const MAX_DEPTH = 4;

/** What a register is meant to hold. */
interface Held {
  readonly kind: 'value' | 'object' | 'borrowed';
  readonly of: string;
}

/** Programs by seed: the same seed, the same programs. Texts are for ProgramTypes.program(). */
export class FieldProgramGenerator {
  #seed: number;
  #lines: string[] = [];
  #labels = 0;
  #depth = 0;
  #locked = '';
  #usesLess = false;
  #regs = new Map<string, Held>();
  #dynptrs = new Map<number, 'local' | 'ring'>();

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  program(): string {
    this.#lines = REGS.map((reg) => `${reg} = 0`);
    this.#labels = 0;
    this.#depth = 0;
    this.#locked = '';
    this.#usesLess = false;
    this.#regs = new Map();
    this.#dynptrs = new Map();
    this.#block(2 + this.#below(5));
    this.#emit('r0 = 0', 'exit');
    if (this.#usesLess) this.#emit('less:', 'r3 = *(u64 *)(r1 - 8)', 'r0 = 0', 'exit');
    return this.#lines.join('\n');
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #chance(p: number): boolean {
    return this.#random() < p;
  }

  #pick<T>(from: readonly T[]): T {
    const item = from[this.#below(from.length)];
    if (item === undefined) throw new RangeError('nothing to choose from');
    return item;
  }

  #emit(...lines: readonly string[]): void {
    this.#lines.push(...lines);
  }

  #label(): string {
    return `l${this.#labels++}`;
  }

  /** A register with such contents; now and then any. */
  #holding(kind: Held['kind'], of?: string): string | undefined {
    if (this.#chance(SLIP)) return this.#pick(REGS);
    const fit = [...this.#regs].filter(([, held]) => held.kind === kind && (of === undefined || held.of === of)).map(([reg]) => reg);
    return fit.length === 0 ? undefined : this.#pick(fit);
  }

  #free(): string | undefined {
    const free = REGS.filter((reg) => !this.#regs.has(reg));
    return free.length === 0 ? undefined : this.#pick(free);
  }

  #block(steps: number): void {
    this.#depth++;
    for (let i = 0; i < steps; i++) (this.#locked === '' ? this.#pick(this.#open) : this.#pick(this.#underLock))();
    this.#depth--;
  }

  /** Lines that run only where R0 is not NULL, with R0 kept in a register. */
  #ifThere(held: Held, then: (reg: string) => void): void {
    const reg = this.#free();
    if (reg === undefined || this.#depth > MAX_DEPTH) return;
    const end = this.#label();
    if (!this.#chance(SLIP)) this.#emit(`if r0 == 0 goto ${end}`);
    this.#emit(`${reg} = r0`);
    this.#regs.set(reg, held);
    then(reg);
    this.#regs.delete(reg);
    this.#emit(`${end}:`);
  }

  readonly #open: readonly (() => void)[] = [
    () => this.#lookUp(),
    () => this.#lookUp(),
    () => this.#lookUp(),
    () => this.#make(),
    () => this.#make(),
    () => this.#lock(),
    () => this.#lock(),
    () => this.#exchange(),
    () => this.#loadField(),
    () => this.#access(),
    () => this.#branch(),
    () => this.#spill(),
    () => this.#acquire(),
    () => this.#dynptr(),
    () => this.#dynptr(),
    () => this.#rcu(),
  ];

  readonly #underLock: readonly (() => void)[] = [
    () => this.#push(),
    () => this.#push(),
    () => this.#pop(),
    () => this.#peek(),
    () => this.#access(),
    () => this.#branch(),
    () => this.#acquire(),
    () => this.#side(),
  ];

  #lookUp(): void {
    if (this.#free() === undefined || this.#depth > MAX_DEPTH) return;
    const map = this.#pick(MAP_NAMES);
    this.#emit('*(u32 *)(r10 - 4) = 0', 'r2 = r10', 'r2 += -4', `r1 = map[fd:$${map}]`, 'call bpf_map_lookup_elem');
    this.#ifThere({ kind: 'value', of: map }, () => this.#block(1 + this.#below(4)));
  }

  #make(): void {
    if (this.#free() === undefined || this.#depth > MAX_DEPTH) return;
    const type = this.#pick(OBJECTS);
    this.#emit(`r1 = typeid(${type})`, 'r2 = 0', 'call kfunc bpf_obj_new_impl');
    this.#ifThere({ kind: 'object', of: type }, (reg) => {
      this.#block(1 + this.#below(3));
      if (this.#regs.get(reg)?.kind === 'object' && !this.#chance(SLIP)) this.#drop(reg);
    });
  }

  #drop(reg: string): void {
    this.#emit(`r1 = ${reg}`, 'r2 = 0', 'call kfunc bpf_obj_drop_impl');
    this.#regs.delete(reg);
  }

  #lock(): void {
    const reg = this.#holding('value');
    const map = reg === undefined ? undefined : this.#regs.get(reg)?.of;
    const off = map === undefined ? -1 : (MAPS[map as MapName] ?? -1);
    if (reg === undefined || off < 0) return;
    this.#emit(`r1 = ${reg}`, `r1 += ${off}`, 'call bpf_spin_lock');
    this.#locked = reg;
    this.#block(1 + this.#below(3));
    this.#locked = '';
    for (const [held, { kind }] of this.#regs) if (kind === 'borrowed') this.#regs.delete(held);
    if (!this.#chance(SLIP)) this.#emit(`r1 = ${reg}`, `r1 += ${off}`, 'call bpf_spin_unlock');
  }

  /** A root of the locked value. */
  #root(): Root | undefined {
    const map = this.#regs.get(this.#locked)?.of;
    return map !== undefined && map in ROOTS ? this.#pick<Root>(ROOTS[map as RootMap]) : undefined;
  }

  #push(): void {
    const root = this.#root();
    const reg = root === undefined ? undefined : this.#holding('object', root.type);
    if (root === undefined || reg === undefined) return;
    this.#emit(`r1 = ${this.#locked}`, `r1 += ${root.head}`, `r2 = ${reg}`, `r2 += ${this.#chance(SLIP) ? 0 : root.node}`);
    if (root.tree) {
      this.#usesLess = true;
      this.#emit('r3 = &less', 'r4 = 0', 'r5 = 0', 'call kfunc bpf_rbtree_add_impl');
    } else {
      this.#emit('r3 = 0', 'r4 = 0', `call kfunc bpf_list_push_${this.#pick(['front', 'back'])}_impl`);
    }
    this.#regs.set(reg, { kind: 'borrowed', of: root.type });
  }

  #pop(): void {
    const root = this.#root();
    if (root === undefined || root.tree || this.#free() === undefined) return;
    this.#emit(`r1 = ${this.#locked}`, `r1 += ${root.head}`, `call kfunc bpf_list_pop_${this.#pick(['front', 'back'])}`);
    this.#ifThere({ kind: 'object', of: root.type }, (reg) => {
      this.#emit(`${reg} += -${root.node}`);
      if (this.#chance(0.7)) this.#push();
      if (this.#regs.get(reg)?.kind === 'object' && !this.#chance(SLIP)) this.#drop(reg);
    });
  }

  #peek(): void {
    const root = this.#root();
    if (root === undefined || this.#free() === undefined) return;
    const name = root.tree ? this.#pick(['rbtree_first', 'rbtree_root']) : this.#pick(['list_front', 'list_back']);
    this.#emit(`r1 = ${this.#locked}`, `r1 += ${root.head}`, `call kfunc bpf_${name}`);
    this.#ifThere({ kind: 'borrowed', of: root.type }, (reg) => {
      if (root.tree && this.#chance(0.3)) {
        this.#emit(`r2 = ${reg}`, `r1 = ${this.#locked}`, `r1 += ${root.head}`, 'call kfunc bpf_rbtree_remove');
        this.#regs.delete(reg);
        this.#ifThere({ kind: 'object', of: root.type }, (removed) => {
          this.#emit(`${removed} += -${root.node}`);
          if (!this.#chance(SLIP)) this.#push();
        });
        return;
      }
      this.#emit(`${reg} += -${root.node}`);
      this.#block(1);
    });
  }

  #side(): void {
    const root = this.#root();
    const reg = root?.tree === true ? this.#holding('borrowed', root.type) : undefined;
    if (root === undefined || reg === undefined || this.#free() === undefined) return;
    this.#emit(
      `r2 = ${reg}`,
      `r2 += ${root.node}`,
      `r1 = ${this.#locked}`,
      `r1 += ${root.head}`,
      `call kfunc bpf_rbtree_${this.#pick(['left', 'right'])}`,
    );
    this.#ifThere({ kind: 'borrowed', of: root.type }, (side) => this.#emit(`${side} += -${root.node}`, `r1 = *(u64 *)(${side} + 0)`));
  }

  #acquire(): void {
    const reg = this.#holding('object', 'shared_node') ?? this.#holding('borrowed', 'shared_node');
    if (reg === undefined || this.#free() === undefined) return;
    this.#emit(`r1 = ${reg}`, 'r2 = 0', 'call kfunc bpf_refcount_acquire_impl');
    this.#ifThere({ kind: 'object', of: 'shared_node' }, (more) => {
      if (this.#chance(0.5)) this.#block(1);
      if (this.#regs.get(more)?.kind === 'object' && this.#locked === '') this.#drop(more);
      else if (this.#locked !== '') this.#push();
    });
  }

  #exchange(): void {
    const reg = this.#holding('value');
    const fields = FIELDS[(reg === undefined ? undefined : this.#regs.get(reg)?.of) ?? ''];
    if (reg === undefined || fields === undefined || this.#free() === undefined) return;
    const off = this.#pick(fields);
    const type = off === 32 ? 'own' : off === 0 ? 'element' : 'shared_node';
    const given = this.#chance(0.5) ? this.#holding('object', type) : undefined;
    this.#emit(`r1 = ${reg}`, `r1 += ${off}`, given === undefined ? 'r2 = 0' : `r2 = ${given}`, 'call bpf_kptr_xchg');
    if (given !== undefined) this.#regs.delete(given);
    const mine = off === 0 || off === 32 || (fields.includes(0) && off === 8);
    if (!mine) {
      this.#ifThere({ kind: 'borrowed', of: 'none' }, (old) =>
        this.#emit(`r1 = ${reg}`, `r1 += ${off}`, `r2 = ${old}`, 'call bpf_kptr_xchg'),
      );
      return;
    }
    this.#ifThere({ kind: 'object', of: type }, (old) => {
      this.#block(1);
      if (this.#regs.get(old)?.kind === 'object') this.#drop(old);
    });
  }

  #loadField(): void {
    const reg = this.#holding('value');
    const fields = FIELDS[(reg === undefined ? undefined : this.#regs.get(reg)?.of) ?? ''];
    if (reg === undefined || fields === undefined || this.#free() === undefined) return;
    const off = this.#pick(fields);
    this.#emit(`r0 = *(u64 *)(${reg} + ${off})`);
    const counted = off === 8 && fields.includes(0);
    this.#ifThere({ kind: 'borrowed', of: counted ? 'shared_node' : 'none' }, () => this.#block(1));
  }

  #access(): void {
    const reg = this.#holding(this.#pick(['object', 'borrowed', 'value']));
    if (reg === undefined) return;
    if (this.#regs.get(reg)?.of === 'none') return;
    const off = this.#chance(SLIP) ? 8 : this.#regs.get(reg)?.of === 'own' ? this.#pick([0, 8]) : 0;
    const value = this.#regs.get(reg)?.kind === 'value';
    if (value && this.#regs.get(reg)?.of === 'nodes') return;
    const at = value && this.#regs.get(reg)?.of !== 'held' && this.#regs.get(reg)?.of !== 'plain' ? 4 : off;
    this.#emit(this.#chance(0.6) ? `r1 = *(u32 *)(${reg} + ${at})` : `*(u32 *)(${reg} + ${at}) = ${this.#below(9)}`);
  }

  #branch(): void {
    if (this.#depth > MAX_DEPTH) return;
    const value = this.#holding('value', 'plain') ?? this.#holding('value', 'held');
    if (value === undefined) return;
    const end = this.#label();
    this.#emit(`r1 = *(u64 *)(${value} + 0)`, `if r1 ${this.#pick(['==', '>', 's<'])} ${this.#pick([0, 1, 7])} goto ${end}`);
    const before = new Map(this.#regs);
    const dynptrs = new Map(this.#dynptrs);
    this.#block(1);
    // What was given away on the one path is still held on the other.
    for (const [reg, held] of before) if (!this.#chance(0.5)) this.#regs.set(reg, held);
    this.#dynptrs = dynptrs;
    this.#emit(`${end}:`);
  }

  #spill(): void {
    const reg = this.#pick(REGS);
    this.#emit(`*(u64 *)(r10 - 72) = ${reg}`, `${reg} = *(u64 *)(r10 - 72)`);
  }

  #rcu(): void {
    if (this.#depth > MAX_DEPTH) return;
    this.#emit('call kfunc bpf_rcu_read_lock');
    this.#block(1 + this.#below(2));
    if (!this.#chance(SLIP)) this.#emit('call kfunc bpf_rcu_read_unlock');
  }

  #dynptr(): void {
    const slot = this.#pick(SLOTS);
    const kind = this.#dynptrs.get(slot);
    const place = (reg: string, off = slot): string[] => [`${reg} = r10`, `${reg} += ${off}`];
    if (kind === undefined || this.#chance(SLIP)) {
      const value = this.#holding('value', 'plain');
      if (value !== undefined && this.#chance(0.6)) {
        this.#emit(`r1 = ${value}`, 'r2 = 8', 'r3 = 0', ...place('r4'), 'call bpf_dynptr_from_mem');
        this.#dynptrs.set(slot, 'local');
      } else if (this.#depth <= MAX_DEPTH) {
        this.#emit('r1 = map[fd:$ring]', 'r2 = 16', 'r3 = 0', ...place('r4'), 'call bpf_ringbuf_reserve_dynptr');
        this.#dynptrs.set(slot, 'ring');
        this.#block(1);
        if (!this.#chance(SLIP)) this.#emit(...place('r1'), 'r2 = 0', `call bpf_ringbuf_${this.#pick(['submit', 'discard'])}_dynptr`);
        this.#dynptrs.delete(slot);
      }
      return;
    }
    switch (this.#below(5)) {
      case 0:
        this.#emit(...place('r1', -88), 'r2 = 8', ...place('r3'), 'r4 = 0', 'r5 = 0', 'call bpf_dynptr_read');
        return;
      case 1:
        this.#emit(...place('r1'), 'r2 = 0', 'r3 = 8', 'call bpf_dynptr_data');
        this.#ifThere({ kind: 'borrowed', of: 'none' }, (reg) => {
          this.#block(1);
          this.#emit(`r1 = *(u64 *)(${reg} + 0)`);
        });
        return;
      case 2:
        if (kind === 'ring' && !this.#chance(SLIP)) return;
        this.#emit(`*(u64 *)(r10 - ${-slot}) = 0`);
        this.#dynptrs.delete(slot);
        return;
      case 3: {
        const to = this.#pick(SLOTS);
        if (this.#dynptrs.has(to) && !this.#chance(SLIP)) return;
        this.#emit(...place('r1'), ...place('r2', to), 'call kfunc bpf_dynptr_clone');
        if (kind === 'local') this.#dynptrs.set(to, kind);
        return;
      }
      default:
        this.#emit(...place('r1'), `call kfunc bpf_dynptr_${this.#pick(['size', 'is_null', 'is_rdonly'])}`);
    }
  }
}
