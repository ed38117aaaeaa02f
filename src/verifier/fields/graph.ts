/**
 * Lists and trees of the program's own objects: their roots and nodes as arguments, who owns a node, and what comes out
 * (process_kf_arg_ptr_to_graph_root, process_kf_arg_ptr_to_graph_node, ref_convert_owning_non_owning, v6.18).
 */
import { FIELD_SHAPES, fieldAt, hasField, type SpecialField } from '../../btf/index.ts';
import { pushCallback, type SetArgs } from '../calls/frames.ts';
import { sameType } from '../kernel-btf/match.ts';
import type { ArgCheck, KfuncFacts, KfuncHook } from '../kfunc/facts.ts';
import { isLocked, LOCK_KINDS, release } from '../objects/held.ts';
import { invalid, Rejection } from '../rejection.ts';
import { FLAG, KIND, type Reg, setBtfPointer } from '../state/reg.ts';
import { changeRegs, type Held } from '../state/state.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import { regOf, type Verification } from '../verification.ts';
import { mayHoldLock } from './lock.ts';
import { inOrderCallback } from './order-callback.ts';
import { fieldsOf } from './record.ts';

/** A pointer to an object that the program owns, or sees under a lock it holds. */
export const OBJECT = KIND.BTF_ID | FLAG.ALLOC;

/** A list or a tree. */
interface Family {
  readonly root: 'list_head' | 'rb_root';
  readonly node: 'list_node' | 'rb_node';
}
const LIST: Family = { root: 'list_head', node: 'list_node' };
const TREE: Family = { root: 'rb_root', node: 'rb_node' };

/** Offset of a lock that is not there, as the kernel prints it (-EINVAL). */
const NO_OFFSET = -22;

function constantOffset(n: number, reg: Reg, name: string): number {
  if (!tnumIsConst(reg)) throw invalid(`R${n} doesn't have constant offset. ${name} has to be at the constant offset`, n);
  return reg.off + knownNumber(reg);
}

/** The root of a list or tree: a field of a value or object whose lock is held. */
function useRoot({ root }: Family): ArgCheck {
  return (v, n, reg, facts) => {
    if (reg.type !== KIND.MAP_VALUE && reg.type !== OBJECT) {
      throw invalid(`arg#${n - 1} expected pointer to map value or allocated object`, n);
    }
    if (reg.type === OBJECT && reg.refId === 0) throw invalid('allocated object must be referenced', n);
    const { name } = FIELD_SHAPES[root];
    const off = constantOffset(n, reg, name);
    const fields = fieldsOf(v, reg);
    const field = fieldAt(fields, off, [root]);
    if (field === undefined) throw invalid(`${name} not found at offset=${off}`, n);
    const unlocked = lockRefusal(v.state.held, reg);
    if (unlocked !== undefined) {
      const lock = fields?.find((f) => f.kind === 'spin_lock')?.offset ?? NO_OFFSET;
      throw invalid(`${unlocked}bpf_spin_lock at off=${lock} must be held for ${name}`, n);
    }
    facts.root = field;
  };
}

/** Why the lock of the value or object is not held: a line, or nothing to say; undefined if it is (check_reg_allocation_locked). */
function lockRefusal(held: readonly Held[], reg: Reg): string | undefined {
  const of = reg.type === KIND.MAP_VALUE ? reg.map : reg.btf;
  const locks = held.filter((h) => LOCK_KINDS.includes(h.kind));
  if (locks.length === 0) return '';
  return locks.some((h) => h.id === reg.id && h.of === of) ? undefined : 'held lock and object are not in the same allocation\n';
}

/** A node: exactly where the root says that its elements have theirs. */
function checkNode(v: Verification, n: number, reg: Reg, facts: KfuncFacts, { root, node }: Family): void {
  const names = { root: FIELD_SHAPES[root].name, node: FIELD_SHAPES[node].name };
  const off = constantOffset(n, reg, names.node);
  if (fieldAt(fieldsOf(v, reg), off, [node]) === undefined) throw invalid(`${names.node} not found at offset=${off}`, n);
  const { target, nodeOffset } = rootOf(facts);
  const have = reg.btf === undefined ? undefined : { btf: reg.btf, id: reg.target };
  const element = target.btf.type(target.id).name;
  if (have === undefined || !sameType(have, target)) {
    throw invalid(
      `operation on ${names.root} expects arg#1 ${names.node} at offset=${nodeOffset} in struct ${element}, ` +
        `but arg is at offset=${off} in struct ${have?.btf.type(have.id).name ?? ''}`,
      n,
    );
  }
  if (off !== nodeOffset) throw invalid(`arg#1 offset=${off}, but expected ${names.node} at offset=${nodeOffset} in struct ${element}`, n);
}

function rootOf(facts: KfuncFacts): Required<Pick<SpecialField, 'target' | 'nodeOffset'>> {
  const { target, nodeOffset } = facts.root ?? {};
  if (target === undefined || nodeOffset === undefined) throw new Rejection('EFAULT', 'verifier bug: a node without a root');
  return { target, nodeOffset };
}

