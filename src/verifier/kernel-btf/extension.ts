/** Whether a program may stand in for a function of another one: both prototypes are the same (btf_check_func_type_match, v6.18). */
import type { Btf, BtfFunc, BtfType } from '../../btf/index.ts';
import type { Verification } from '../verification.ts';
import { isComposite, kindText, skipModifiers } from './walk.ts';

/** Why the program cannot replace `func`; undefined where it can. */
export function extensionMismatch(v: Verification, btf: Btf, func: BtfFunc): string | undefined {
  const own = v.program.btf;
  const id = v.program.functions?.[0]?.typeId;
  if (own === undefined || id === undefined) return 'Program extension requires BTF';
  const mine = own.type(id);
  if (mine.kind !== 'func') return '';
  for (const f of [mine, func]) if (f.linkage !== 'global') return `${f.name}() is not a global function`;
  const [a, b] = [own.type(mine.type), btf.type(func.type)];
  if (a.kind !== 'func_proto' || b.kind !== 'func_proto') return '';
  if (a.params.length !== b.params.length) {
    return `${mine.name}() has ${a.params.length} args while ${func.name}() has ${b.params.length} args`;
  }
  const [resultA, resultB] = [skipModifiers(own, a.returnType).type, skipModifiers(btf, b.returnType).type];
  if (!sameShape(resultA, resultB)) {
    return `Return type ${kindText(resultA)} of ${mine.name}() doesn't match type ${kindText(resultB)} of ${func.name}()`;
  }
  for (const [i, param] of a.params.entries()) {
    const types = [skipModifiers(own, param.type).type, skipModifiers(btf, b.params[i]?.type ?? 0).type] as const;
    const mismatch = argumentMismatch(i, [own, btf], types, [mine.name, func.name]);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function argumentMismatch(
  i: number,
  [ownBtf, btf]: readonly [Btf, Btf],
  [a, b]: readonly [BtfType, BtfType],
  [mine, theirs]: readonly [string, string],
): string | undefined {
  if (!sameShape(a, b)) return `arg${i} in ${mine}() is ${kindText(a)} while ${theirs}() has ${kindText(b)}`;
  if ('size' in a && 'size' in b && a.size !== b.size) {
    return `arg${i} in ${mine}() has size ${a.size} while ${theirs}() has ${b.size}`;
  }
  if (a.kind === 'int' || a.kind === 'enum' || a.kind === 'enum64') return undefined;
  if (a.kind !== 'ptr' || b.kind !== 'ptr') return `arg${i} in ${mine}() has unrecognized type`;
  const [s, t] = [skipModifiers(ownBtf, a.type).type, skipModifiers(btf, b.type).type];
  if (!isComposite(s)) return `arg${i} in ${mine}() is not a pointer to context`;
  if (!isComposite(t)) return `arg${i} in ${theirs}() is not a pointer to context`;
  return s.name === t.name ? undefined : `arg${i} ${mine}(struct ${s.name} *) doesn't match ${theirs}(struct ${t.name} *)`;
}

/** The kernel compares the info words: kind, number of parts, and flag. */
function sameShape(a: BtfType, b: BtfType): boolean {
  if (a.kind !== b.kind) return false;
  const parts = (type: BtfType): number => (isComposite(type) ? type.members.length : 'values' in type ? type.values.length : 0);
  return parts(a) === parts(b);
}
