/** BPF_BTF_LOAD: type information that maps and programs refer to. Reading it is btf/'s business. */
import { FormatError } from '../base/index.ts';
import { Btf } from '../btf/index.ts';
import { HEADER } from '../mem/index.ts';
import type { EngineCore } from './core.ts';

/** Largest BTF that is accepted (BTF_MAX_SIZE, kernel/bpf/btf.c v6.18). */
const SIZE_MAX = 16 << 20;

/** Checks and keeps BTF. @returns its fd */
export function btfLoad(core: EngineCore, bytes: Uint8Array): number {
  const command = 'BPF_BTF_LOAD';
  if (bytes.length > SIZE_MAX) throw core.error(command, 'E2BIG', `the BTF has ${bytes.length} bytes, expected at most ${SIZE_MAX}`);
  try {
    Btf.parse(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw core.error(command, 'EINVAL', error.message);
    throw error;
  }
  return core.open({ kind: 'btf', id: core.nextId(HEADER.NEXT_BTF_ID), bytes: bytes.slice(), refs: 0 });
}
