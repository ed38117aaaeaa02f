/** Links: a program attached to a target. With event sources registered they decide what they can produce; fire() needs none. */
import { AttachError, type ErrnoName } from '../base/index.ts';
import type { AttachTarget, LinkCreateAttr, LinkInfo } from '../host/host.ts';
import { HEADER } from '../mem/index.ts';
import { targetName } from './attach-target.ts';
import type { EngineCore } from './core.ts';
import type { LinkObject, PerfEventObject } from './objects.ts';
import type { AttachedLink, EventSource } from './types.ts';

const COMMAND = 'BPF_LINK_CREATE';
/** BPF_TRACE_MAX_PROGS (kernel/trace/bpf_trace.c, v6.18). */
const PROGRAMS_PER_EVENT = 64;

/** enum bpf_prog_type of the programs that each kind of target takes (kernel/events/core.c, kernel/bpf/syscall.c, v6.18). */
const TAKES: Readonly<Record<Exclude<AttachTarget['kind'], 'other'>, readonly number[]>> = {
  kprobe: [2],
  ksyscall: [2],
  uprobe: [2],
  tracepoint: [5],
  raw_tracepoint: [17, 24],
  perf_event: [7],
};

function refuse(errno: ErrnoName, message: string, hint?: string): AttachError {
  return new AttachError(COMMAND, errno, message, { hint });
}

/** The link as sources and workers know it. */
export function attached(link: LinkObject): AttachedLink {
  return { id: link.id, progId: link.prog.id, progType: link.prog.type, target: link.target, cookie: link.cookie };
}

/** BPF_LINK_CREATE. @returns the link's fd; AttachError from the sources */
export function linkCreate(core: EngineCore, attr: LinkCreateAttr): number {
  const prog = core.want(COMMAND, attr.progFd, 'prog').object;
  const { target } = attr;
  if (target.kind !== 'other' && !TAKES[target.kind].includes(prog.type)) {
    throw refuse('EINVAL', `a program of type ${prog.type} cannot be attached to ${targetName(target)}`);
  }
  const name = targetName(target);
  if (target.kind !== 'other' && [...core.links.values()].filter((l) => targetName(l.target) === name).length >= PROGRAMS_PER_EVENT) {
    throw refuse('E2BIG', `${name} has ${PROGRAMS_PER_EVENT} programs already`);
  }
  let event: PerfEventObject | undefined;
  if (target.kind === 'perf_event') event = core.want(COMMAND, target.fd, 'perf_event').object;
  const id = core.nextId(HEADER.NEXT_LINK_ID);
  const link: LinkObject = { kind: 'link', id, prog, target, cookie: attr.cookie ?? 0n, event, refs: 0 };
  attachToSources(core.sources, attached(link));
  prog.refs++;
  if (event !== undefined) event.refs++;
  core.links.set(id, link);
  return core.open(link);
}

/** Offers the link to the sources; one that takes it is enough, and without any source every target is taken. */
export function attachToSources(sources: readonly EventSource[], link: AttachedLink): void {
  if (sources.length === 0) return;
  let failure: AttachError | undefined;
  let taken = false;
  for (const source of sources) {
    try {
      source.attach(link);
      taken = true;
    } catch (error) {
      if (!(error instanceof AttachError)) throw error;
      failure ??= error;
    }
  }
  if (!taken && failure !== undefined) throw failure;
}

/** BPF_OBJ_GET_INFO_BY_FD on a link. */
export function linkInfo(core: EngineCore, fd: number): LinkInfo {
  const { object: link } = core.want('BPF_OBJ_GET_INFO_BY_FD', fd, 'link');
  return { id: link.id, progId: link.prog.id, target: link.target };
}
