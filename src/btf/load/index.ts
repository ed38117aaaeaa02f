/** Whether the kernel takes BTF: everything that BPF_BTF_LOAD checks, with its errno and message (btf_parse, kernel/bpf/btf.c v6.18). */
import type { ErrnoName } from '../../base/index.ts';
import { Btf } from '../btf.ts';
import { checkOwnFields } from '../fields/index.ts';
import type { RawTypes } from './graph.ts';
import { K } from './graph.ts';
import { checkHeader } from './header.ts';
import { checkMetas } from './metas.ts';
import { BtfRefusal, badType } from './refusal.ts';
import { checkReferences } from './resolve.ts';

/** BTF_MAX_SIZE. */
const MAX_SIZE = 16 << 20;
/** Longest chain of modifiers. */
const MAX_CHAIN = 32;

/** Why the kernel refuses BTF. */
export interface BtfLoadRefusal {
  readonly errno: ErrnoName;
  /** In the kernel's words. */
  readonly message: string;
  /** Id of the type at fault; 0 for the header and what concerns all. */
  readonly type: number;
}

/** Why BPF_BTF_LOAD refuses these bytes, or undefined. @param kernel the kernel's own types, which special fields may point to */
export function checkBtfLoad(bytes: Uint8Array, kernel?: Btf): BtfLoadRefusal | undefined {
  if (bytes.length > MAX_SIZE) {
    return { errno: 'E2BIG', message: `the BTF has ${bytes.length} bytes, expected at most ${MAX_SIZE}`, type: 0 };
  }
  try {
    const sections = checkHeader(bytes);
    const types = checkMetas(bytes, sections);
    checkReferences(types);
    checkTags(types);
    const errno = checkOwnFields(Btf.open(bytes), kernel);
    return errno === undefined ? undefined : { errno, message: 'a structure has special fields that do not fit', type: 0 };
  } catch (refusal) {
    if (refusal instanceof BtfRefusal) return refusal;
    throw refusal;
  }
}

/** Type tags stand before qualifiers and typedefs; chains of them end (btf_check_type_tags). */
function checkTags(types: RawTypes): void {
  for (let root = 1; root < types.count; root++) {
    let inTags = types.kind(root) === K.TYPE_TAG;
    let id = root;
    for (let links = 0; types.isModifier(id); links++) {
      if (links === MAX_CHAIN) throw new BtfRefusal('ELOOP', 'Max chain length or cycle detected');
      if (types.kind(id) !== K.TYPE_TAG) inTags = false;
      else if (!inTags) throw badType(root, "Type tags don't precede modifiers");
      id = types.word(id);
      if (!types.has(id)) throw badType(root, 'Invalid type_id');
    }
  }
}
