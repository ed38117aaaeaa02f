/** Checks a helper's arguments against its prototype before the call, so that implementations may trust every pointer and size. */
import { helperTakesMap, MAP_WRITERS } from '../helpers/map-compatibility.ts';
import type { ArgKind, HelperImpl, HelperProto } from '../helpers/types.ts';
import { MAP } from '../maps/types.ts';
import { KERNEL_BASE_HI } from '../mem/memory.ts';
import type { Access } from './access.ts';
import { FUNC_BASE, FUNC_HI } from './image.ts';

/** What a kind asks of its register; kinds that ask nothing are absent. `null`: 0 is allowed. */
interface KindRule {
  readonly rule: 'ctx' | 'map' | 'key' | 'value' | 'mem' | 'fixed' | 'string' | 'func' | 'stack';
  readonly nullable?: boolean;
  readonly write?: boolean;
  /** Bytes of `fixed` when the argument does not state them. */
  readonly size?: number;
}

const WRITABLE_16: KindRule = { rule: 'fixed', write: true, size: 16 };

/** Rules of argument kinds (kernel/bpf/verifier.c check_func_arg, v6.18). `mem` takes its size from the next argument unless the row states one. */
const KIND_RULES: Readonly<Partial<Record<ArgKind, KindRule>>> = {
  ctx: { rule: 'ctx' },
  ctx_or_null: { rule: 'ctx', nullable: true },
  map: { rule: 'map' },
  map_key: { rule: 'key' },
  map_value: { rule: 'value' },
  map_value_or_null: { rule: 'value', nullable: true },
  map_value_uninit: { rule: 'value', write: true },
  mem: { rule: 'mem' },
  mem_or_null: { rule: 'mem', nullable: true },
  mem_uninit: { rule: 'mem', write: true },
  mem_uninit_or_null: { rule: 'mem', write: true, nullable: true },
  mem_write: { rule: 'mem', write: true },
  const_str: { rule: 'string' },
  fixed_mem: { rule: 'fixed' },
  fixed_mem_uninit: { rule: 'fixed', write: true },
  long_ptr: { rule: 'fixed', write: true, size: 8 },
  int_ptr: { rule: 'fixed', write: true, size: 4 },
  func: { rule: 'func' },
  stack_or_null: { rule: 'stack', nullable: true },
  spin_lock: { rule: 'fixed', write: true, size: 4 },
  timer: WRITABLE_16,
  dynptr: WRITABLE_16,
  dynptr_uninit: WRITABLE_16,
  kptr: { rule: 'fixed', write: true, size: 8 },
  ringbuf_mem: { rule: 'fixed', write: true, size: 1 },
};

// Numbers of the rules: the check runs on the hot path, where a dense switch beats strings.
const RULE = { ctx: 0, map: 1, key: 2, value: 3, mem: 4, fixed: 5, string: 6, func: 7, stack: 8 } as const;

interface ArgCheck {
  readonly rule: number;
  /** Register number, 1..5. */
  readonly reg: number;
  readonly write: boolean;
  readonly nullable: boolean;
  /** Bytes of `fixed`. */
  readonly size: number;
  /** Register that holds the size of `mem`. */
  readonly sizeReg: number;
  readonly zeroOk: boolean;
}

/** A helper as the interpreter calls it. */
export interface HelperPlan {
  readonly proto: HelperProto;
  readonly impl: HelperImpl;
  readonly checks: readonly ArgCheck[];
  /** Register of the map argument, 0 when there is none. */
  readonly mapReg: number;
  readonly returnsPointer: boolean;
  /** By map type: whether the helper takes such a map. */
  readonly takes: readonly boolean[];
  /** It changes elements. */
  readonly writesMap: boolean;
  /** The returned pointer is a value of the map argument. */
  readonly returnsValue: boolean;
}

/** Prepares a helper for calls. */
export function planHelper(proto: HelperProto, impl: HelperImpl): HelperPlan {
  const checks: ArgCheck[] = [];
  let mapReg = 0;
  proto.args.forEach((arg, i) => {
    const rule = KIND_RULES[arg.kind];
    if (rule === undefined) return;
    const reg = i + 1;
    if (rule.rule === 'map') mapReg = reg;
    const next = proto.args[i + 1];
    const sized = rule.rule === 'mem' && arg.size === undefined && (next?.kind === 'size' || next?.kind === 'size_or_zero');
    checks.push({
      rule: rule.rule === 'mem' && !sized ? RULE.fixed : RULE[rule.rule],
      reg,
      write: rule.write === true,
      nullable: rule.nullable === true,
      size: arg.size ?? rule.size ?? 1,
      sizeReg: sized ? reg + 1 : 0,
      zeroOk: next?.kind === 'size_or_zero',
    });
  });
  const returnsPointer = !['integer', 'void', 'btf_id', 'btf_id_or_null', 'btf_id_trusted'].includes(proto.ret);
  const returnsValue = mapReg !== 0 && (proto.ret === 'map_value' || proto.ret === 'map_value_or_null');
  // Sockmaps, the only maps whose answer depends on the program's type, have no elements here.
  const takes = Array.from({ length: MAP_TYPE_COUNT }, (_, type) => helperTakesMap(proto.id, type, { type: 0, attachType: 0 }));
  return { proto, impl, checks, mapReg, returnsPointer, takes, writesMap: MAP_WRITERS.has(proto.id), returnsValue };
}

