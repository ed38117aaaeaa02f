/** Attach targets as text and as keys to compare: `kprobe/do_execve`, `tp/sched/sched_process_exec`. The loader has the whole section table. */
import type { AttachTarget } from '../host/host.ts';

/** The target that a section-like name stands for. What is no known kind is a target of kind `other`: fire() takes any name. */
export function parseTarget(text: string): AttachTarget {
  const slash = text.indexOf('/');
  const kind = slash < 0 ? text : text.slice(0, slash);
  const rest = slash < 0 ? '' : text.slice(slash + 1);
  const other: AttachTarget = { kind: 'other', section: text };
  if (rest === '') return other;
  switch (kind) {
    case 'kprobe':
    case 'kretprobe': {
      const { name, offset } = splitOffset(rest);
      return { kind: 'kprobe', func: name, ret: kind === 'kretprobe', ...(offset === undefined ? {} : { offset }) };
    }
    case 'ksyscall':
    case 'kretsyscall':
      return { kind: 'ksyscall', name: rest, ret: kind === 'kretsyscall' };
    case 'tp':
    case 'tracepoint': {
      const cut = rest.indexOf('/');
      return cut < 0 ? other : { kind: 'tracepoint', category: rest.slice(0, cut), name: rest.slice(cut + 1) };
    }
    case 'raw_tp':
    case 'raw_tracepoint':
      return { kind: 'raw_tracepoint', name: rest };
    case 'uprobe':
    case 'uretprobe': {
      const colon = rest.lastIndexOf(':');
      if (colon < 0) return other;
      const { name, offset } = splitOffset(rest.slice(colon + 1));
      const at = offset === undefined ? {} : { offset };
      return { kind: 'uprobe', path: rest.slice(0, colon), func: name, ret: kind === 'uretprobe', ...at };
    }
    default:
      return other;
  }
}

/** `name+0x10` and `name+16`. */
function splitOffset(text: string): { name: string; offset: number | undefined } {
  const match = /^(.*)\+(0x[0-9a-fA-F]+|\d+)$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return { name: text, offset: undefined };
  return { name: match[1], offset: Number(match[2]) };
}

/** The target as text; equal for equal targets. */
export function targetName(target: AttachTarget): string {
  const plus = (offset: number | undefined): string => (offset ? `+${offset}` : '');
  switch (target.kind) {
    case 'kprobe':
      return `${target.ret ? 'kretprobe' : 'kprobe'}/${target.func}${plus(target.offset)}`;
    case 'ksyscall':
      return `${target.ret ? 'kretsyscall' : 'ksyscall'}/${target.name}`;
    case 'tracepoint':
      return `tracepoint/${target.category}/${target.name}`;
    case 'raw_tracepoint':
      return `raw_tracepoint/${target.name}`;
    case 'uprobe':
      return `${target.ret ? 'uretprobe' : 'uprobe'}/${target.path}:${target.func ?? ''}${plus(target.offset)}`;
    case 'perf_event':
      return `perf_event/${target.fd}`;
    case 'other':
      return target.section;
  }
}
