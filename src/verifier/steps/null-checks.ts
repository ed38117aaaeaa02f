/** What a comparison with NULL tells of pointers that may be NULL (mark_ptr_or_null_regs, v6.18). */

import { hasField } from '../../btf/index.ts';
import { mayHoldLock } from '../fields/lock.ts';
import { dropHeld } from '../objects/held.ts';
import { FLAG, KIND, kindOf, mayBeNull, type Reg } from '../state/reg.ts';
import { changeRegs, type PathState, topFrame } from '../state/state.ts';
import type { Verification } from '../verification.ts';

const SOCKMAP = 15;
const XSKMAP = 17;
const SOCKHASH = 18;

/** The pointer is not NULL. */
export function setNotNull(reg: Reg): void {
  if (kindOf(reg.type) !== KIND.MAP_VALUE) {
    reg.type &= ~FLAG.MAYBE_NULL;
    return;
  }
  const { map } = reg;
  if (map?.inner !== undefined) {
    reg.type = KIND.MAP_PTR;
    reg.map = map.inner;
    if (hasField(map.inner.special, 'timer', 'wq', 'task_work')) reg.mapUid = reg.id;
  } else if (map?.type === XSKMAP) {
    reg.type = KIND.XDP_SOCK;
  } else if (map?.type === SOCKMAP || map?.type === SOCKHASH) {
    reg.type = KIND.SOCKET;
  } else {
    reg.type = KIND.MAP_VALUE;
  }
}

/** All copies of register `n`'s pointer are NULL, or none is. */
export function settleNull(v: Verification, state: PathState, n: number, isNull: boolean): void {
  const reg = topFrame(state).regs[n];
  if (reg === undefined) return;
  const { id, refId } = reg;
  if (refId !== 0 && refId === id && isNull) dropHeld(state, id);
  changeRegs(
    state,
    (r) => mayBeNull(r.type) && r.id === id && id !== 0,
    (r) => {
      if (isNull) {
        r.type = KIND.SCALAR;
        r.id = 0;
        r.refId = 0;
        r.precise = !v.capable;
        return;
      }
      setNotNull(r);
      if (!mayHoldLock(v, r)) r.id = 0;
    },
  );
}
