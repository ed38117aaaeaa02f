/**
 * Helpers that are written out where they are called, or called in another WebAssembly instance: nothing here crosses into JavaScript, but for facts
 * of the task that its source has to look up once a run. Unchecked code only: arguments were verified.
 */
import type { Instruction } from '../isa/index.ts';
import { CPU } from '../mem/layout.ts';
import { KERNEL_BASE_HI } from '../mem/memory.ts';
import { FACT, FAULT, FRAME_STRIDE, RUN_AREA } from './area.ts';
import type { FunctionWriter } from './function.ts';
import type { HelperSignature } from './signature.ts';
import type { FunctionType } from './wasm/module.ts';
import { HIGH } from './widths.ts';

/** What is known of a map while programs that name it exist. Offsets are memory offsets. */
export interface JitMap {
  readonly type: number;
  readonly maxEntries: number;
  /** Arrays: first slot, and bytes from one element to the next. */
  readonly data: number;
  readonly stride: number;
  /** Per-CPU maps: bytes from one CPU's value to the next. */
  readonly cpuStride: number;
}

/** Numbers of enum bpf_map_type. */
const [HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LRU_PERCPU_HASH] = [1, 2, 5, 6, 9, 10];
const [LPM_TRIE, ARRAY_OF_MAPS, HASH_OF_MAPS] = [11, 12, 13];
/** Helpers' ids. */
export const HELPER = {
  LOOKUP: 1,
  UPDATE: 2,
  DELETE: 3,
  KTIME: 5,
  PRANDOM: 7,
  CPU: 8,
  PID_TGID: 14,
  UID_GID: 15,
  COMM: 16,
  CSUM_DIFF: 28,
  CURRENT_TASK: 35,
  PERF_OUTPUT: 25,
  NUMA_NODE: 42,
  SPIN_LOCK: 93,
  SPIN_UNLOCK: 94,
  FUNC_IP: 173,
  ATTACH_COOKIE: 174,
  LOOP: 181,
  STRNCMP: 182,
} as const;

const two: FunctionType = { params: ['i32', 'i32'], results: ['i32'] };
const four: FunctionType = { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] };
const done: FunctionType = { params: ['i32'], results: [] };

/** Functions of the map kernels (runtime/README.md) by helper: the one for a map of unknown type, and by type. */
const KERNELS: Readonly<
  Record<number, { readonly type: FunctionType; readonly any: string; readonly by: Readonly<Record<number, string>> }>
> = {
  [HELPER.LOOKUP]: {
    type: two,
    any: 'map_lookup',
    by: {
      [HASH]: 'hash_lookup',
      [PERCPU_HASH]: 'percpu_hash_lookup',
      [LRU_HASH]: 'lru_hash_lookup',
      [LRU_PERCPU_HASH]: 'lru_percpu_hash_lookup',
      [LPM_TRIE]: 'lpm_lookup',
      [ARRAY_OF_MAPS]: 'array_of_maps_lookup',
      [HASH_OF_MAPS]: 'hash_of_maps_lookup',
    },
  },
  [HELPER.UPDATE]: {
    type: four,
    any: 'map_update',
    by: {
      [HASH]: 'hash_update',
      [ARRAY]: 'array_update',
      [PERCPU_HASH]: 'percpu_hash_update',
      [PERCPU_ARRAY]: 'percpu_array_update',
      [LRU_HASH]: 'lru_hash_update',
      [LRU_PERCPU_HASH]: 'lru_percpu_hash_update',
      [LPM_TRIE]: 'lpm_update',
    },
  },
  [HELPER.DELETE]: {
    type: two,
    any: 'map_delete',
    by: {
      [HASH]: 'hash_delete',
      [PERCPU_HASH]: 'hash_delete',
      [LRU_HASH]: 'lru_hash_delete',
      [LRU_PERCPU_HASH]: 'lru_hash_delete',
      [LPM_TRIE]: 'lpm_delete',
    },
  },
};

