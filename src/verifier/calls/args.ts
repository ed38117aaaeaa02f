/** The arguments of a helper call, one by one against its prototype (check_func_arg, v6.18). */
import type { Btf, SpecialField } from '../../btf/index.ts';
import type { HelperArg, HelperProto } from '../../helpers/types.ts';
import { checkAlignment } from '../access/alignment.ts';
import { checkUnmodified } from '../access/context.ts';
import { mayReadPackets } from '../access/packet-types.ts';
import type { MapFacts } from '../environment.ts';
import { exchangedField } from '../fields/exchange.ts';
import { checkKptrType } from '../fields/kptr.ts';
import { refuseInOrderCallback, useLock } from '../fields/lock.ts';
import { inOrderCallback } from '../fields/order-callback.ts';
import { mapOfField } from '../fields/place.ts';
import { kernelStruct } from '../kernel-btf/lookup.ts';
import { typeText } from '../log/type-text.ts';
import { checkReleasable, useDynptr } from '../objects/dynptr-args.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { FLAG, isNullScalar, isPacket, KIND, kindOf, mayBeNull, type Reg } from '../state/reg.ts';
import { DYNPTR_TYPE } from '../state/stack.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { ARG_TYPES, NULLABLE, READ_ONLY, UNINIT, WRITTEN } from './arg-types.ts';
import { checkBtfType } from './btf-args.ts';
import { checkConstString } from './const-string.ts';
import { constantKey } from './constant-key.ts';
import { checkMemory, checkSizedMemory } from './memory-args.ts';

const SOCKMAP = 15;
const SOCKHASH = 18;
const BLOOM_FILTER = 30;

/** What the arguments of a call told. */
export interface CallFacts {
  readonly proto: HelperProto;
  map: MapFacts | undefined;
  mapUid: number;
  /** Constant key of an array's element, -1 if unknown. */
  key: number;
  refId: number;
  /** Register that is released, 0 for none. */
  releases: number;
  /** Uninitialised output: its register and bytes. */
  filled: { readonly n: number; readonly size: number } | undefined;
  /** Largest value of the last size argument. */
  maxSize: bigint;
  memSize: number;
  subprog: number;
  /** The field that a pointer is exchanged with. */
  field: SpecialField | undefined;
  /** The per-CPU variable or object that is asked for. */
  percpu: { readonly btf: Btf | undefined; readonly target: number; readonly rcu: boolean } | undefined;
}

/** Checks all arguments. */
export function checkArgs(v: Verification, proto: HelperProto): CallFacts {
  const facts: CallFacts = {
    proto,
    map: undefined,
    mapUid: 0,
    key: -1,
    refId: 0,
    releases: 0,
    filled: undefined,
    maxSize: 0n,
    memSize: 0,
    subprog: 0,
    field: undefined,
    percpu: undefined,
  };
  for (const [i, arg] of proto.args.entries()) checkArg(v, i + 1, arg, facts);
  return facts;
}

function checkArg(v: Verification, n: number, given: HelperArg, facts: CallFacts): void {
  const reg = v.checkRead(n);
  if (given.kind === 'anything') {
    if (v.hidesPointer(n)) throw denied(`R${n} leaks addr into helper function`, n);
    return;
  }
  if (isPacket(reg.type) && !mayUsePackets(v, facts.proto)) throw denied('helper access to the packet is not allowed', n);
  const arg = forMap(given, facts);
  const isNull = isNullScalar(reg) && NULLABLE.has(arg.kind);
  if (!isNull) {
    checkType(v, n, reg, arg, facts);
    checkOffset(n, reg, arg);
  }
  if (arg.release === true) {
    if (arg.kind === 'dynptr') checkReleasable(v, n);
    else if (reg.refId === 0 && !isNullScalar(reg)) throw invalid(`R${n} must be referenced when passed to release function`, n);
    facts.releases = n;
  }
  if (reg.refId !== 0 && arg.kind !== 'kptr') {
    if (facts.refId !== 0) throw denied(`more than one arg with ref_obj_id R${n} ${reg.refId} ${facts.refId}`, n);
    facts.refId = reg.refId;
  }
  use(v, n, reg, arg, facts, isNull);
}

