/**
 * A table from ids to records in the shared memory: one writer at a time (the engine), readers on any thread without a lock.
 * Ids count up from 1 and are never used again, so that a stale id finds nothing.
 */
import type { Mem } from './memory.ts';

/** Buckets; a bucket holds a chain of nodes { next, id, record }. */
const BUCKETS = 1024;
const NODE_NEXT = 0;
const NODE_ID = 4;
const NODE_RECORD = 8;

/** Bytes of a table's block: the buckets. */
export const ID_TABLE_SIZE = BUCKETS * 4;
/** Bytes of a node, which the caller allocates (a record may hold it). */
export const ID_NODE_SIZE = 12;

/** Adds `record` under `id`; `node` is ID_NODE_SIZE bytes that live as long as the entry. */
export function idTableAdd(mem: Mem, table: number, id: number, record: number, node: number): void {
  const bucket = table + (id % BUCKETS) * 4;
  mem.dv.setUint32(node + NODE_NEXT, mem.dv.getUint32(bucket, true), true);
  mem.dv.setUint32(node + NODE_ID, id, true);
  mem.dv.setUint32(node + NODE_RECORD, record, true);
  Atomics.store(mem.i32, bucket >>> 2, node | 0);
}

/** Offset of the record of `id`, or 0. */
export function idTableGet(mem: Mem, table: number, id: number): number {
  let node = Atomics.load(mem.i32, (table + (id % BUCKETS) * 4) >>> 2) >>> 0;
  if (node >= mem.u8.length) mem.refresh();
  while (node !== 0) {
    if (mem.dv.getUint32(node + NODE_ID, true) === id) return mem.dv.getUint32(node + NODE_RECORD, true);
    node = mem.dv.getUint32(node + NODE_NEXT, true);
    if (node >= mem.u8.length) mem.refresh();
  }
  return 0;
}

/** Takes the entry of `id` out. Its node may be freed after a grace period. */
export function idTableRemove(mem: Mem, table: number, id: number): void {
  let link = table + (id % BUCKETS) * 4;
  for (let node = mem.dv.getUint32(link, true); node !== 0; node = mem.dv.getUint32(link, true)) {
    if (mem.dv.getUint32(node + NODE_ID, true) === id) {
      Atomics.store(mem.i32, link >>> 2, mem.dv.getInt32(node + NODE_NEXT, true));
      return;
    }
    link = node + NODE_NEXT;
  }
}
