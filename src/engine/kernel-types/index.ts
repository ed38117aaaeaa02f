/** The engine's own kernel types: as BTF for CO-RE and the verifier, and the reading of task objects. */
import { Btf, encodeBtf } from '../../btf/index.ts';
import { declareTypes } from './declare.ts';
import { declarations } from './types.ts';

export { readTaskObject, taskBytesLeft } from './task-object.ts';

let btf: Btf | undefined;

/** BTF of the kernel types that the engine models; made once. */
export function engineBtf(): Btf {
  btf ??= Btf.parse(encodeBtf(declareTypes(declarations())), { section: 'the engine’s BTF' });
  return btf;
}
