/** Lists of events, each in its own order, as one list by time. */

/** Each list keeps its order; of several heads the earliest goes first, and one that does not say its time goes at once. */
export function mergeByTime<T>(lists: readonly T[][], timeOf: (event: T) => bigint | undefined): T[] {
  const heads: { readonly list: readonly T[]; next: number; time: bigint | undefined }[] = [];
  for (const list of lists) if (list[0] !== undefined) heads.push({ list, next: 0, time: timeOf(list[0]) });
  if (heads.length <= 1) return [...(heads[0]?.list ?? [])];
  const out: T[] = [];
  for (;;) {
    let best = heads[0];
    for (const head of heads) {
      if (best?.time === undefined) break;
      if (head.time === undefined || head.time < best.time) best = head;
    }
    const event = best?.list[best.next];
    if (best === undefined || event === undefined) return out;
    out.push(event);
    const next = best.list[++best.next];
    if (next === undefined) heads.splice(heads.indexOf(best), 1);
    else best.time = timeOf(next);
  }
}
