/** The program's exception callback: a global function that main names in a declaration tag (bpf_find_exception_callback_insn_off, v6.18). */
import type { Btf } from '../../btf/index.ts';
import type { VerifierProgram } from '../environment.ts';
import { type Refusal, refuse } from '../refusal.ts';

const TAG = 'exception_callback:';

/** Slot at which the callback starts; undefined where main names none. */
export function exceptionCallbackStart({ btf, functions }: VerifierProgram): number | Refusal | undefined {
  const main = functions?.[0];
  if (btf === undefined || functions === undefined || main === undefined) return undefined;
  const names = tagsOf(btf, main.typeId);
  const [name] = names;
  if (name === undefined) return undefined;
  if (names.length > 1) return refuse('EEXIST', 'multiple exception callback tags for main subprog');
  const id = btf.find(name, 'func');
  if (id === undefined) return refuse('ENOENT', `exception callback '${name}' could not be found in BTF`);
  const func = btf.type(id);
  if (func.kind !== 'func' || func.linkage !== 'global') {
    return refuse('EINVAL', `exception callback '${name}' must have global linkage`);
  }
  const start = functions.find((f) => f.typeId === id)?.insn;
  if (start === undefined) return refuse('EINVAL', 'exception callback type id not found in func_info');
  if (start === 0) return refuse('EINVAL', 'invalid exception callback insn_off in func_info: 0');
  return start;
}

/** Names in tags of a function that begin with TAG. */
function tagsOf(btf: Btf, func: number): string[] {
  const names: string[] = [];
  for (let id = btf.first; id < btf.count; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const tag = btf.type(id);
    if (tag.kind === 'decl_tag' && tag.type === func && tag.component < 0 && tag.name.startsWith(TAG))
      names.push(tag.name.slice(TAG.length));
  }
  return names;
}
