/** Declaration tags of BTF, found by what they tag. */
import type { Btf } from '../btf.ts';

interface Tag {
  readonly type: number;
  readonly component: number;
  readonly text: string;
}

const known = new WeakMap<Btf, ReadonlyMap<number, readonly Tag[]>>();

function tagsByType(btf: Btf): ReadonlyMap<number, readonly Tag[]> {
  const cached = known.get(btf);
  if (cached !== undefined) return cached;
  const tags = new Map<number, Tag[]>();
  for (let id = btf.first; id < btf.count; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag') continue;
    const of = tags.get(tag.type);
    const entry = { type: tag.type, component: tag.component, text: tag.name };
    if (of === undefined) tags.set(tag.type, [entry]);
    else of.push(entry);
  }
  known.set(btf, tags);
  return tags;
}

/** Texts of the declaration tags of a type (component -1), or of its member or parameter, by ascending id. */
export function declTags(btf: Btf, type: number, component: number): readonly string[] {
  return (tagsByType(btf).get(type) ?? []).filter((tag) => tag.component === component).map((tag) => tag.text);
}
