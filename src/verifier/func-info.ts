/** What a program's BTF says of its functions and lines fits the program (check_btf_func_early, check_btf_func, check_btf_line, v6.18). */
import type { Btf, BtfFuncProto } from '../btf/index.ts';
import type { Slot } from '../isa/index.ts';
import type { VerifierProgram } from './environment.ts';
import { isHelperCall } from './graph/successors.ts';
import { skipModifiers } from './kernel-btf/walk.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { Verification } from './verification.ts';

const TAIL_CALL = 12;
/** Modes of BPF_LD that load from packets. */
const isPacketLoad = (insn: Slot): boolean => (insn.code & 7) === 0 && ((insn.code & 0xe0) === 0x20 || (insn.code & 0xe0) === 0x40);

/** Function records in order and of functions; before the program is taken apart. */
export function checkFunctionRecords({ btf, functions = [], faults }: VerifierProgram): Refusal | undefined {
  if (btf === undefined) return undefined;
  let before = -1;
  for (const { insn, typeId } of functions) {
    if (before < 0 && insn !== 0) return refuse('EINVAL', `nonzero insn_off ${insn} for the first func info record`);
    if (insn <= before) return refuse('EINVAL', `same or smaller insn offset (${insn}) than previous func info record (${before})`);
    if (typeId >= btf.count || btf.kind(typeId) !== 'func') return refuse('EINVAL', `invalid type id ${typeId | 0} in func info`);
    before = insn;
  }
  return faults?.functions;
}

/** Function records fit the subprograms. */
export function checkFunctions(v: Verification): Refusal | undefined {
  const { btf, functions } = v.program;
  if (btf === undefined || functions === undefined) return undefined;
  if (functions.length !== v.subprograms.length) return refuse('EINVAL', "number of funcs in func_info doesn't match number of subprogs");
  for (const [i, subprog] of v.subprograms.entries()) {
    if (functions[i]?.insn !== subprog.start) {
      return refuse('EINVAL', "func_info BTF section doesn't match subprog layout in BPF program");
    }
    if (i === 0 || (subprog.proto !== undefined && returnsNumber(btf, subprog.proto))) continue;
    const insns = v.insns.slice(subprog.start, subprog.end);
    if (insns.some(isPacketLoad)) return refuse('EINVAL', "LD_ABS is only allowed in functions that return 'int'.");
    if (insns.some((insn) => isHelperCall(insn) && insn.imm === TAIL_CALL)) {
      return refuse('EINVAL', "tail_call is only allowed in functions that return 'int'.");
    }
  }
  return undefined;
}

function returnsNumber(btf: Btf, proto: BtfFuncProto): boolean {
  const { type } = skipModifiers(btf, proto.returnType);
  return type.kind === 'enum' || type.kind === 'enum64' || (type.kind === 'int' && type.size <= 8);
}

/** Line records ascend, name instructions and strings, and every function has one at its start. */
export function checkLines(v: Verification): Refusal | undefined {
  const { btf, lines, faults } = v.program;
  if (btf === undefined || lines === undefined) return undefined;
  if (lines.length === 0) return faults?.lines;
  const invalid = (message: string): Refusal => refuse('EINVAL', message);
  const count = v.insns.length;
  let before = 0;
  let next = 0;
  for (const [i, line] of lines.entries()) {
    const { insn } = line;
    if ((i > 0 && insn <= before) || insn >= count) {
      return invalid(`Invalid line_info[${i}].insn_off:${insn} (prev_offset:${before} prog->len:${count})`);
    }
    if (v.insns[insn]?.code === 0) return invalid(`Invalid insn code at line_info[${i}].insn_off`);
    if (!btf.hasString(line.sourceOff) || !btf.hasString(line.fileOff)) {
      return invalid(`Invalid line_info[${i}].line_off or .file_name_off`);
    }
    const start = v.subprograms[next]?.start;
    if (start === insn) next++;
    else if (start !== undefined && start < insn) return invalid(`missing bpf_line_info for func#${next}`);
    before = insn;
  }
  if (faults?.lines !== undefined) return faults.lines;
  const missing = v.subprograms.length - next;
  return missing === 0 ? undefined : invalid(`missing bpf_line_info for ${missing} funcs starting from func#${next}`);
}
