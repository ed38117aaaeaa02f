/**
 * The allocator of the engine's memory: zeroed, 64-byte aligned blocks, usable from any thread that shares the memory.
 * Neighbouring free blocks join (boundary tags); free blocks hang in bins of four sizes a power of two. Whose a block is, its owner knows.
 */
import { BpfError } from '../base/index.ts';
import { HEADER } from './layout.ts';
import { lock, unlock } from './lock.ts';
import type { Mem } from './memory.ts';

const ALIGN = 64;
/** Bytes before each block. */
const TAG = 64;
/** Offsets in the tag, u32. */
const SIZE = 0;
const PREV_SIZE = 4;
const STATE = 8;
const NEXT_FREE = 12;
const PREV_FREE = 16;
const USED = 0x55534544;
const FREE = 0x46524545;
const BINS = 108;
/** Blocks looked at in the bin where sizes differ; the bins above fit at the first look. */
const LOOKS = 16;
/** The memory grows by at least this much. */
const GROWTH = 1 << 20;
const LIMIT = 2 ** 32 - ALIGN;

/** Prepares an empty heap whose first block may start at `start` (64-byte aligned). Once per memory. */
export function initHeap(mem: Mem, start: number): void {
  mem.dv.setUint32(HEADER.HEAP_TOP, start, true);
  mem.dv.setUint32(HEADER.HEAP_LAST, 0, true);
  mem.dv.setUint32(HEADER.HEAP_VIRGIN, start, true);
}

/** What is allocated: tests see leaks by it. */
export interface HeapUsage {
  readonly blocks: number;
  /** With the blocks' tags and rounding. */
  readonly bytes: number;
}

/** What is allocated now. */
export function heapUsage(mem: Mem): HeapUsage {
  return { blocks: mem.dv.getUint32(HEADER.HEAP_BLOCKS, true), bytes: mem.dv.getUint32(HEADER.HEAP_BYTES, true) };
}

/** A zeroed, 64-byte aligned block of at least `size` bytes, or 0 when memory is exhausted. */
export function heapAlloc(mem: Mem, thread: number, size: number): number {
  if (!(size >= 0 && size <= LIMIT - TAG - ALIGN)) return 0;
  const need = Math.max(1, Math.ceil(size / ALIGN)) * ALIGN + TAG;
  if (mem.dv.getUint32(HEADER.HEAP_FAULTED, true) !== 0) return 0;
  lock(mem, HEADER.HEAP_LOCK, thread);
  let block: number;
  let dirty: number;
  try {
    mem.refresh();
    block = takeFree(mem, need);
    if (block !== 0) {
      dirty = mem.dv.getUint32(block + SIZE, true) - TAG;
    } else {
      const virgin = mem.dv.getUint32(HEADER.HEAP_VIRGIN, true);
      block = takeTop(mem, need);
      dirty = Math.min(need - TAG, Math.max(0, virgin - block - TAG));
    }
    if (block === 0) return 0;
    mem.dv.setUint32(block + STATE, USED, true);
    count(mem, 1, mem.dv.getUint32(block + SIZE, true));
  } finally {
    unlock(mem, HEADER.HEAP_LOCK);
  }
  if (dirty > 0) mem.u8.fill(0, block + TAG, block + TAG + dirty);
  return block + TAG;
}

/** Gives a block back; BpfError when `offset` is not a block in use. */
export function heapFree(mem: Mem, thread: number, offset: number): void {
  let block = offset - TAG;
  lock(mem, HEADER.HEAP_LOCK, thread);
  try {
    mem.refresh();
    const top = mem.dv.getUint32(HEADER.HEAP_TOP, true);
    if (offset % ALIGN !== 0 || block < HEADER.SIZE || block >= top || mem.dv.getUint32(block + STATE, true) !== USED) {
      throw new BpfError(`free of 0x${offset.toString(16)}, which is not a block in use`);
    }
    let size = mem.dv.getUint32(block + SIZE, true);
    count(mem, -1, -size);
    mem.dv.setUint32(block + STATE, FREE, true);
    const next = block + size;
    if (next < top && mem.dv.getUint32(next + STATE, true) === FREE) {
      unlink(mem, next);
      size += mem.dv.getUint32(next + SIZE, true);
      mem.dv.setUint32(next + STATE, 0, true);
    }
    const prevSize = mem.dv.getUint32(block + PREV_SIZE, true);
    if (prevSize !== 0 && mem.dv.getUint32(block - prevSize + STATE, true) === FREE) {
      mem.dv.setUint32(block + STATE, 0, true);
      block -= prevSize;
      unlink(mem, block);
      size += prevSize;
    }
    if (block + size === top) {
      mem.dv.setUint32(block + STATE, 0, true);
      mem.dv.setUint32(HEADER.HEAP_TOP, block, true);
      mem.dv.setUint32(HEADER.HEAP_LAST, mem.dv.getUint32(block + PREV_SIZE, true), true);
    } else {
      setSize(mem, block, size);
      link(mem, block, size);
    }
  } finally {
    unlock(mem, HEADER.HEAP_LOCK);
  }
}