/** How an argument is passed: its low half, or flags with what is above bit 31 folded in. */
type Pass = 'low' | 'flags';

/** A helper that is one call of a map kernel, whatever the map. */
interface Direct {
  readonly name: string;
  readonly pass: readonly Pass[];
  readonly result: 's32' | 'pointer' | 'void' | 'i64';
}

/** Helpers on queues, stacks, bloom filters and ring buffers. */
const DIRECT: Readonly<Record<number, Direct>> = {
  87: { name: 'map_push', pass: ['low', 'low', 'flags'], result: 's32' },
  88: { name: 'map_pop', pass: ['low', 'low'], result: 's32' },
  89: { name: 'map_peek', pass: ['low', 'low'], result: 's32' },
  130: { name: 'ringbuf_output', pass: ['low', 'low', 'low', 'flags'], result: 's32' },
  131: { name: 'ringbuf_reserve', pass: ['low', 'low', 'flags'], result: 'pointer' },
  132: { name: 'ringbuf_submit', pass: ['low', 'flags'], result: 'void' },
  133: { name: 'ringbuf_discard', pass: ['low', 'flags'], result: 'void' },
  134: { name: 'ringbuf_query', pass: ['low', 'flags'], result: 'i64' },
};

function typeOf({ pass, result }: Direct): FunctionType {
  const results = result === 'void' ? [] : [result === 'i64' ? ('i64' as const) : ('i32' as const)];
  return { params: pass.map(() => 'i32'), results };
}

function writeDirect(w: FunctionWriter, { name, pass, result }: Direct): boolean {
  pass.forEach((how, i) => {
    if (how === 'low') w.push32(i + 1);
    else pushFlags(w, i + 1);
  });
  w.code.op1('call', w.linker.kernel(name) ?? 0);
  if (result === 'i64') {
    w.set64(0);
    return true;
  }
  if (result === 'void') w.code.i32(0);
  w.set32(0, result === 'pointer' ? HIGH.nullable : result === 's32' ? HIGH.sign : HIGH.zero);
  return true;
}

const PERF_OUTPUT: FunctionType = { params: ['i32', 'i64', 'i32', 'i32', 'i64', 'i32', 'i32'], results: ['i32'] };

/** A sample goes into its ring without leaving WebAssembly, unless it wants the time: 1 says so, and the helper is called as any other. */
function writePerfOutput(w: FunctionWriter): boolean {
  const { code } = w;
  const helper = w.linker.helper(HELPER.PERF_OUTPUT);
  if (helper === undefined) return false;
  const result = w.temp('i32', 'sent');
  w.push32(2);
  w.push64(3);
  w.push32(4);
  w.push32(5);
  w.area();
  code.mem('i64.load', RUN_AREA.PID_TGID);
  w.area();
  code.mem('i32.load', RUN_AREA.CPU_RECORD);
  w.area();
  code.mem('i32.load', RUN_AREA.CPU);
  code.op1('call', w.linker.kernel('perf_event_output') ?? 0);
  code.op1('local.tee', result);
  code.i32(1);
  code.op('i32.eq');
  code.open('if');
  pushArguments(w, helper.signature);
  code.op1('call', helper.index);
  code.op1('local.set', result);
  code.close();
  code.op1('local.get', result);
  w.set32(0, HIGH.sign);
  return true;
}

/** Pushes r1.. as a helper's import takes them. */
export function pushArguments(w: FunctionWriter, { params }: HelperSignature): void {
  params.forEach((param, i) => {
    if (param === 'i64') {
      w.push64(i + 1);
    } else {
      w.push32(i + 1);
      if (param === 'split') pushHigh(w, i + 1);
    }
  });
}

/** Pushes the high half. */
export function pushHigh(w: FunctionWriter, reg: number): void {
  const { code } = w;
  const high = w.high(reg);
  if ((high & HIGH.zero) !== 0) {
    code.i32(0);
  } else if ((high & HIGH.pointer) !== 0) {
    code.i32(KERNEL_BASE_HI);
  } else if ((high & HIGH.sign) !== 0) {
    w.push32(reg);
    code.i32(31);
    code.op('i32.shr_s');
  } else {
    w.push64(reg);
    code.i64(32);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
  }
}

