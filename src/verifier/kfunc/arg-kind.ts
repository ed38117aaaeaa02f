/** What a pointer parameter of a kfunc stands for, by its type, its name's suffix and the register that comes (get_kfunc_ptr_arg_type, v6.18). */
import type { Btf, BtfParam, BtfType } from '../../btf/index.ts';
import { isProgramContext } from '../kernel-btf/context-types.ts';
import { sameType } from '../kernel-btf/match.ts';
import { kindText } from '../kernel-btf/walk.ts';
import { isIteratorParam } from '../objects/iterator.ts';
import { invalid } from '../rejection.ts';
import { isNullScalar, KIND, kindOf, type Reg } from '../state/reg.ts';
import { structOfKind } from '../state/trust.ts';
import type { Verification } from '../verification.ts';
import type { KfuncFacts, OwnArgKind } from './facts.ts';

/** Kinds of pointer parameters. */
export type PointerKind =
  | OwnArgKind
  | 'context'
  | 'null'
  | 'dynptr'
  | 'iterator'
  | 'const_string'
  | 'map'
  | 'irq_flag'
  | 'object'
  | 'callback'
  | 'memory'
  | 'sized_memory';

/** Nested structures that still count as plain data. */
const MAX_NESTING = 4;

export function hasSuffix(param: BtfParam, suffix: string): boolean {
  return param.name.endsWith(suffix);
}

export function isScalarType(type: BtfType): boolean {
  return type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64';
}

export function isStructType(type: BtfType): boolean {
  return type.kind === 'struct' || type.kind === 'union';
}

/** Whether the parameter says how many bytes the memory before it has. */
export function isSizeParam(btf: Btf, param: BtfParam | undefined, reg: Reg): boolean {
  if (param === undefined || reg.type !== KIND.SCALAR || !isScalarType(btf.resolve(param.type))) return false;
  return hasSuffix(param, '__sz') || isConstSizeParam(param);
}

export function isConstSizeParam(param: BtfParam): boolean {
  return hasSuffix(param, '__szk');
}

/** Kinds by the name's suffix, in the kernel's order. */
const BY_SUFFIX: readonly (readonly [suffix: string, kind: PointerKind])[] = [
  ['__alloc', 'alloc'],
  ['__refcounted_kptr', 'refcounted'],
];

/** Kinds by the structure pointed to, in the kernel's order. */
const BY_STRUCT: readonly (readonly [name: string, kind: PointerKind])[] = [
  ['bpf_list_head', 'list_head'],
  ['bpf_list_node', 'list_node'],
  ['bpf_rb_root', 'rb_root'],
  ['bpf_rb_node', 'rb_node'],
];

/** Kind of parameter `i`, a pointer to `target`, for the register that is passed. */
export function pointerKind(v: Verification, facts: KfuncFacts, i: number, target: BtfType): PointerKind {
  const { call } = facts;
  const { btf } = call;
  const param = call.proto.params[i];
  const reg = v.reg(i + 1);
  if (param === undefined) throw new RangeError(`parameter ${i} of ${call.proto.params.length}`);
  const pointer = btf.resolve(param.type);
  const isContext = pointer.kind === 'ptr' && isProgramContext(v, btf, pointer.type, v.program.type);
  if (call.special === 'bpf_cast_to_kern_ctx' || isContext) return 'context';
  if (hasSuffix(param, '__nullable') && isNullScalar(reg)) return 'null';
  const suffixed = BY_SUFFIX.find(([suffix]) => hasSuffix(param, suffix));
  if (suffixed !== undefined) return suffixed[1];
  if (isKernelStruct(v, btf, target, 'bpf_dynptr')) return 'dynptr';
  if (isIteratorParam(facts, i)) return 'iterator';
  const structure = BY_STRUCT.find(([name]) => isKernelStruct(v, btf, target, name));
  if (structure !== undefined) return structure[1];
  if (hasSuffix(param, '__str')) return 'const_string';
  if (hasSuffix(param, '__map')) return 'map';
  if (isKernelStruct(v, btf, target, 'bpf_wq')) return 'workqueue';
  if (isKernelStruct(v, btf, target, 'bpf_task_work')) return 'task_work';
  if (hasSuffix(param, '__irq_flag')) return 'irq_flag';
  if (isKernelStruct(v, btf, target, 'bpf_res_spin_lock')) return 'res_spin_lock';
  if (kindOf(reg.type) === KIND.BTF_ID || structOfKind(reg.type) !== undefined) {
    if (!isStructType(target)) {
      const what = `${kindText(target)} ${target.name}`;
      throw invalid(`kernel function ${call.name} args#${i} pointer type ${what} is not supported`, i + 1);
    }
    return 'object';
  }
  if (target.kind === 'func_proto') return 'callback';
  return memoryKind(v, facts, i, target);
}

function isKernelStruct(v: Verification, btf: Btf, target: BtfType, name: string): boolean {
  const { kernelBtf } = v.environment;
  if (target.name !== name || target.kind !== 'struct' || kernelBtf === undefined) return false;
  return sameType({ btf, id: target.id }, { btf: kernelBtf, id: kernelBtf.find(name, 'struct') ?? 0 });
}

function memoryKind(v: Verification, { call }: KfuncFacts, i: number, target: BtfType): PointerKind {
  const next = call.proto.params[i + 1];
  const sized = isSizeParam(call.btf, next, v.reg(Math.min(i + 2, 10)));
  if (!isScalarType(target) && !isPlainData(v, call.btf, target, 0) && !(sized && target.kind === 'void')) {
    const words = `${kindText(target)} ${target.name} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`;
    throw invalid(`arg#${i} pointer type ${words}`, i + 1);
  }
  return sized ? 'sized_memory' : 'memory';
}

/** A structure of numbers, also nested and in arrays (__btf_type_is_scalar_struct). */
export function isPlainData(v: Verification, btf: Btf, type: BtfType, depth: number): boolean {
  if (type.kind !== 'struct' && type.kind !== 'union') return false;
  for (const member of type.members) {
    let of = btf.resolve(member.type);
    if (isStructType(of)) {
      if (depth + 1 >= MAX_NESTING) {
        v.log.write('max struct nesting depth exceeded\n');
        return false;
      }
      if (!isPlainData(v, btf, of, depth + 1)) return false;
      continue;
    }
    if (of.kind === 'array') {
      if (of.count === 0) return false;
      of = btf.resolve(of.type);
    }
    if (!isScalarType(of)) return false;
  }
  return true;
}
