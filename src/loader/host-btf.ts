/**
 * BTF as hosts take it: the kernel refuses extern functions and variables, which are resolved by then anyway, so they become global ones and
 * their section an anonymous struct (libbpf's bpf_object__collect_externs and btf sanitizing do the like, v6.18).
 */
import type { Btf } from '../btf/index.ts';

const STRUCT = 4;
const GLOBAL = 1;

/** The bytes to load; the same bytes when there are no kernel symbols. */
export function hostBtf(btf: Btf): Uint8Array {
  const section = btf.find('.ksyms', 'datasec');
  const datasec = btf.type(section ?? 0);
  const int = intType(btf);
  if (section === undefined || datasec.kind !== 'datasec' || int === undefined) return btf.bytes;
  const out = Uint8Array.from(btf.bytes);
  const view = new DataView(out.buffer);
  const put = (offset: number, value: number): void => view.setUint32(offset, value >>> 0, true);

  // A section's rows and a struct's members have the same size: name, type, bit offset.
  const record = btf.recordOffset(section);
  put(record, 0);
  put(record + 4, (STRUCT << 24) | datasec.vars.length);
  put(record + 8, datasec.vars.length * 4);
  const named = new Set<number>();
  for (const [i, { type }] of datasec.vars.entries()) {
    put(record + 12 + i * 12, 0);
    put(record + 16 + i * 12, int);
    put(record + 20 + i * 12, i * 32);
    const at = btf.recordOffset(type);
    const symbol = btf.type(type);
    if (symbol.kind === 'var') {
      put(at + 8, int);
      put(at + 12, GLOBAL);
    } else if (symbol.kind === 'func') {
      put(at + 4, (view.getUint32(at + 4, true) & 0xffff0000) | GLOBAL);
      // Parameters of functions must have names; any identifier will do.
      if (named.has(symbol.type)) continue;
      named.add(symbol.type);
      const proto = btf.type(symbol.type);
      const params = proto.kind === 'func_proto' ? proto.params : [];
      for (const [p, param] of params.entries()) {
        if (param.name === '' && param.type !== 0) put(btf.recordOffset(symbol.type) + 12 + p * 8, view.getUint32(at, true));
      }
    }
  }
  return out;
}

function intType(btf: Btf): number | undefined {
  for (let id = 1; id < btf.count; id++) {
    const type = btf.kind(id) === 'int' ? btf.type(id) : undefined;
    if (type?.kind === 'int' && type.size === 4 && type.bits === 32) return id;
  }
  return undefined;
}
