/** From a section name to what the program is loaded as and where it is attached: the section table's rows, their targets parsed. */
import { FormatError } from '../base/index.ts';
import type { ProgramSpec } from '../elf/index.ts';
import type { AttachTarget } from '../host/index.ts';
import { ATTACH_TYPE, matchSection, type SectionRow } from '../programs/index.ts';

const SOCKET_FILTER = 1;
const BPF_F_SLEEPABLE = 1 << 4;
const BPF_F_XDP_HAS_FRAGS = 1 << 5;

/** What a section name says about its program. */
export interface SectionMeaning {
  /** enum bpf_prog_type. */
  readonly type: number;
  readonly expectedAttachType: number | undefined;
  /** prog_flags. */
  readonly flags: number;
  /** Where attach() puts it; undefined when the section names no place. */
  readonly target: AttachTarget | undefined;
  /** Whether Collection.attach() attaches it: as libbpf's skeletons do, not programs that need a device, cgroup or event. */
  readonly auto: boolean;
  /** The 4.4 loader's `kprobe/N`, `socket/N`: index in the last prog_array instead of attaching. */
  readonly slot: number | undefined;
}

/** Ways of attaching that need more than the section says. */
const BY_HAND = new Set([
  'none',
  'tc',
  'tcx',
  'netkit',
  'xdp',
  'cgroup',
  'sockmap',
  'lwt',
  'lirc',
  'netns',
  'perf_event',
  'freplace',
  'netfilter',
]);

/** What a section's programs are loaded as. */
export type SectionType = Pick<SectionMeaning, 'type' | 'expectedAttachType' | 'flags'>;

/** The type that a section stands for, wherever it is attached; undefined when libbpf has no such section. */
export function sectionType(section: string): SectionType | undefined {
  const row = matchSection(section)?.row;
  if (row === undefined) return undefined;
  // Marked places are attached many at a time where the kernel can (libbpf.c libbpf_prepare_prog_load).
  return row.attach === 'usdt' ? { ...typeOf(row), expectedAttachType: ATTACH_TYPE.TRACE_UPROBE_MULTI } : typeOf(row);
}

function typeOf(row: SectionRow): SectionType {
  return {
    type: row.progType,
    expectedAttachType: row.attachType,
    flags: (row.sleepable === true ? BPF_F_SLEEPABLE : 0) | (row.frags === true ? BPF_F_XDP_HAS_FRAGS : 0),
  };
}

/**
 * Reads a section name (`kprobe/do_execve+0x10`), or undefined when the table has no such section.
 * Throws FormatError for a target that is malformed.
 */
export function sectionMeaning(section: string): SectionMeaning | undefined {
  const match = matchSection(section);
  if (match === undefined) {
    const socket = /^socket(?:\/(.*))?$/.exec(section);
    return socket === null
      ? undefined
      : { type: SOCKET_FILTER, expectedAttachType: undefined, flags: 0, target: undefined, auto: false, slot: slotOf(socket[1]) };
  }
  const { row } = match;
  const common = typeOf(row);
  const slot = row.attach === 'kprobe' ? slotOf(match.target) : undefined;
  if (slot !== undefined) return { ...common, target: undefined, auto: false, slot };
  const target = parseTarget(row, match.target, section);
  return { ...common, target, auto: target !== undefined && !BY_HAND.has(row.attach), slot: undefined };
}

/** What a program's section says; FormatError naming the program when the table lacks it. */
export function programMeaning(program: ProgramSpec): SectionMeaning {
  const meaning = sectionMeaning(program.section);
  if (meaning === undefined) {
    throw new FormatError(
      `section '${program.section}' stands for no program type`,
      { program: program.name },
      {
        hint: 'use a libbpf section name such as kprobe/do_execve or tracepoint/syscalls/sys_enter_write, or give the type in the options',
      },
    );
  }
  return meaning;
}

function slotOf(target: string | undefined): number | undefined {
  return target !== undefined && /^[0-9]{1,9}$/.test(target) ? Number(target) : undefined;
}

function parseTarget(row: SectionRow, target: string | undefined, section: string): AttachTarget | undefined {
  const ret = row.prefix.startsWith('kret') || row.prefix.startsWith('uret');
  switch (row.attach) {
    case 'kprobe':
      return target === undefined || target === '' ? undefined : { kind: 'kprobe', ...functionPlace(target, section, ret), ret };
    case 'ksyscall':
      return target === undefined || target === '' ? undefined : { kind: 'ksyscall', name: target, ret };
    case 'tracepoint': {
      if (target === undefined || target === '') return undefined;
      const slash = target.indexOf('/');
      if (slash <= 0 || slash === target.length - 1) {
        throw new FormatError(`tracepoint '${target}', expected category/name`, { section });
      }
      return { kind: 'tracepoint', category: target.slice(0, slash), name: target.slice(slash + 1) };
    }
    case 'raw_tracepoint':
      return target === undefined || target === '' ? undefined : { kind: 'raw_tracepoint', name: target };
    case 'uprobe': {
      const colon = target?.indexOf(':') ?? -1;
      if (target === undefined || colon < 0) return undefined;
      const path = target.slice(0, colon);
      const place = target.slice(colon + 1);
      if (path === '' || place === '') throw new FormatError(`'${target}', expected path:function or path:0xoffset`, { section });
      const offset = number(place);
      return { kind: 'uprobe', path, ...(offset === undefined ? functionPlace(place, section, ret) : { offset }), ret };
    }
    case 'none':
    case 'perf_event':
      return undefined;
    default:
      return { kind: 'other', section };
  }
}

/** `func` or `func+0x10`. */
function functionPlace(text: string, section: string, ret: boolean): { func: string; offset?: number } {
  const plus = text.lastIndexOf('+');
  if (plus < 0) return { func: text };
  const offset = number(text.slice(plus + 1));
  if (plus === 0 || offset === undefined) throw new FormatError(`'${text}', expected function or function+offset`, { section });
  if (ret && offset !== 0) throw new FormatError(`'${text}': a return probe has no offset`, { section });
  return { func: text.slice(0, plus), ...(offset === 0 ? {} : { offset }) };
}

function number(text: string): number | undefined {
  return /^(0[xX][0-9a-fA-F]{1,13}|[0-9]{1,15})$/.test(text) ? Number(text) : undefined;
}
