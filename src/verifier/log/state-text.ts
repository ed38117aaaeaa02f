/** A path's state as the log prints it (kernel/bpf/log.c print_verifier_state, v6.18): all of it, or what changed since it was printed last. */

import { KIND } from '../state/reg.ts';
import { ALL, BYTE, BYTE_LETTERS, byteType, lowestByte } from '../state/stack.ts';
import type { Frame, PathState } from '../state/state.ts';
import type { Verification } from '../verification.ts';
import { padding } from './log.ts';
import { dynptrText, iteratorText, regText } from './reg-text.ts';

/** Text of frame `frameno` of a state, with its line feed. */
export function stateText(v: Verification, state: PathState, frameno: number, what: 'all' | 'changed'): string {
  const frame = state.frames[frameno];
  if (frame === undefined) return '\n';
  const all = what === 'all';
  let text = frameno === 0 ? '' : ` frame${frameno}:`;
  for (let n = 0; n < frame.regs.length; n++) {
    const reg = frame.regs[n];
    if (reg === undefined || reg.type === KIND.NOT_INIT || (!all && (v.scratchedRegs & (1 << n)) === 0)) continue;
    text += ` R${n}=${regText(reg, frameno)}`;
  }
  for (let slot = 0; slot < frame.types.length; slot++) {
    if (!all && !v.isScratched(slot)) continue;
    const shown = slotText(frame, slot);
    text += shown.text;
    slot += shown.more;
  }
  if (state.held.length > 0) {
    const refs = state.held.filter((h) => h.id !== 0).map((h) => h.id);
    if (refs.length > 0) text += ` refs=${refs.join(',')}`;
  }
  if (frame.inCallback) text += ' cb';
  if (frame.inAsyncCallback) text += ' async_cb';
  if (!all) {
    v.forgetScratched();
  }
  return `${text}\n`;
}

function slotText(frame: Frame, slot: number): { readonly text: string; readonly more: number } {
  const types = frame.types[slot] ?? 0;
  if (types === 0) return { text: '', more: 0 };
  const letters = types === ALL.SPILL ? 'rrrrrrrr' : lettersOf(types);
  const at = (slot + 1) * -8;
  switch (lowestByte(types)) {
    case BYTE.SPILL: {
      const reg = frame.saved[slot];
      if (reg !== undefined) reg.text ??= regText(reg, frame.frameno);
      return { text: ` fp${at}=${letters.slice(0, letters.indexOf('r'))}${reg?.text ?? ''}`, more: 0 };
    }
    case BYTE.DYNPTR: {
      const reg = frame.saved[slot + 1];
      if (reg === undefined) return { text: '', more: 1 };
      const parts: string[] = [];
      if (reg.id !== 0) parts.push(`id=${reg.id}`);
      if (reg.refId !== 0) parts.push(`ref_id=${reg.refId}`);
      // The kernel prints the mark of the main slot, which shares its place with the number of a slice's dynptr.
      parts.push('dynptr_id=1');
      return { text: ` fp${at - 8}=dynptr_${dynptrText(reg.dynptrType)}(${parts.join(',')})`, more: 1 };
    }
    case BYTE.ITER: {
      const object = frame.saved[slot];
      return { text: object === undefined || object.refId === 0 ? '' : ` fp${at}=${iteratorText(object)}`, more: 0 };
    }
    default:
      return { text: ` fp${at}=${letters}`, more: 0 };
  }
}

function lettersOf(types: number): string {
  let letters = '';
  for (let i = 0; i < 8; i++) letters += BYTE_LETTERS[byteType(types, i)] ?? '?';
  return letters;
}

/** Tells what the current instruction changed: after its text, or on a line of its own. */
export function logChanges(v: Verification): void {
  const { log } = v;
  if (v.lineEnd !== 0 && v.lineEnd === log.length) {
    log.cut(v.lineEnd - 1);
    log.write(`${padding(v.lineWidth)};`);
  } else {
    log.write(`${v.insn}:`);
  }
  log.write(stateText(v, v.state, v.state.frames.length - 1, 'changed'));
}