/** Imports from `runtime` for the helpers that programs call and the types of the maps that they name. */
export function runtimeImports(helpers: Iterable<number>, types: ReadonlySet<number>): Map<string, FunctionType> {
  const needed = new Map<string, FunctionType>();
  for (const id of helpers) {
    const kernel = KERNELS[id];
    if (kernel !== undefined) {
      needed.set(kernel.any, kernel.type);
      for (const type of types) {
        const name = kernel.by[type];
        if (name !== undefined) needed.set(name, kernel.type);
      }
    }
    const direct = DIRECT[id];
    if (direct !== undefined) needed.set(direct.name, typeOf(direct));
    if (id === HELPER.PERF_OUTPUT) needed.set('perf_event_output', PERF_OUTPUT);
    if (id === HELPER.CSUM_DIFF) needed.set('csum_diff', { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] });
    if (id === HELPER.STRNCMP) needed.set('strncmp', { params: ['i32', 'i32', 'i32'], results: ['i32'] });
    if (id === HELPER.SPIN_LOCK) needed.set('spin_lock', done);
    if (id === HELPER.SPIN_UNLOCK) needed.set('spin_unlock', done);
    if (id === HELPER.PRANDOM) needed.set('prandom', { params: ['i32'], results: ['i32'] });
  }
  return needed;
}

type Call = Extract<Instruction, { kind: 'call' }>;

/** Writes a helper call whose result is in r0 afterwards; r1..r5 are the caller's business. @returns whether it did */
export function writeInline(w: FunctionWriter, insn: Call, slot: number): boolean {
  if (w.checked || w.linker.options.map === undefined) return false;
  const { code } = w;
  switch (insn.imm) {
    case HELPER.LOOKUP:
      return writeLookup(w, slot);
    case HELPER.UPDATE:
      w.push32(1);
      w.push32(2);
      w.push32(3);
      pushFlags(w, 4);
      return callKernel(w, HELPER.UPDATE);
    case HELPER.DELETE:
      w.push32(1);
      w.push32(2);
      return callKernel(w, HELPER.DELETE);
    case HELPER.KTIME:
      code.op1('call', w.linker.runtime('clock'));
      code.op('i64.trunc_f64_u');
      w.set64(0);
      return true;
    case HELPER.CPU:
      w.area();
      code.mem('i32.load', RUN_AREA.CPU);
      w.set32(0, HIGH.zero);
      return true;
    case HELPER.NUMA_NODE:
      code.i32(0);
      w.set32(0, HIGH.zero);
      return true;
    case HELPER.PID_TGID:
      return loadArea(w, RUN_AREA.PID_TGID);
    case HELPER.FUNC_IP:
      return loadArea(w, RUN_AREA.FUNC_IP);
    case HELPER.ATTACH_COOKIE:
      return loadArea(w, RUN_AREA.COOKIE);
    case HELPER.CURRENT_TASK:
      return loadArea(w, RUN_AREA.TASK);
    case HELPER.UID_GID:
      ready(w, FACT.UID_GID);
      return loadArea(w, RUN_AREA.UID_GID);
    case HELPER.COMM:
      return writeComm(w);
    case HELPER.PRANDOM:
      w.area();
      code.mem('i32.load', RUN_AREA.CPU_RECORD);
      code.i32(CPU.PRANDOM);
      code.op('i32.add');
      code.op1('call', w.linker.kernel('prandom') ?? 0);
      w.set32(0, HIGH.zero);
      return true;
    case HELPER.CSUM_DIFF:
      return callWith(w, 'csum_diff', 5);
    case HELPER.STRNCMP:
      return callWith(w, 'strncmp', 3);
    case HELPER.SPIN_LOCK:
    case HELPER.SPIN_UNLOCK:
      return writeSpinLock(w, insn.imm);
    case HELPER.PERF_OUTPUT:
      return writePerfOutput(w);
    case HELPER.LOOP:
      return writeLoop(w, slot);
    default: {
      const direct = DIRECT[insn.imm];
      return direct !== undefined && writeDirect(w, direct);
    }
  }
}

