/** Maps that not every program may use (check_map_prog_compatibility, v6.18). */
import { GRAPH_ROOTS, hasField, LOCKS } from '../btf/index.ts';
import type { MapFacts, VerifierProgram } from './environment.ts';
import { type Refusal, refuse } from './refusal.ts';

const SOCKET_FILTER = 1;
/** Types that may run anywhere in the kernel: kprobe, tracepoint, perf_event, raw_tracepoint and the writable one. */
const TRACING = [2, 5, 7, 17, 24];
const STRUCT_OPS = 26;
const ARENA = 33;
const CGROUP_STORAGE = [19, 21];
/** Maps that programs may use while they sleep. */
const SLEEPABLE = [1, 2, 5, 6, 9, 10, 12, 13, 22, 23, 24, 27, 28, 29, 31, 32, 33];

/** Why the program may not use the map; `used` are the maps that it used before. */
export function checkMapFits(
  program: VerifierProgram,
  map: MapFacts,
  world: { readonly used: ReadonlySet<MapFacts>; readonly sleepable: boolean; readonly capable: boolean },
): Refusal | undefined {
  const { special } = map;
  const tracing = TRACING.includes(program.type);
  const no = (message: string): Refusal => refuse('EINVAL', message);
  if (tracing && hasField(special, ...GRAPH_ROOTS)) return no('tracing progs cannot use bpf_{list_head,rb_root} yet');
  if (hasField(special, ...LOCKS)) {
    if (program.type === SOCKET_FILTER) return no('socket filter progs cannot use bpf_spin_lock yet');
    if (tracing) return no('tracing progs cannot use bpf_spin_lock yet');
  }
  if (tracing && hasField(special, 'timer')) return no('tracing progs cannot use bpf_timer yet');
  if (tracing && hasField(special, 'wq')) return no('tracing progs cannot use bpf_wq yet');
  if (map.type === STRUCT_OPS) return no('bpf_struct_ops map cannot be used in prog');
  if (world.sleepable && !SLEEPABLE.includes(map.type)) {
    return no('Sleepable programs can only use array, hash, ringbuf and local storage maps');
  }
  const others = [...world.used].filter((other) => other !== map && other.type === map.type);
  if (CGROUP_STORAGE.includes(map.type) && others.length > 0) return refuse('EBUSY', 'only one cgroup storage of each type is allowed');
  if (map.type !== ARENA) return undefined;
  if (others.length > 0) return refuse('EBUSY', 'Only one arena per program');
  return world.capable ? undefined : refuse('EPERM', 'CAP_BPF and CAP_PERFMON are required to use arena');
}