function count(mem: Mem, blocks: number, bytes: number): void {
  mem.dv.setUint32(HEADER.HEAP_BLOCKS, mem.dv.getUint32(HEADER.HEAP_BLOCKS, true) + blocks, true);
  mem.dv.setUint32(HEADER.HEAP_BYTES, mem.dv.getUint32(HEADER.HEAP_BYTES, true) + bytes, true);
}

/** Takes a fitting block out of the bins, splitting it; 0 for none. */
function takeFree(mem: Mem, need: number): number {
  const first = binOf(need);
  for (let bin = first; bin < BINS; bin++) {
    let block = mem.dv.getUint32(HEADER.HEAP_BINS + bin * 4, true);
    for (let looks = 0; block !== 0 && looks < LOOKS; looks++) {
      const size = mem.dv.getUint32(block + SIZE, true);
      if (size >= need) {
        unlink(mem, block);
        if (size - need >= TAG + ALIGN) {
          const rest = block + need;
          setSize(mem, block, need);
          setSize(mem, rest, size - need);
          mem.dv.setUint32(rest + STATE, FREE, true);
          link(mem, rest, size - need);
        }
        return block;
      }
      block = mem.dv.getUint32(block + NEXT_FREE, true);
    }
  }
  return 0;
}

/** Takes a block from the memory above all blocks, growing the memory; 0 when it cannot grow. */
function takeTop(mem: Mem, need: number): number {
  const block = mem.dv.getUint32(HEADER.HEAP_TOP, true);
  const end = block + need;
  if (end > LIMIT) return 0;
  if (end > mem.u8.length) {
    try {
      mem.ensure(Math.min(LIMIT, Math.max(end, mem.u8.length + GROWTH)));
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      try {
        mem.ensure(end);
      } catch (again) {
        if (!(again instanceof BpfError)) throw again;
        return 0;
      }
    }
  }
  mem.dv.setUint32(block + PREV_SIZE, mem.dv.getUint32(HEADER.HEAP_LAST, true), true);
  mem.dv.setUint32(block + SIZE, need, true);
  mem.dv.setUint32(HEADER.HEAP_LAST, need, true);
  mem.dv.setUint32(HEADER.HEAP_TOP, end, true);
  if (end > mem.dv.getUint32(HEADER.HEAP_VIRGIN, true)) mem.dv.setUint32(HEADER.HEAP_VIRGIN, end, true);
  return block;
}

/** Sets a block's size here and in the tag after it (or in the header, for the last block). */
function setSize(mem: Mem, block: number, size: number): void {
  mem.dv.setUint32(block + SIZE, size, true);
  const next = block + size;
  if (next === mem.dv.getUint32(HEADER.HEAP_TOP, true)) mem.dv.setUint32(HEADER.HEAP_LAST, size, true);
  else mem.dv.setUint32(next + PREV_SIZE, size, true);
}

/** Bin of a size: the power of two and its next two bits. */
function binOf(size: number): number {
  const units = size / ALIGN;
  const log = 31 - Math.clz32(units);
  return log < 2 ? units : log * 4 + ((units >>> (log - 2)) & 3);
}

function link(mem: Mem, block: number, size: number): void {
  const head = HEADER.HEAP_BINS + binOf(size) * 4;
  const next = mem.dv.getUint32(head, true);
  mem.dv.setUint32(block + NEXT_FREE, next, true);
  mem.dv.setUint32(block + PREV_FREE, 0, true);
  if (next !== 0) mem.dv.setUint32(next + PREV_FREE, block, true);
  mem.dv.setUint32(head, block, true);
}

function unlink(mem: Mem, block: number): void {
  const next = mem.dv.getUint32(block + NEXT_FREE, true);
  const prev = mem.dv.getUint32(block + PREV_FREE, true);
  if (next !== 0) mem.dv.setUint32(next + PREV_FREE, prev, true);
  if (prev !== 0) mem.dv.setUint32(prev + NEXT_FREE, next, true);
  else mem.dv.setUint32(HEADER.HEAP_BINS + binOf(mem.dv.getUint32(block + SIZE, true)) * 4, next, true);
}
