/** Exception callbacks: which function catches what a program throws, by the program's declaration tag (libbpf.c bpf_prog_assign_exc_cb, v6.18). */
import type { Btf } from '../btf/index.ts';
import type { CodeSection, ElfFunction } from './functions.ts';

const EXCEPTION_TAG = 'exception_callback:';
const tagsOf = new WeakMap<Btf, Map<string, Tag>>();

/** The tag's id, and the function that it names. */
interface Tag {
  readonly id: number;
  readonly callback: string;
}

/** What a program's declaration tag names as its exception callback: a function of .text. FormatError where there is none. */
export function exceptionCallback(btf: Btf | undefined, program: string, code: ReadonlyMap<number, CodeSection>): ElfFunction | undefined {
  if (btf === undefined) return undefined;
  const tag = exceptionTags(btf).get(program);
  if (tag === undefined) return undefined;
  for (const section of code.values()) {
    const found = section.name === '.text' ? section.functions.find((fn) => fn.name === tag.callback) : undefined;
    if (found !== undefined) return found;
  }
  throw btf.error(tag.id, `program ${program}: its exception callback ${tag.callback} is no function of .text`);
}

/** Tags of exception callbacks by the name of the program. */
function exceptionTags(btf: Btf): Map<string, Tag> {
  const known = tagsOf.get(btf);
  if (known !== undefined) return known;
  const out = new Map<string, Tag>();
  for (let id = btf.first; id < btf.count; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag' || tag.component !== -1 || !tag.name.startsWith(EXCEPTION_TAG)) continue;
    const fn = btf.type(tag.type);
    if (fn.kind === 'func') out.set(fn.name, { id, callback: tag.name.slice(EXCEPTION_TAG.length) });
  }
  tagsOf.set(btf, out);
  return out;
}
