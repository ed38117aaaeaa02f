/** BPF_BTF_LOAD: type information that maps and programs refer to. Checking and reading it are btf/'s business. */
import { checkBtfLoad } from '../btf/index.ts';
import { HEADER } from '../mem/index.ts';
import type { EngineCore } from './core.ts';
import { engineBtf } from './kernel-types/index.ts';

/** Checks and keeps BTF. @returns its fd */
export function btfLoad(core: EngineCore, bytes: Uint8Array): number {
  const refusal = checkBtfLoad(bytes, engineBtf());
  if (refusal !== undefined) throw core.error('BPF_BTF_LOAD', refusal.errno, refusal.message);
  return core.open({ kind: 'btf', id: core.nextId(HEADER.NEXT_BTF_ID), bytes: bytes.slice(), refs: 0 });
}
