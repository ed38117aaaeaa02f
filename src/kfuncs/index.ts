/** The kfunc table: functions of the kernel that programs call by BTF id, with the flags that BTF lacks. */
export * from './hooks.ts';
export * from './table.ts';
export type * from './types.ts';
