/** Tables of operations: variables of the `.struct_ops` sections and the programs that their members point to (libbpf.c init_struct_ops_maps, v6.18). */
import { type Btf, describe } from '../btf/index.ts';
import type { ElfFile, ElfRelocation, ElfSection } from './file.ts';
import type { StructOpsSpec } from './types.ts';

const SECTION = /^\??\.struct_ops(\.link)?$/;

/** Whether a section holds tables of operations. */
export function isStructOps(section: ElfSection): boolean {
  return SECTION.test(section.name);
}

/** The tables of a section. @param program the program at a place of an executable section */
export function readStructOps(
  file: ElfFile,
  section: ElfSection,
  btf: Btf | undefined,
  relocations: readonly ElfRelocation[],
  program: (section: number, offset: number) => string | undefined,
): StructOpsSpec[] {
  const { data } = section;
  const id = btf?.find(section.name, 'datasec');
  const datasec = btf?.type(id ?? 0);
  if (btf === undefined || datasec?.kind !== 'datasec') throw data.error(0, `a ${section.name} section without its BTF: compile with -g`);
  const tables = datasec.vars.map((info) => {
    const variable = btf.type(info.type);
    if (variable.kind !== 'var') throw btf.error(info.type, `${section.name} contains ${describe(variable)}, expected a variable`);
    const struct = btf.resolve(variable.type);
    if (struct.kind !== 'struct' || struct.name === '') {
      throw btf.error(info.type, `${variable.name} is ${describe(struct)}, expected a struct with a name`);
    }
    if (info.offset + struct.size > section.size) {
      throw data.error(0, `${variable.name} at offset ${info.offset} of ${struct.size} bytes is outside the ${section.size}-byte section`);
    }
    return { name: variable.name, offset: info.offset, struct, programs: new Map<number, string>() };
  });
  for (const relocation of relocations) {
    const table = tables.find((t) => relocation.offset >= t.offset && relocation.offset < t.offset + t.struct.size);
    if (table === undefined) throw data.error(relocation.offset, 'relocation outside any table of operations');
    const { symbol } = relocation;
    const offset = symbol.value + (relocation.addend ?? 0);
    const name = program(symbol.section, offset);
    if (name === undefined) {
      const where = file.section(symbol.section)?.name ?? 'no section';
      throw data.error(relocation.offset, `${table.name}: a member is offset ${offset} of ${where}, where no program starts`);
    }
    table.programs.set(relocation.offset - table.offset, name);
  }
  return tables.map(({ name, offset, struct, programs }) => ({
    name,
    section: section.name.replace(/^\?/, ''),
    autocreate: !section.name.startsWith('?'),
    typeId: struct.id,
    contents: data.bytes.slice(offset, offset + struct.size),
    programs,
  }));
}
