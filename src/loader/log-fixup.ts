/**
 * The verifier's log as libbpf hands it on: where it ends at an instruction that the loader had to poison, the log says what was missing
 * instead (tools/lib/bpf/libbpf.c fixup_verifier_log, relo_core.c bpf_core_format_spec, v6.18).
 */
import { type Btf, CORE_POISON, type CoreKind, type CoreRelo, type CoreSpec, parseSpec } from '../btf/index.ts';
import type { CollectionSpec, ProgramSpec } from '../elf/index.ts';

/** libbpf's words for the kinds of relocations. */
const KIND_WORDS: Readonly<Record<CoreKind, string>> = {
  field_byte_offset: 'byte_off',
  field_byte_size: 'byte_sz',
  field_exists: 'field_exists',
  field_signed: 'signed',
  field_lshift_u64: 'lshift_u64',
  field_rshift_u64: 'rshift_u64',
  type_id_local: 'local_type_id',
  type_id_target: 'target_type_id',
  type_exists: 'type_exists',
  type_matches: 'type_matches',
  type_size: 'type_size',
  enumval_exists: 'enumval_exists',
  enumval_value: 'enumval_value',
};

/** Poisoned calls of functions begin with this number, the extern's index follows. */
const POISONED_KFUNC = /^(?:(\d+): \(85\) call unknown#2002\d+\n)?invalid func unknown#2002(\d+)\n/m;
const POISONED_RELO = new RegExp(`^(?:(\\d+): \\(85\\) call unknown#${CORE_POISON}\\n)?invalid func unknown#${CORE_POISON}\\n`, 'm');

/**
 * The log with the last lines replaced where they are about a poisoned instruction.
 * @param at that instruction, for logs without the line of it
 */
export function fixLog(log: string, at: number | undefined, program: ProgramSpec, spec: Pick<CollectionSpec, 'btf' | 'externs'>): string {
  const relo = POISONED_RELO.exec(log);
  if (relo !== null) {
    const insn = Number(relo[1] ?? at);
    const record = program.coreRelos.find((r) => r.insn === insn);
    if (record === undefined || spec.btf === undefined) return log;
    return log.replace(
      POISONED_RELO,
      () => `${insn}: <invalid CO-RE relocation>\nfailed to resolve CO-RE relocation ${specText(spec.btf, record)}\n`,
    );
  }
  const call = POISONED_KFUNC.exec(log);
  const extern = spec.externs[Number(call?.[2])];
  if (call === null || extern === undefined) return log;
  return log.replace(
    POISONED_KFUNC,
    () => `${call[1] ?? at}: <missing kfunc call>\nkfunc '${extern.name}' is referenced but wasn't resolved\n`,
  );
}

/** `<byte_off> [12] struct task_struct.pid (0:5 @ offset 100)`. */
function specText(btf: Btf | undefined, relo: CoreRelo): string {
  if (btf === undefined) return '';
  const type = btf.type(relo.typeId);
  const head = `<${KIND_WORDS[relo.kind]}> [${relo.typeId}] ${type.kind} ${type.name === '' ? '<anon>' : type.name}`;
  if (relo.kind.startsWith('type_')) return head;
  const spec = parseSpec(btf, relo);
  if (relo.kind.startsWith('enumval_')) return head + enumeratorText(btf, spec);
  let path = '';
  for (const [i, step] of spec.steps.entries()) {
    if (step.name !== undefined) path += `.${step.name}`;
    else if (i > 0 || step.index > 0) path += `[${step.index}]`;
  }
  const bits = spec.bitOffset % 8;
  return `${head}${path} (${relo.access} @ offset ${Math.floor(spec.bitOffset / 8)}${bits === 0 ? '' : `.${bits}`})`;
}

function enumeratorText(btf: Btf, spec: CoreSpec): string {
  const type = btf.resolve(spec.rootId);
  const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[spec.steps[0]?.index ?? 0] : undefined;
  return value === undefined ? '' : `::${value.name} = ${value.value}`;
}
