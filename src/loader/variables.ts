/** Initial contents of data maps: the object's bytes with the caller's variables, and the values of kconfig externs. */
import { BpfError, FormatError } from '../base/index.ts';
import { type Btf, encodeValue, isChar } from '../btf/index.ts';
import type { CollectionSpec, ExternSpec, GlobalSpec, MapSpec } from '../elf/index.ts';
import { loadRefusal } from './refusal.ts';
import type { LoadOptions, VariableValue } from './types.ts';

/** The kernel version that the engine models, as KERNEL_VERSION(6, 18, 0). */
const KERNEL_VERSION = (6 << 16) + (18 << 8);
/** enum libbpf_tristate. */
const TRISTATE: Readonly<Record<string, number>> = { n: 0, y: 1, m: 2 };

/** Contents of every data map by map name; .bss without a set variable is absent (the kernel zeroes it). */
export function initialContents(spec: CollectionSpec, options: LoadOptions): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const map of spec.maps) {
    if (map.origin === 'kconfig') out.set(map.name, kconfigContents(spec, map, options));
    else if (map.contents !== undefined) out.set(map.name, map.contents);
  }
  const changed = new Set<string>();
  for (const [name, value] of Object.entries(options.variables ?? {})) {
    const global = findGlobal(spec, name);
    if (!changed.has(global.map)) {
      const size = spec.maps.find((m) => m.name === global.map)?.valueSize ?? 0;
      out.set(global.map, out.get(global.map)?.slice() ?? new Uint8Array(size));
      changed.add(global.map);
    }
    out.get(global.map)?.set(variableBytes(spec.btf, global, value), global.offset);
  }
  return out;
}

/** The global with this name; BpfError naming those that exist. */
export function findGlobal(spec: CollectionSpec, name: string): GlobalSpec {
  const found = spec.globals.filter((g) => g.name === name && g.origin !== 'kconfig');
  const global = found.find((g) => g.linkage === 'global') ?? found[0];
  if (global === undefined) {
    const names = spec.globals.filter((g) => g.linkage === 'global' && g.origin !== 'kconfig').map((g) => g.name);
    throw new BpfError(`no global variable '${name}' in ${spec.name}`, {
      hint: names.length === 0 ? 'the object has none' : `it has ${names.join(', ')}`,
    });
  }
  if (found.length > 1 && global.linkage === 'static') throw new BpfError(`${found.length} static variables are named '${name}'`);
  return global;
}

/** A value as the global's bytes, as many as its size. */
export function variableBytes(btf: Btf | undefined, global: GlobalSpec, value: VariableValue): Uint8Array {
  if (value instanceof Uint8Array) {
    if (value.length !== global.size) throw new FormatError(`variable ${global.name}: ${value.length} bytes, expected ${global.size}`);
    return value;
  }
  if (btf === undefined || global.typeId === 0) {
    throw new BpfError(`variable ${global.name} has no type: the object has no BTF`, { hint: 'give its bytes, or compile with -g' });
  }
  try {
    return encodeValue(btf, global.typeId, String(value));
  } catch (cause) {
    if (cause instanceof FormatError) throw new FormatError(`variable ${global.name}: ${cause.message}`, {}, { cause });
    throw cause;
  }
}

function kconfigContents(spec: CollectionSpec, map: MapSpec, options: LoadOptions): Uint8Array {
  const out = new Uint8Array(map.valueSize);
  for (const extern of spec.externs) {
    if (extern.kind !== 'kconfig' || spec.btf === undefined) continue;
    const value = options.kconfig?.[extern.name] ?? virtualValue(extern.name);
    if (value !== undefined) {
      out.set(kconfigBytes(spec.btf, extern, value), extern.offset);
    } else if (!extern.weak) {
      throw loadRefusal('ESRCH', `extern '${extern.name}' (strong): not resolved`, 'give it in the kconfig option, or declare it __weak');
    }
  }
  return out;
}

/** Externs that no .config has. */
function virtualValue(name: string): number | boolean | undefined {
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return KERNEL_VERSION;
    case 'LINUX_HAS_BPF_COOKIE':
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return true;
    default:
      return undefined;
  }
}

/** A .config value as the extern's bytes (libbpf.c set_kcfg_value_*, v6.18). */
function kconfigBytes(btf: Btf, extern: ExternSpec, value: string | number | bigint | boolean): Uint8Array {
  const text = typeof value === 'boolean' ? (value ? 'y' : 'n') : String(value);
  const type = btf.resolve(extern.typeId);
  const refuse = (expected: string): FormatError => new FormatError(`extern ${extern.name}: '${text}', expected ${expected}`);
  const tristate = TRISTATE[text];
  if (type.kind === 'int' && type.bool) {
    if (text !== 'y' && text !== 'n') throw refuse('y or n for a bool');
    return encodeValue(btf, extern.typeId, text === 'y' ? '1' : '0');
  }
  if (isChar(btf, extern.typeId)) {
    if (tristate !== undefined) return Uint8Array.of(text.charCodeAt(0));
  } else if (type.kind === 'enum' && type.name === 'libbpf_tristate') {
    if (tristate === undefined) throw refuse('y, m or n');
    return encodeValue(btf, extern.typeId, String(tristate));
  } else if (type.kind === 'array' && isChar(btf, type.type)) {
    // libbpf keeps what fits and ends it with a NUL.
    const bytes = new TextEncoder().encode(text.replace(/^"(.*)"$/s, '$1')).slice(0, Math.max(0, type.count - 1));
    const out = new Uint8Array(extern.size);
    out.set(bytes);
    return out;
  } else if (tristate !== undefined) {
    throw refuse(`an integer for ${btf.typeName(extern.typeId)}`);
  }
  try {
    return encodeValue(btf, extern.typeId, text);
  } catch (cause) {
    if (cause instanceof FormatError) throw new FormatError(`extern ${extern.name}: ${cause.message}`, {}, { cause });
    throw cause;
  }
}
