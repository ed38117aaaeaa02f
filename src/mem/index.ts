/** The engine's address space: views, layout, locks, allocator. */
export * from './heap.ts';
export * from './id-table.ts';
export * from './layout.ts';
export * from './lock.ts';
export * from './memory.ts';
export * from './runtime.ts';
export * from './thread.ts';