/** Calls a function of the runtime on the low halves of the first arguments. */
function callWith(w: FunctionWriter, name: string, args: number): boolean {
  for (let reg = 1; reg <= args; reg++) w.push32(reg);
  w.code.op1('call', w.linker.kernel(name) ?? 0);
  w.set32(0, HIGH.sign);
  return true;
}

function loadArea(w: FunctionWriter, field: number): boolean {
  w.area();
  w.code.mem('i64.load', field);
  w.set64(0);
  return true;
}

/** The map in a register, where it is a constant. */
function mapIn(w: FunctionWriter, reg: number): JitMap | undefined {
  const constant = w.constant(reg);
  return constant === undefined ? undefined : w.linker.options.map?.(Number(BigInt.asUintN(32, constant)));
}

/** Calls the map kernel's function for a helper on the map in r1; the arguments are on the stack. */
function callKernel(w: FunctionWriter, helper: number): boolean {
  const kernel = KERNELS[helper];
  const type = mapIn(w, 1)?.type;
  const name = (type === undefined ? undefined : kernel?.by[type]) ?? kernel?.any ?? '';
  w.code.op1('call', w.linker.kernel(name) ?? 0);
  w.set32(0, helper === HELPER.LOOKUP ? HIGH.nullable : HIGH.sign);
  return true;
}

/** Flags as the kernels take them: low half, with bit 31 set where any of the high half is. */
function pushFlags(w: FunctionWriter, reg: number): void {
  const { code } = w;
  w.push32(reg);
  if ((w.high(reg) & HIGH.zero) !== 0) return;
  w.push64(reg);
  code.i64(32);
  code.op('i64.shr_u');
  code.i64(0);
  code.op('i64.ne');
  code.i32(31);
  code.op('i32.shl');
  code.op('i32.or');
}

function writeLookup(w: FunctionWriter, slot: number): boolean {
  const { code } = w;
  const map = mapIn(w, 1);
  if (map === undefined || (map.type !== ARRAY && map.type !== PERCPU_ARRAY)) {
    w.push32(1);
    w.push32(2);
    return callKernel(w, HELPER.LOOKUP);
  }
  const perCpu = (): void => {
    if (map.type !== PERCPU_ARRAY) return;
    w.area();
    code.mem('i32.load', RUN_AREA.CPU);
    code.i32(map.cpuStride);
    code.op('i32.mul');
    code.op('i32.add');
  };
  const key = w.plan.facts?.[slot]?.key;
  if (key !== undefined) {
    code.i32((map.data + key * map.stride) | 0);
    perCpu();
    w.set32(0, HIGH.nullable);
    return true;
  }
  const index = w.temp('i32', 'index');
  w.push32(2);
  code.mem('i32.load', 0);
  code.op1('local.tee', index);
  code.i32(map.stride);
  code.op('i32.mul');
  code.i32(map.data | 0);
  code.op('i32.add');
  perCpu();
  code.i32(0);
  code.op1('local.get', index);
  code.i32(map.maxEntries | 0);
  code.op('i32.lt_u');
  code.op('select');
  w.set32(0, HIGH.nullable);
  return true;
}

/** Asks for a fact of the task, once a run. */
function ready(w: FunctionWriter, fact: number): void {
  const { code } = w;
  w.area();
  code.mem('i32.load', RUN_AREA.FACTS);
  code.i32(fact);
  code.op('i32.and');
  code.op('i32.eqz');
  code.open('if');
  code.i32(fact);
  code.op1('call', w.linker.runtime('task'));
  code.close();
}

/** Bytes of comm in the run area, padded with zeros. */
const COMM_SIZE = 16;

