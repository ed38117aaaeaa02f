/** The engine's clocks where the caller gives none. In Node give one made from process.hrtime.bigint, which all threads share. */
import type { Clock } from '../helpers/types.ts';

/** Nanoseconds of performance.now() since `origin` (milliseconds, a performance.timeOrigin): threads that share an origin agree. */
export function defaultClock(origin: number): Clock {
  const shift = performance.timeOrigin - origin;
  const monotonicNumber = (): number => (performance.now() + shift) * 1e6;
  const monotonic = (): bigint => BigInt(Math.round(monotonicNumber()));
  return { monotonic, monotonicNumber, boottime: monotonic };
}