/** A node that is put in: the program owns it until then. */
function checkOwned(n: number, reg: Reg): void {
  if (reg.type !== OBJECT) throw invalid(`arg#${n - 1} expected pointer to allocated object`, n);
  if (reg.refId === 0) throw invalid('allocated object must be referenced', n);
}

const useListNode: ArgCheck = (v, n, reg, facts) => {
  checkOwned(n, reg);
  checkNode(v, n, reg, facts, LIST);
};

const useTreeNode: ArgCheck = (v, n, reg, facts) => {
  const { name, special } = facts.call;
  if (special === 'bpf_rbtree_add_impl') {
    checkOwned(n, reg);
  } else {
    if ((reg.type & FLAG.NON_OWN_REF) === 0 && reg.refId === 0) {
      throw invalid(`${name} can only take non-owning or refcounted bpf_rb_node pointer`, n);
    }
    if (inOrderCallback(v)) throw invalid(`${name} not allowed in rbtree cb`, n);
  }
  checkNode(v, n, reg, facts, TREE);
};

/** Checks of roots and nodes. */
export const GRAPH_ARGS = { list_head: useRoot(LIST), list_node: useListNode, rb_root: useRoot(TREE), rb_node: useTreeNode } as const;

/** The register points to the node in an element (mark_reg_graph_node). */
function setNode(reg: Reg, { target, nodeOffset = 0 }: SpecialField): void {
  if (target === undefined) throw new Rejection('EFAULT', 'verifier bug: a root without a type');
  setBtfPointer(reg, OBJECT, target.btf, target.id);
  reg.off = nodeOffset;
}

/** The program sees the object, but does not own it: only as long as the lock is held (ref_set_non_owning). */
function setBorrowed(v: Verification, reg: Reg): void {
  if (!isLocked(v.state)) throw new Rejection('EFAULT', 'verifier bug: ref_set_non_owning w/o active lock');
  const counted = hasField(fieldsOf(v, reg), 'refcount');
  reg.type |= FLAG.NON_OWN_REF | (counted ? FLAG.RCU : 0);
}

/** The node in R2 belongs to the list or tree: what the program still holds of it is borrowed. */
function giveNode(v: Verification, { call }: KfuncFacts): void {
  const { refId } = v.reg(2);
  if (refId === 0 || !v.state.held.some((h) => h.id === refId)) {
    throw new Rejection('EFAULT', `kfunc ${call.name}#${call.id} conversion of owning ref to non-owning failed`, [2]);
  }
  changeRegs(
    v.state,
    (reg) => reg.refId === refId,
    (reg) => {
      reg.refId = 0;
      setBorrowed(v, reg);
    },
  );
  release(v, refId);
}

const resultNode = (_: Verification, reg: Reg, { root }: KfuncFacts): void => {
  if (root !== undefined) setNode(reg, root);
};

/** An object with a lock has a number that tells its lock from others. */
export function numberLock(v: Verification, reg: Reg): void {
  if (reg.id === 0 && mayHoldLock(v, reg)) reg.id = v.newId();
}

function lessArgs(v: Verification, root: SpecialField): SetArgs {
  return (_, callee) => {
    for (const n of [1, 2]) {
      const reg = regOf(callee, n);
      setNode(reg, root);
      setBorrowed(v, reg);
    }
    callee.inCallback = true;
    callee.returnMin = 0;
    callee.returnMax = 1;
  };
}

/** Runs a kfunc's callback; what goes wrong is told with the function's name. */
export function runCallback(facts: KfuncFacts, run: () => void): void {
  try {
    run();
  } catch (refusal) {
    if (!(refusal instanceof Rejection)) throw refusal;
    const failed = `kfunc ${facts.call.name}#${facts.call.id} failed callback verification`;
    throw new Rejection(refusal.errno, refusal.message === '' ? failed : `${refusal.message}\n${failed}`, refusal.regs);
  }
}

function pushLess(v: Verification, facts: KfuncFacts): void {
  runCallback(facts, () => {
    const reg = v.reg(1);
    const root = fieldAt(fieldsOf(v, reg), reg.off, ['rb_root']);
    if (root === undefined) throw new Rejection('EFAULT', '');
    pushCallback(v, facts.subprog, lessArgs(v, root));
  });
}

const taken: KfuncHook = { underLock: true, result: resultNode, after: numberLock };
const seen: KfuncHook = {
  underLock: true,
  result: resultNode,
  after: (v, reg) => {
    setBorrowed(v, reg);
    numberLock(v, reg);
  },
};
const pushed: KfuncHook = { underLock: true, effect: giveNode };

/** Hooks by kfunc. */
export const GRAPH_KFUNCS: Readonly<Record<string, KfuncHook>> = {
  bpf_list_push_front_impl: pushed,
  bpf_list_push_back_impl: pushed,
  bpf_list_pop_front: taken,
  bpf_list_pop_back: taken,
  bpf_list_front: seen,
  bpf_list_back: seen,
  bpf_rbtree_add_impl: { ...pushed, callback: pushLess },
  bpf_rbtree_remove: taken,
  bpf_rbtree_first: seen,
  bpf_rbtree_root: seen,
  bpf_rbtree_left: seen,
  bpf_rbtree_right: seen,
};
