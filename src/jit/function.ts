/** What is known of a function before its code is written, and the state while it is: locals, webs, and values moved between them. */
import { KERNEL_BASE } from '../mem/memory.ts';
import { FRAME_SIZE, RUN_AREA } from './area.ts';
import type { HelperSignature } from './signature.ts';
import type { InsnFact, JitOptions } from './types.ts';
import { Code } from './wasm/code.ts';
import type { ValueType } from './wasm/opcodes.ts';
import { Cursor, type FunctionBody, type Webs } from './webs.ts';
import { HIGH, type Widths } from './widths.ts';

/** A function to be translated. */
export interface FunctionPlan {
  readonly name: string;
  /** Index of its program, slot of its first instruction. */
  readonly program: number;
  readonly slot: number;
  /** `entry`: called with (ctx, frame). `sub`: with its live arguments, and the frame if it needs one. */
  readonly kind: 'entry' | 'sub';
  readonly body: FunctionBody;
  /** A verifier's facts by slot. */
  readonly facts: readonly (InsnFact | undefined)[] | undefined;
  /** Index in the module. */
  readonly index: number;
  /** Mask of r1..r5 that it takes, and of those taken as 32 bits. */
  args: number;
  narrowArgs: number;
  needsFrame: boolean;
  /** It is part of a recursion: takes everything. */
  pinned: boolean;
  webs: Webs;
  widths: Widths;
}

/** What functions need of the module around them. */
export interface Linker {
  readonly options: JitOptions;
  readonly areaGlobal: number;
  readonly callbackBaseGlobal: number;
  helper(id: number): { readonly signature: HelperSignature; readonly index: number } | undefined;
  sub(program: number, slot: number): FunctionPlan | undefined;
  /** What faults say of the program with an index: its number, or its index where it has none. */
  numberOf(program: number): number;
  /** Index of the entry function of the program with a number. */
  entryOf(number: number): number | undefined;
  /** Index of an imported or internal function. */
  runtime(name: RuntimeFunction): number;
  /** Index of a function of the map kernels. */
  kernel(name: string): number | undefined;
  /** Index of the type of entries. */
  readonly entryType: number;
  /** Place in the table of a function whose address is taken, relative to this module's first callback. */
  callback(program: number, slot: number): number;
}

/** Functions besides the programs': `access` and `fault` are in the module, the others are imported from `env`. */
export type RuntimeFunction = 'access' | 'fault' | 'reach' | 'probe' | 'task' | 'clock' | 'wake' | 'packet' | 'progArray' | 'miss';

/** Writes one function's instructions. */
export class FunctionWriter {
  readonly code = new Code();
  readonly plan: FunctionPlan;
  readonly linker: Linker;
  readonly cursor: Cursor;
  readonly locals: ValueType[] = [];
  readonly params: number;
  /** Byte offset in code and slot, pairs. */
  readonly places: number[] = [];
  readonly #registers = new Map<number, number>();
  readonly #temps = new Map<string, number>();

  constructor(plan: FunctionPlan, linker: Linker, params: number) {
    this.plan = plan;
    this.linker = linker;
    this.params = params;
    this.cursor = new Cursor(plan.webs);
  }

  get checked(): boolean {
    return this.linker.options.checked === true;
  }

