/** Whether a field of a context or of a kernel socket may be read or written so (the types' is_valid_access, net/core/filter.c and others, v6.18). */
import type { CtxField } from './types.ts';

/** An access of `size` bytes at `off` by a program of attach type `attach`. */
export interface FieldAccess {
  readonly off: number;
  readonly size: number;
  readonly direction: 'read' | 'write';
  /** enum bpf_attach_type. */
  readonly attach: number;
}

/** Whether the access lies in the field and its rules allow it. */
export function fieldAllows(field: CtxField, { off, size, direction, attach }: FieldAccess): boolean {
  const { rule = {} } = field;
  if (off % size !== 0 || off < field.offset) return false;
  if (direction === 'write' ? !field.write : !field.read) return false;
  if (rule.attach?.includes(attach) === false) return false;
  if (direction === 'write' && rule.writers?.includes(attach) === false) return false;
  if (direction === 'read' && off === field.offset && size === rule.also) return true;
  const span = rule.span ?? field.size;
  if (off + size > field.offset + span) return false;
  if (field.anySize) return true;
  if (rule.wide && size === 8) return true;
  // struct pt_regs in a perf event's context goes by whole registers, other arrays by words.
  const unit = field.name === 'regs' ? 8 : span % 4 === 0 && span > 8 ? 4 : span;
  if (size === unit && (off - field.offset) % unit === 0) return true;
  if (direction !== 'read' || field.narrow !== true || size > unit || size < (rule.least ?? 1)) return false;
  return rule.atStart !== true || off === field.offset;
}
