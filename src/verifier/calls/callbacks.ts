/** What a callback finds in its registers, by the helper that runs it (set_loop_callback_state and the like, v6.18). */
import type { MapFacts } from '../environment.ts';
import type { KernelType } from '../kernel-btf/lookup.ts';
import { KIND, setBtfPointer, setPointer, setUnknownScalar } from '../state/reg.ts';
import type { Frame } from '../state/state.ts';
import { regOf } from '../verification.ts';
import { pass, type SetArgs } from './frames.ts';

/** Map types that for_each_map_elem visits. */
const VISITED = [1, 2, 5, 6, 9, 10];

export function canVisit(map: MapFacts): boolean {
  return VISITED.includes(map.type);
}

function expects(callee: Frame, min: number, max: number): void {
  callee.inCallback = true;
  callee.returnMin = min;
  callee.returnMax = max;
}

function mapPointer(callee: Frame, n: number, type: number, map: MapFacts | undefined): void {
  const reg = regOf(callee, n);
  setPointer(reg, type);
  reg.map = map;
}

/** callback(index, ctx). */
export function loopArgs(precise: boolean): SetArgs {
  return (caller, callee) => {
    setUnknownScalar(regOf(callee, 1), precise);
    pass(callee, 2, regOf(caller, 3));
    expects(callee, 0, 1);
  };
}

/** callback(map, key, value, ctx). */
export function eachArgs(map: MapFacts | undefined): SetArgs {
  return (caller, callee) => {
    mapPointer(callee, 1, KIND.MAP_PTR, map);
    mapPointer(callee, 2, KIND.MAP_KEY, map);
    mapPointer(callee, 3, KIND.MAP_VALUE, map);
    pass(callee, 4, regOf(caller, 3));
    expects(callee, 0, 1);
  };
}

/** callback(task, vma, ctx). @param vma the kernel's vm_area_struct */
export function vmaArgs(vma: KernelType | undefined): SetArgs {
  return (caller, callee) => {
    pass(callee, 1, regOf(caller, 1));
    if (vma !== undefined) setBtfPointer(regOf(callee, 2), KIND.BTF_ID, vma.btf, vma.id);
    pass(callee, 3, regOf(caller, 4));
    expects(callee, 0, 1);
  };
}

/** callback(map, key, value), some time later. */
export function timerArgs(map: MapFacts | undefined): SetArgs {
  return (_, callee) => {
    mapPointer(callee, 1, KIND.MAP_PTR, map);
    mapPointer(callee, 2, KIND.MAP_KEY, map);
    mapPointer(callee, 3, KIND.MAP_VALUE, map);
    callee.inAsyncCallback = true;
  };
}

/** callback(dynptr, ctx). */
export function drainArgs(id: number): SetArgs {
  return (caller, callee) => {
    const reg = regOf(callee, 1);
    setPointer(reg, KIND.DYNPTR);
    reg.dynptrType = 1;
    reg.id = id;
    pass(callee, 2, regOf(caller, 3));
    expects(callee, 0, 1);
  };
}
