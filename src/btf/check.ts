/** What makes BTF sound: references and names in range, sizes that exist, no type that contains itself by value. */
import type { Records } from './records.ts';

/** The kernel's widest int. */
const MAX_INT_BITS = 128;

/** Checks one own record; throws FormatError. What the kernel's BPF_BTF_LOAD takes passes: that its checks are stricter is load/'s business. */
export function checkRecord(records: Records, id: number): void {
  const view = records.types;
  const at = records.offsetOf(id);
  const kind = records.kind(id);
  checkName(records, id, view.u32(at), '');
  let part = 0;
  for (const place of records.partNames(id)) checkName(records, id, view.u32(place), `member ${part++}: `);
  for (const target of records.references(id)) {
    if (target >= records.count) throw records.error(id, `${kind} refers to type ${target}, but the last type is ${records.count - 1}`);
  }
  const size = view.u32(at + 8);
  if (kind === 'int') {
    const data = view.u32(at + 12);
    const bits = data & 255;
    const end = ((data >>> 16) & 255) + bits;
    if (end > MAX_INT_BITS || end > size * 8) throw records.error(id, `int of ${bits} bits ending at bit ${end} in ${size} bytes`);
  } else if ((kind === 'enum' || kind === 'enum64') && ![1, 2, 4, 8].includes(size)) {
    throw records.error(id, `enum of ${size} bytes, expected 1, 2, 4 or 8`);
  } else if (kind === 'float' && ![2, 4, 8, 12, 16].includes(size)) {
    throw records.error(id, `float of ${size} bytes, expected 2, 4, 8, 12 or 16`);
  } else if (kind === 'func' && records.kind(size) !== 'func_proto') {
    throw records.error(id, `func refers to type ${size}, which is ${records.kind(size)}, expected func_proto`);
  }
}

function checkName(records: Records, id: number, name: number, what: string): void {
  if (name >= records.stringEnd) throw records.error(id, `${what}name offset 0x${name.toString(16)} is outside the string section`);
}

/** Refuses types that contain themselves by value. Depth-first search with its own stack: hostile input must not choose the depth of ours. */
export function refuseCycles(records: Records): void {
  const OPEN = 1;
  const DONE = 2;
  const { first } = records;
  // A base cannot refer to what is split from it.
  const state = new Uint8Array(records.count - first);
  for (let root = first; root < records.count; root++) {
    if (state[root - first] !== 0) continue;
    const stack: { id: number; rest: Iterator<number> }[] = [{ id: root, rest: contained(records, root) }];
    state[root - first] = OPEN;
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top === undefined) break;
      const next = top.rest.next();
      if (next.done === true) {
        state[top.id - first] = DONE;
        stack.pop();
      } else if (state[next.value - first] === OPEN) {
        throw records.error(next.value, `${records.kind(next.value)} contains itself (through type ${top.id})`);
      } else if (state[next.value - first] === 0) {
        state[next.value - first] = OPEN;
        stack.push({ id: next.value, rest: contained(records, next.value) });
      }
    }
  }
}

/** References by value: what a pointer or a prototype names is not contained. */
function contained(records: Records, id: number): Iterator<number> {
  const kind = records.kind(id);
  const leaf = kind === 'ptr' || kind === 'func_proto' || kind === 'func' || kind === 'decl_tag';
  return leaf ? [].values() : records.references(id);
}