/** More than there are map types. */
const MAP_TYPE_COUNT = 64;
/** BPF_F_RDONLY_PROG. */
const RDONLY_PROG = 0x80;
/** Largest size argument that the verifier lets pass (BPF_MAX_VAR_SIZ, include/linux/bpf_verifier.h). */
const MAX_SIZE = 1 << 29;
const MAX_STRING = 1 << 16;

/** What the arguments break, in a sentence; undefined when they are all right. */
export function checkArguments(plan: HelperPlan, regs: Int32Array, access: Access): string | undefined {
  const checks = plan.checks;
  for (let i = 0; i < checks.length; i++) {
    const check = checks[i];
    if (check === undefined) break;
    const lo = regs[check.reg * 2] ?? 0;
    const hi = regs[check.reg * 2 + 1] ?? 0;
    const at = hi === KERNEL_BASE_HI ? lo >>> 0 : -1;
    const isNull = lo === 0 && hi === 0;
    if (check.nullable && isNull && check.rule !== RULE.mem) continue;
    let size = check.size;
    switch (check.rule) {
      case RULE.ctx:
        if (at !== access.ctx || access.ctx === 0) return wrong(check, lo, hi, 'ctx');
        continue;
      case RULE.map:
        if (at < 0 || !access.isMap(at)) return wrong(check, lo, hi, 'map_ptr');
        if (plan.takes[access.mem.dv.getUint32(at + MAP.TYPE, true)] !== true) return wrongMap(plan, at, access);
        if (plan.writesMap && (access.mem.dv.getUint32(at + MAP.FLAGS, true) & RDONLY_PROG) !== 0)
          return `R${check.reg} write into map forbidden`;
        continue;
      case RULE.func:
        if (hi !== FUNC_HI || (lo - FUNC_BASE) >>> 0 >= access.image.slots) return wrong(check, lo, hi, 'func');
        continue;
      case RULE.stack:
        // r10 itself points just behind its frame.
        if (!access.inStack(at, 1) && !access.inStack(at - 1, 1)) return wrong(check, lo, hi, 'fp');
        continue;
      case RULE.string:
        if (at < 0 || access.stringLength(at, MAX_STRING) < 0) return `R${check.reg}=${hex(lo, hi)} is not a NUL-terminated string`;
        continue;
      case RULE.key:
      case RULE.value: {
        const map = (regs[plan.mapReg * 2] ?? 0) >>> 0;
        size = access.mem.dv.getUint32(map + (check.rule === RULE.key ? MAP.KEY_SIZE : MAP.VALUE_SIZE), true);
        break;
      }
      case RULE.mem: {
        size = regs[check.sizeReg * 2] ?? 0;
        if ((regs[check.sizeReg * 2 + 1] ?? 0) !== 0 || size < 0 || size >= MAX_SIZE) {
          const value = hex(size, regs[check.sizeReg * 2 + 1] ?? 0);
          return `R${check.sizeReg} unbounded memory access: size ${value}, expected less than ${MAX_SIZE}`;
        }
        if (size === 0) {
          if (!check.zeroOk) return `R${check.sizeReg} invalid zero-sized ${check.write ? 'write' : 'read'}`;
          if (isNull || at >= 0) continue;
        }
        break;
      }
    }
    if (at < 0 || !access.reach(at, size, check.write)) {
      return `R${check.reg} invalid mem access: ${size} bytes at ${hex(lo, hi)} are not ${check.write ? 'writable' : 'readable'}`;
    }
  }
  return undefined;
}

function wrongMap(plan: HelperPlan, map: number, access: Access): string {
  return `cannot pass map_type ${access.mem.dv.getUint32(map + MAP.TYPE, true)} into func bpf_${plan.proto.name}#${plan.proto.id}`;
}

function wrong(check: ArgCheck, lo: number, hi: number, expected: string): string {
  return `R${check.reg}=${hex(lo, hi)} expected=${expected}${check.nullable ? '_or_null' : ''}`;
}

/** A register pair as `0x…`. */
export function hex(lo: number, hi: number): string {
  return `0x${((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)}`;
}
