/** The callback that orders a tree's nodes: it runs under the tree's lock, and may do little (in_rbtree_lock_required_cb, v6.18). */
import type { Verification } from '../verification.ts';

const RBTREE_ADD = 'bpf_rbtree_add_impl';

/** Whether the innermost frame is one. */
export function inOrderCallback(v: Verification): boolean {
  const { frame } = v;
  if (v.state.frames.length === 1 || !frame.inCallback) return false;
  return v.slot(frame.callsite).imm === v.environment.kernelBtf?.find(RBTREE_ADD, 'func');
}
