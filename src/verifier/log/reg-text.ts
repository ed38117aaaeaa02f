/** A register as the log prints it (kernel/bpf/log.c print_reg_state, v6.18). */
import { ADD_CONST, FLAG, isPacket, KIND, kindOf, type Reg } from '../state/reg.ts';
import { ITER, ITER_PREFIX } from '../state/stack.ts';
import { rangeTexts, signedText, tnumIsConst, tnumIsUnknown, tnumText, unsignedText } from '../value/index.ts';
import { typeText } from './type-text.ts';

const DYNPTR_NAMES = ['', 'local', 'ringbuf', 'skb', 'xdp', 'skb_meta'];

/** Name of a dynptr's kind. */
export function dynptrText(type: number): string {
  return DYNPTR_NAMES[type] ?? 'unknown';
}

/** Text of the main slot of an iterator. */
export function iteratorText(object: Reg): string {
  const name = object.btf?.type(object.target).name.slice(ITER_PREFIX.length) ?? '';
  const state = object.dynptrType === ITER.ACTIVE ? 'active' : 'drained';
  return `iter_${name}(ref_id=${object.refId},state=${state},depth=${object.memSize})`;
}

function isMapKind(type: number): boolean {
  const kind = kindOf(type);
  return kind === KIND.MAP_PTR || kind === KIND.MAP_VALUE || kind === KIND.MAP_KEY;
}

function small(value: number): string {
  return signedText(value >> 31, value);
}

/** Text of a register of frame `frameno`. */
export function regText(reg: Reg, frameno: number): string {
  const { type } = reg;
  const constant = tnumIsConst(reg);
  const precise = type === KIND.SCALAR && reg.precise ? 'P' : '';
  if (type === KIND.SCALAR && constant) return precise + signedText(reg.vH, reg.vL);
  let text = precise + typeText(type);
  if (type === KIND.ARENA) return text;
  if (type === KIND.STACK) {
    if (reg.frame !== frameno) text += `[${reg.frame}]`;
    if (constant) return text + small((reg.vL + reg.off) | 0);
  }
  if (kindOf(type) === KIND.BTF_ID) text += reg.btf?.type(reg.target).name ?? '';
  const parts: string[] = [];
  if (reg.id !== 0) {
    const delta = (reg.id & ADD_CONST) === 0 ? '' : `${reg.off < 0 ? '' : '+'}${reg.off}`;
    parts.push(`id=${reg.id & ~ADD_CONST}${delta}`);
  }
  if (reg.refId !== 0) parts.push(`ref_obj_id=${reg.refId}`);
  if ((type & FLAG.NON_OWN_REF) !== 0) parts.push('non_own_ref');
  if (isMapKind(type) && reg.map !== undefined) {
    if (reg.map.name !== '') parts.push(`map=${reg.map.name}`);
    parts.push(`ks=${reg.map.keySize},vs=${reg.map.valueSize}`);
  }
  if (type !== KIND.SCALAR && reg.off !== 0) parts.push(`off=${small(reg.off)}`);
  if (isPacket(type)) parts.push(`r=${unsignedText(reg.range >> 31, reg.range)}`);
  if (kindOf(type) === KIND.MEM) parts.push(`sz=${unsignedText(0, reg.memSize)}`);
  if (kindOf(type) === KIND.DYNPTR) parts.push(`type=${dynptrText(reg.dynptrType)}`);
  if (constant) {
    if ((reg.vL | reg.vH) !== 0) parts.push(`imm=${signedText(reg.vH, reg.vL)}`);
  } else {
    parts.push(...rangeTexts(reg));
    if (!tnumIsUnknown(reg)) parts.push(`var_off=${tnumText(reg)}`);
  }
  return `${text}(${parts.join(',')})`;
}