/** What a helper's value argument is for this map: sockmaps hold sockets, a bloom filter is asked for the value given (resolve_map_arg_type). */
function forMap(arg: HelperArg, { map, proto }: CallFacts): HelperArg {
  if (map === undefined || (arg.kind !== 'map_value' && arg.kind !== 'map_value_uninit')) return arg;
  if (map.type === SOCKMAP || map.type === SOCKHASH) {
    if (arg.kind !== 'map_value') throw invalid('invalid arg_type for sockmap/sockhash');
    return { ...arg, kind: 'sock_common' };
  }
  return map.type === BLOOM_FILTER && proto.name === 'map_peek_elem' ? { ...arg, kind: 'map_value' } : arg;
}

/** Helpers with pkt_access: those that read memory of any kind; packets are handed over only where the type may read them. */
function mayUsePackets(v: Verification, proto: HelperProto): boolean {
  return mayReadPackets(v) && PACKET_HELPERS.has(proto.id);
}

/** Helpers whose prototype allows packet memory (bpf_func_proto.pkt_access). */
const PACKET_HELPERS: ReadonlySet<number> = new Set([
  1, 2, 3, 9, 11, 10, 28, 87, 195, 36, 4, 25, 26, 68, 84, 85, 86, 99, 100, 110, 204, 205, 206, 207,
]);

function checkType(v: Verification, n: number, reg: Reg, arg: HelperArg, facts: CallFacts): void {
  const types = ARG_TYPES[arg.kind];
  if (types === undefined) return;
  let type = reg.type;
  if (READ_ONLY.has(arg.kind)) type &= ~FLAG.RDONLY;
  if (NULLABLE.has(arg.kind)) type &= ~FLAG.MAYBE_NULL;
  // What goes into a field may be the program's own.
  if (facts.field !== undefined && (type & FLAG.ALLOC) !== 0) type &= ~(FLAG.ALLOC | FLAG.PERCPU);
  if (!types.includes(type)) throw denied(`R${n} type=${typeText(reg.type)} expected=${types.map(typeText).join(', ')}`, n);
  if (facts.field !== undefined) {
    checkExchanged(v, n, reg, facts.field);
    return;
  }
  if (kindOf(type) !== KIND.BTF_ID) return;
  const { proto } = facts;
  if (types === ARG_TYPES.mem) {
    if (!READ_ONLY.has(arg.kind)) throw denied(`bpf_${proto.name}() may write into memory pointed by R${n} type=${typeText(reg.type)}`, n);
    return;
  }
  // Which of their types a helper takes is its own business.
  if ((type & (FLAG.PERCPU | FLAG.ALLOC)) !== 0 || arg.kind === 'kptr') return;
  // Sockets of all kinds begin with the common part.
  const strict = arg.release === true && proto.name !== 'sk_release';
  const wanted = kernelStruct(v, arg.kind === 'sock_common' ? 'sock_common' : (arg.btf ?? ''));
  checkBtfType(v, n, reg, { wanted, nullable: NULLABLE.has(arg.kind), strict });
}

/** The pointer that goes into a field is of the field's type, and surely there. */
function checkExchanged(v: Verification, n: number, reg: Reg, field: SpecialField): void {
  if ((reg.type & FLAG.ALLOC) !== 0 && (reg.type & ~FLAG.PERCPU) !== (KIND.BTF_ID | FLAG.ALLOC)) {
    throw new Rejection('EFAULT', 'verifier bug: invalid PTR_TO_BTF_ID register for type match', [n]);
  }
  if (mayBeNull(reg.type)) throw denied(`Possibly NULL pointer passed to helper arg${n}`, n);
  checkKptrType(v, field, reg, n, 'EACCES');
}

/** Which pointers may come with an offset (check_func_arg_reg_off). One that is given back may not, except to a dynptr. */
export function checkOffset(n: number, reg: Reg, arg: { readonly kind?: string; readonly release?: boolean }): void {
  const kind = kindOf(reg.type);
  if (arg.release === true) {
    if (arg.kind === 'dynptr' && kind === KIND.STACK) return;
    if (reg.off !== 0) throw invalid(`R${n} must have zero offset when passed to release func or trusted arg to kfunc`, n);
    checkUnmodified(reg, n, 'none');
    return;
  }
  // Memory of a dynptr has a type of its own in the kernel.
  if (MOVABLE.includes(reg.type) && (kind !== KIND.MEM || reg.dynptrType === 0)) return;
  checkUnmodified(reg, n, OFFSET_KNOWN.includes(reg.type) ? 'allowed' : 'none');
}

