/** Which helpers take which maps (check_map_func_compatibility, v6.18): a map type names its helpers, a helper its map types. */

/** Helper ids by map type: no other helper takes the map. */
const BY_MAP: Readonly<Record<number, readonly number[]>> = {
  3: [12],
  4: [22, 25, 55, 111, 121],
  7: [27],
  8: [33, 37],
  12: [1],
  13: [1],
  14: [51, 1],
  15: [52, 53, 60, 82, 1],
  16: [51],
  17: [51, 1],
  18: [72, 70, 71, 82, 1],
  19: [81],
  20: [82],
  21: [81],
  22: [87, 88, 89],
  23: [87, 88, 89],
  24: [107, 108, 194],
  25: [51, 1],
  27: [130, 131, 134, 198, 199, 200],
  28: [145, 146, 194],
  29: [156, 157, 194],
  30: [87, 89],
  31: [209],
  32: [210, 211, 194],
};

/** Map types by helper id: the helper takes no other map. */
const BY_HELPER: Readonly<Record<number, readonly number[]>> = {
  12: [3],
  22: [4],
  25: [4],
  55: [4],
  111: [4],
  121: [4],
  130: [27],
  131: [27],
  134: [27],
  198: [27],
  199: [27],
  200: [27],
  209: [31],
  27: [7],
  37: [8],
  33: [8],
  51: [14, 25, 16, 17],
  52: [15],
  60: [15],
  53: [15],
  72: [18],
  71: [18],
  70: [18],
  81: [19, 21],
  82: [20, 15, 18],
  88: [22, 23],
  87: [22, 23, 30],
  89: [22, 23, 30],
  195: [5, 6, 10],
  107: [24],
  108: [24],
  145: [28],
  146: [28],
  156: [29],
  157: [29],
  210: [32],
  211: [32],
};

/** A program that hands a map to a helper: enum bpf_prog_type and enum bpf_attach_type. */
export interface MapUser {
  readonly type: number;
  readonly attachType: number;
}

const SOCKMAPS = [15, 18];
const UPDATE = 2;
const DELETE = 3;
/** Program types that change sockmaps: socket_filter, sched_cls, sched_act, xdp, sk_reuseport, flow_dissector, sk_lookup. */
const SOCKMAP_CHANGERS = [1, 3, 4, 6, 21, 22, 30];
const SOCK_OPS = 13;
const TRACING = 26;
/** BPF_TRACE_ITER. */
const ITER = 28;

/**
 * Whether the general helpers update and delete may change a map of type `mapType`: all maps but sockmaps, whose locks only some contexts may take
 * (may_update_sockmap, v6.18).
 */
export function mayChangeMap(id: number, mapType: number, { type, attachType }: MapUser): boolean {
  if (!SOCKMAPS.includes(mapType) || (id !== UPDATE && id !== DELETE)) return true;
  if (type === SOCK_OPS) return id === DELETE;
  return SOCKMAP_CHANGERS.includes(type) || (type === TRACING && attachType === ITER);
}

/** Whether helper `id` may be handed a map of type `mapType` (enum bpf_map_type) by the program. */
export function helperTakesMap(id: number, mapType: number, user: MapUser): boolean {
  const helpers = BY_MAP[mapType];
  const changes = SOCKMAPS.includes(mapType) && (id === UPDATE || id === DELETE);
  if (changes ? !mayChangeMap(id, mapType, user) : helpers !== undefined && !helpers.includes(id)) return false;
  const maps = BY_HELPER[id];
  return maps === undefined || maps.includes(mapType);
}

/** Helpers that change elements: a map that is read-only to programs (BPF_F_RDONLY_PROG) refuses them with "write into map forbidden". */
export const MAP_WRITERS: ReadonlySet<number> = new Set([2, 3, 87, 88]);