function writeComm(w: FunctionWriter): boolean {
  const { code } = w;
  if (w.constant(2) !== BigInt(COMM_SIZE)) return false;
  ready(w, FACT.COMM);
  for (const offset of [0, 8]) {
    w.push32(1);
    w.area();
    code.mem('i64.load', RUN_AREA.COMM + offset);
    code.mem('i64.store', offset);
  }
  code.i32(0);
  w.set32(0, HIGH.zero);
  return true;
}

/** The lock is noted with the CPU, so that it can be released when the run ends without its end. */
function writeSpinLock(w: FunctionWriter, helper: number): boolean {
  const { code } = w;
  const locking = helper === HELPER.SPIN_LOCK;
  const held = (push: () => void): void => {
    w.area();
    code.mem('i32.load', RUN_AREA.CPU_RECORD);
    push();
    code.mem('i32.store', CPU.HELD);
  };
  if (locking) held(() => w.push32(1));
  w.push32(1);
  code.op1('call', w.linker.kernel(locking ? 'spin_lock' : 'spin_unlock') ?? 0);
  if (!locking) held(() => code.i32(0));
  code.i32(0);
  w.set32(0, HIGH.zero);
  return true;
}

const EINVAL = 22;
const E2BIG = 7;
/** Most rounds of one bpf_loop (include/linux/bpf_verifier.h BPF_MAX_LOOPS, v6.18). */
const MAX_ROUNDS = 8 << 20;

/** bpf_loop with a callback that is known: a loop around a direct call. */
function writeLoop(w: FunctionWriter, slot: number): boolean {
  const target = w.callback(2);
  const callee = target === undefined ? undefined : w.linker.sub(w.plan.program, target);
  if (callee === undefined) return false;
  const { code } = w;
  const own = w.temp('i32', 'round');
  const all = w.temp('i32', 'rounds');
  const context = w.temp('i64', 'context');
  const result = w.temp('i64', 'rounds done');
  w.push32(1);
  code.op1('local.set', all);
  if ((callee.args & 4) !== 0) {
    w.push64(3);
    code.op1('local.set', context);
  }
  const out = code.open('block');
  w.push64(4);
  code.op('i64.eqz');
  code.op('i32.eqz');
  code.open('if');
  code.i64(-EINVAL);
  code.op1('local.set', result);
  code.br(out);
  code.close();
  code.op1('local.get', all);
  code.i32(MAX_ROUNDS);
  code.op('i32.gt_u');
  code.open('if');
  // The kernel's inlined loop sets it by a 32-bit move.
  code.i64Big(BigInt(2 ** 32 - E2BIG));
  code.op1('local.set', result);
  code.br(out);
  code.close();
  code.i32(0);
  code.op1('local.set', own);
  const end = code.open('block');
  const loop = code.open('loop');
  code.op1('local.get', own);
  code.op1('local.get', all);
  code.op('i32.ge_u');
  code.brIf(end);
  w.spend(FAULT.budget, slot);
  for (let reg = 1; reg <= 5; reg++) {
    if ((callee.args & (1 << reg)) === 0) continue;
    const narrow = (callee.narrowArgs & (1 << reg)) !== 0;
    if (reg === 1) {
      code.op1('local.get', own);
      if (!narrow) code.op('i64.extend_i32_u');
    } else if (reg === 2) {
      code.op1('local.get', context);
      if (narrow) code.op('i32.wrap_i64');
    } else if (narrow) {
      code.i32(0);
    } else {
      code.i64(0);
    }
  }
  if (callee.needsFrame) w.calleeFrame(FRAME_STRIDE);
  code.op1('call', callee.index);
  code.op1('local.get', own);
  code.i32(1);
  code.op('i32.add');
  code.op1('local.set', own);
  code.op('i64.eqz');
  code.brIf(loop);
  code.close();
  code.close();
  code.op1('local.get', own);
  code.op('i64.extend_i32_u');
  code.op1('local.set', result);
  code.close();
  code.op1('local.get', result);
  w.set64(0);
  return true;
}
