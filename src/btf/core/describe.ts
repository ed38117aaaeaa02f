/** What a CO-RE record is about, in words. */
import { type Btf, MAX_DEPTH } from '../btf.ts';
import type { CoreRelo } from '../types.ts';

/** The spot that a record names: `struct task_struct.cred->...` as `struct task_struct.pid`, `enum e.VALUE`, or the type alone. */
export function describeCoreRelo(btf: Btf, relo: CoreRelo): string {
  let type = btf.resolve(relo.typeId);
  let text = type.name === '' ? btf.typeName(relo.typeId) : type.kind === 'int' ? type.name : btf.typeName(type.id);
  if (relo.kind.startsWith('type_')) return text;
  const steps = relo.access.split(':', MAX_DEPTH * 2).map(Number);
  if (type.kind === 'enum' || type.kind === 'enum64') {
    const value = type.values[steps[0] ?? 0];
    return value === undefined ? text : `${text}.${value.name}`;
  }
  for (const step of steps.slice(1)) {
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[step];
      if (member === undefined) return `${text}.?`;
      if (member.name !== '') text += `.${member.name}`;
      type = btf.resolve(member.type);
    } else if (type.kind === 'array') {
      text += `[${step}]`;
      type = btf.resolve(type.type);
    } else {
      return `${text}.?`;
    }
  }
  return text;
}