  /** A local of its own. */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.params + this.locals.length - 1;
  }

  /** A scratch local by name; whoever uses it needs it no longer than one instruction. */
  temp(type: ValueType, name: string): number {
    const key = type + name;
    const known = this.#temps.get(key);
    if (known !== undefined) return known;
    const index = this.local(type);
    this.#temps.set(key, index);
    return index;
  }

  /** Parameter that holds the frame's lowest byte. */
  get frame(): number {
    return this.params - 1;
  }

  #register(reg: number, narrow: boolean): number {
    const key = reg * 2 + (narrow ? 1 : 0);
    const known = this.#registers.get(key);
    if (known !== undefined) return known;
    const index = this.local(narrow ? 'i32' : 'i64');
    this.#registers.set(key, index);
    return index;
  }

  isNarrow(web: number): boolean {
    return this.plan.widths.narrow[web] === 1;
  }

  /** HIGH bits of a register's present value. */
  high(reg: number): number {
    return reg === 10 ? HIGH.pointer | HIGH.nullable : (this.plan.widths.high[this.cursor.web(reg)] ?? 0);
  }

  /** Constant in a register, unsigned 64 bits. */
  constant(reg: number): bigint | undefined {
    return reg === 10 ? undefined : this.plan.widths.constant(this.cursor.web(reg));
  }

  /** Slot of the function whose address is in a register, where it is known. */
  callback(reg: number): number | undefined {
    return reg === 10 ? undefined : this.plan.widths.callback(this.cursor.web(reg));
  }

  /** Pushes the low half. */
  push32(reg: number): void {
    const { code } = this;
    if (reg === 10) {
      code.op1('local.get', this.frame);
      code.i32(FRAME_SIZE);
      code.op('i32.add');
    } else if (this.isNarrow(this.cursor.web(reg))) {
      code.op1('local.get', this.#register(reg, true));
    } else {
      code.op1('local.get', this.#register(reg, false));
      code.op('i32.wrap_i64');
    }
  }

  /** Pushes all 64 bits. */
  push64(reg: number): void {
    const { code } = this;
    if (reg !== 10 && !this.isNarrow(this.cursor.web(reg))) {
      code.op1('local.get', this.#register(reg, false));
      return;
    }
    this.push32(reg);
    this.extend(this.high(reg));
  }

  /** i32 with a known high half -> i64. */
  extend(high: number): void {
    const { code } = this;
    if ((high & HIGH.zero) !== 0 || high === 0) {
      code.op('i64.extend_i32_u');
    } else if ((high & HIGH.sign) !== 0) {
      code.op('i64.extend_i32_s');
    } else if ((high & HIGH.pointer) !== 0) {
      code.op('i64.extend_i32_u');
      code.i64Big(KERNEL_BASE);
      code.op('i64.or');
    } else {
      const value = this.temp('i32', 'pointer');
      code.op1('local.tee', value);
      code.op('i64.extend_i32_u');
      code.i64Big(KERNEL_BASE);
      code.i64(0);
      code.op1('local.get', value);
      code.op('select');
      code.op('i64.or');
    }
  }

  /** Pops an i32 whose high half is as `high` says into the next definition of a register. */
  set32(reg: number, high: number): void {
    const web = this.cursor.define(reg);
    if (!this.isNarrow(web)) this.extend(high);
    this.code.op1('local.set', this.#register(reg, this.isNarrow(web)));
  }

  /** Pops an i64 into the next definition of a register. */
  set64(reg: number): void {
    const web = this.cursor.define(reg);
    if (this.isNarrow(web)) this.code.op('i32.wrap_i64');
    this.code.op1('local.set', this.#register(reg, this.isNarrow(web)));
  }

  /** Pops a value into a register's place at the function's entry. @param high of an i32; undefined: an i64 is popped */
  initialise(reg: number, high: number | undefined): void {
    const narrow = this.isNarrow(this.plan.webs.web[reg] ?? 0);
    if (high === undefined && narrow) this.code.op('i32.wrap_i64');
    if (high !== undefined && !narrow) this.extend(high);
    this.code.op1('local.set', this.#register(reg, narrow));
  }

  /** Whether the register's next definition is kept in 32 bits. */
  nextIsNarrow(): boolean {
    return this.isNarrow(this.cursor.peek());
  }

  /** Makes r1..r5 zero, as after calls. Locals that nobody reads cost nothing once compiled. */
  clobber(live: number): void {
    for (let reg = 1; reg <= 5; reg++) {
      if ((live & (1 << reg)) === 0) {
        this.cursor.define(reg);
        continue;
      }
      this.code.i32(0);
      this.set32(reg, HIGH.zero);
    }
  }

  /** Pushes the address of a field of the run area. */
  area(): void {
    this.code.op1('global.get', this.linker.areaGlobal);
  }

  /** Pushes the address of the callee's frame. */
  calleeFrame(stride: number): void {
    this.code.op1('local.get', this.frame);
    this.code.i32(stride);
    this.code.op('i32.sub');
  }

  /** Ends the run with a fault; what follows is unreachable. */
  fault(kind: number, slot: number): void {
    const { code } = this;
    code.i32(kind);
    code.i32(this.linker.numberOf(this.plan.program));
    code.i32(slot);
    code.op1('call', this.linker.runtime('fault'));
    code.op('unreachable');
  }

  /** Counts rounds of a loop, or a call, down. */
  spend(kind: number, slot: number, rounds = 1): void {
    if (this.linker.options.budget !== true) return;
    const { code } = this;
    const left = this.temp('i32', 'budget');
    this.area();
    this.area();
    code.mem('i32.load', RUN_AREA.BUDGET);
    code.i32(rounds);
    code.op('i32.sub');
    code.op1('local.tee', left);
    code.mem('i32.store', RUN_AREA.BUDGET);
    code.op1('local.get', left);
    code.i32(0);
    code.op('i32.lt_s');
    code.open('if');
    this.fault(kind, slot);
    code.close();
  }
}
