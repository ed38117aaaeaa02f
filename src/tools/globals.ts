/** The `const volatile` variables of an object: reading `NAME=VALUE` settings, and describing them for help. */
import { BpfError } from '../base/index.ts';
import { type Btf, formatValue } from '../btf/index.ts';
import type { CollectionSpec, GlobalSpec } from '../elf/index.ts';

/** Variables that can be set before loading: read-only globals. */
export function settable(spec: CollectionSpec): GlobalSpec[] {
  return spec.globals.filter((g) => g.origin === 'rodata' && g.linkage === 'global' && g.typeId !== 0);
}

/** `NAME=VALUE` texts as a record; BpfError naming the variables of the objects when one is unknown. */
export function readSettings(settings: readonly string[], specs: readonly CollectionSpec[]): Record<string, string> {
  const known = new Set(specs.flatMap((s) => settable(s).map((g) => g.name)));
  const out: Record<string, string> = {};
  for (const setting of settings) {
    const at = setting.indexOf('=');
    if (at <= 0) throw new BpfError(`--set ${setting}: expected NAME=VALUE`);
    const name = setting.slice(0, at);
    if (!known.has(name)) {
      throw new BpfError(`--set ${setting}: the program has no variable '${name}'`, {
        hint: known.size === 0 ? 'it has no `const volatile` variables at all' : `its variables: ${[...known].join(', ')}`,
      });
    }
    out[name] = setting.slice(at + 1);
  }
  return out;
}

/** Help text on the variables of an object; says so when there are none. */
export function settingsHelp(spec: CollectionSpec): string {
  const rows = settable(spec).map((g) => {
    const { btf } = spec;
    const contents = spec.maps.find((m) => m.name === g.map)?.contents ?? new Uint8Array(0);
    const bytes = contents.subarray(g.offset, g.offset + g.size);
    if (btf === undefined || bytes.length !== g.size) return [g.name, '', ''] as const;
    return [g.name, ctype(btf, g.typeId), formatValue(btf, g.typeId, bytes)] as const;
  });
  if (rows.length === 0) return `${spec.name} has no variables to set.\n`;
  const width = Math.max(...rows.map((r) => r[0].length));
  return `Variables of ${spec.name} (--set NAME=VALUE):\n${rows.map(([n, t, v]) => `  ${n.padEnd(width)}  ${t}, default ${v}\n`).join('')}`;
}

/** A type as C writes it in front of a name, qualifiers left out: every settable variable has the same. */
function ctype(btf: Btf, id: number): string {
  const type = btf.type(id);
  switch (type.kind) {
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
      return ctype(btf, type.type);
    case 'ptr':
      return `${ctype(btf, type.type)} *`;
    case 'array':
      return `${ctype(btf, type.type)}[${type.count}]`;
    case 'struct':
    case 'union':
      return `${type.kind} ${type.name}`.trimEnd();
    case 'enum':
    case 'enum64':
      return `enum ${type.name} { ${type.values.map((v) => v.name).join(', ')} }`.replace('  ', ' ');
    default:
      return type.name === '' ? type.kind : type.name;
  }
}
