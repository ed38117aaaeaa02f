/** All CO-RE records of a program applied to its bytecode, and each explained. */
import { FormatError, NotSupportedError } from '../../base/index.ts';
import type { CoreRelo } from '../types.ts';
import { describeCoreRelo } from './describe.ts';
import { type CoreAction, patchInsn } from './patch.ts';
import type { CoreCandidate, CoreResolution, CoreResolver } from './resolve.ts';

/** One record and what became of it, as data. */
export interface CoreExplanation {
  readonly insn: number;
  readonly kind: CoreRelo['kind'];
  /** The object's type and path: `struct task_struct.pid`. */
  readonly subject: string;
  readonly access: string;
  readonly typeId: number;
  /** In the object's own types, and in the target's; the latter undefined where the instruction was poisoned, both where it was refused. */
  readonly from: bigint | undefined;
  readonly to: bigint | undefined;
  readonly found: boolean;
  readonly action: CoreAction;
  /** One sentence. */
  readonly text: string;
  readonly candidates: readonly CoreCandidate[];
}

/** Applies records to `insns` in place. Throws as CoreResolver.resolve and patchInsn do. */
export function relocateCore(insns: Uint8Array, relos: readonly CoreRelo[], resolver: CoreResolver): CoreExplanation[] {
  return relos.map((relo) => {
    const resolution = resolver.resolve(relo);
    return explain(resolution, patchInsn(insns, relo.insn, resolution));
  });
}

/** The same on a copy, for people to read: a record that makes relocateCore throw is explained by the reason instead. */
export function explainRelocations(insns: Uint8Array, relos: readonly CoreRelo[], resolver: CoreResolver): CoreExplanation[] {
  const copy = insns.slice();
  return relos.map((relo) => {
    try {
      const resolution = resolver.resolve(relo);
      return explain(resolution, patchInsn(copy, relo.insn, resolution));
    } catch (error) {
      if (error instanceof FormatError || error instanceof NotSupportedError) return refused(resolver, relo, error.message);
      throw error;
    }
  });
}

function refused(resolver: CoreResolver, relo: CoreRelo, text: string): CoreExplanation {
  const { insn, kind, access, typeId } = relo;
  const subject = describeCoreRelo(resolver.local, relo);
  return { insn, kind, subject, access, typeId, from: undefined, to: undefined, found: false, action: 'refused', text, candidates: [] };
}

function explain(resolution: CoreResolution, action: CoreAction): CoreExplanation {
  const { relo, subject, local, value, found, candidates } = resolution;
  const to = action === 'poisoned' ? undefined : value;
  return {
    insn: relo.insn,
    kind: relo.kind,
    subject,
    access: relo.access,
    typeId: relo.typeId,
    from: local.value,
    to,
    found,
    action,
    text: sentence(resolution, to),
    candidates,
  };
}

function sentence({ subject, relo, local, found, resize, candidates }: CoreResolution, to: bigint | undefined): string {
  const from = BigInt.asIntN(64, local.value);
  const place = candidates.find((c) => c.mismatch === undefined);
  const where = place === undefined ? '' : ` (${place.type}, type ${place.typeId} of ${place.target})`;
  const what = `${relo.kind} of ${subject}`;
  if (found && to !== undefined) {
    const size = resize === undefined ? '' : `, ${resize.to} bytes instead of ${resize.from}`;
    return `${what}: ${from} -> ${BigInt.asIntN(64, to)}${size}${where}`;
  }
  if (found)
    return `${what}: poisoned, for it has ${resize?.to} bytes instead of ${resize?.from} and is neither pointer nor unsigned${where}`;
  const why = candidates[0]?.mismatch ?? 'no type of that name';
  const result = to === undefined ? 'poisoned' : `${from} -> ${to}`;
  return `${what}: ${result}, for there is ${candidates.length === 0 ? why : `none (${why})`}`;
}