/** Types of pointers that may point anywhere into their memory; numbers too. */
const MOVABLE = [
  KIND.STACK,
  KIND.PACKET,
  KIND.PACKET_META,
  KIND.MAP_KEY,
  KIND.MAP_VALUE,
  KIND.MEM,
  KIND.MEM | FLAG.RDONLY,
  KIND.MEM | FLAG.RINGBUF,
  KIND.BUF,
  KIND.BUF | FLAG.RDONLY,
  KIND.SCALAR,
];

/** Types of pointers to objects, at a constant offset. */
const OFFSET_KNOWN = [
  KIND.BTF_ID,
  KIND.BTF_ID | FLAG.ALLOC,
  KIND.BTF_ID | FLAG.TRUSTED,
  KIND.BTF_ID | FLAG.RCU,
  KIND.BTF_ID | FLAG.ALLOC | FLAG.NON_OWN_REF,
  KIND.BTF_ID | FLAG.ALLOC | FLAG.NON_OWN_REF | FLAG.RCU,
];

/** Notes the output that the helper fills. */
function filler(facts: CallFacts): (n: number, size: number) => void {
  return (n, size) => {
    facts.filled = { n, size };
  };
}

function use(v: Verification, n: number, reg: Reg, arg: HelperArg, facts: CallFacts, isNull: boolean): void {
  const direction = WRITTEN.has(arg.kind) ? 'write' : 'read';
  const fill = UNINIT.has(arg.kind) ? filler(facts) : undefined;
  switch (arg.kind) {
    case 'map':
      if (facts.map !== undefined && (facts.map !== reg.map || facts.mapUid !== reg.mapUid)) {
        throw invalid(`timer pointer in R1 map_uid=${facts.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`, n);
      }
      facts.map = reg.map;
      facts.mapUid = reg.mapUid;
      return;
    case 'map_key':
      checkMemory(v, n, facts.map?.keySize ?? 0, { direction: 'read', zero: false });
      if (facts.map !== undefined) facts.key = constantKey(v, reg, facts.map);
      return;
    case 'map_value':
    case 'map_value_or_null':
    case 'map_value_uninit':
      if (!isNull) checkMemory(v, n, facts.map?.valueSize ?? 0, { direction, zero: false, fill });
      return;
    case 'fixed_mem':
    case 'fixed_mem_uninit':
      checkMemory(v, n, arg.size ?? 0, { direction, zero: false, fill });
      if (arg.size === 4 || arg.size === 8) checkAlignment(v, n, reg, 0, arg.size, true);
      return;
    case 'size':
    case 'size_or_zero': {
      const memory = facts.proto.args[n - 2];
      const kind = memory?.kind ?? 'mem';
      facts.maxSize = BigInt(
        checkSizedMemory(v, n, reg, {
          direction: WRITTEN.has(kind) ? 'write' : 'read',
          zero: arg.kind === 'size_or_zero',
          fill: UNINIT.has(kind) ? filler(facts) : undefined,
        }),
      );
      return;
    }
    case 'const_alloc_size_or_zero':
      if (!tnumIsConst(reg)) throw denied(`R${n} is not a known constant'`, n);
      facts.memSize = knownNumber(reg) >>> 0;
      markPrecise(v, n);
      return;
    case 'func':
      facts.subprog = reg.target;
      return;
    case 'const_str':
      checkConstString(v, n, reg);
      return;
    case 'spin_lock':
      refuseInOrderCallback(inOrderCallback(v));
      useLock(v, n, 'lock', facts.proto.name === 'spin_lock' ? 'lock' : 'unlock');
      return;
    case 'timer':
      facts.map = mapOfField(n, reg, 'timer');
      facts.mapUid = reg.mapUid;
      return;
    case 'kptr':
      facts.field = exchangedField(v, n, reg);
      if (reg.type === KIND.MAP_VALUE) facts.map = reg.map;
      return;
    case 'dynptr_uninit':
      useDynptr(v, n, { how: 'uninit', type: facts.proto.name === 'ringbuf_reserve_dynptr' ? DYNPTR_TYPE.RINGBUF : DYNPTR_TYPE.LOCAL });
      return;
    case 'percpu_btf_id':
      if (reg.target === 0) throw denied(`Helper has invalid btf_id in R${n}`, n);
      facts.percpu = { btf: reg.btf, target: reg.target, rcu: (reg.type & FLAG.RCU) !== 0 };
      return;
    case 'dynptr':
      useDynptr(v, n, arg.release === true ? { how: 'mutable', type: DYNPTR_TYPE.RINGBUF } : { how: 'rdonly' });
  }
}
