/** bpf_timer in map values (process_timer_func, v6.18). */
import type { CallFacts } from '../calls/args.ts';
import { invalid } from '../rejection.ts';
import type { Reg } from '../state/reg.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';

export function useTimer(n: number, reg: Reg, facts: CallFacts): void {
  const { map } = reg;
  if (!tnumIsConst(reg)) throw invalid(`R${n} doesn't have constant offset. bpf_timer has to be at the constant offset`, n);
  const name = map?.name ?? '';
  if (map?.hasBtf !== true) throw invalid(`map '${name}' has to have BTF in order to use bpf_timer`, n);
  const field = map.special?.find((f) => f.kind === 'timer');
  if (field === undefined) throw invalid(`map '${name}' has no valid bpf_timer`, n);
  const off = knownNumber(reg) + reg.off;
  if (off !== field.offset) throw invalid(`off ${off} doesn't point to 'struct bpf_timer' that is at ${field.offset}`, n);
  facts.map = map;
  facts.mapUid = reg.mapUid;
}
