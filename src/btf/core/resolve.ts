/**
 * CoreResolver: from a CO-RE record of an object to what its instruction must hold for the given kernel's types: candidates by name, the path
 * in each, one answer for all (tools/lib/bpf/relo_core.c bpf_core_calc_relo_insn, v6.18). Changing the instruction is patch.ts's business.
 */
import { FormatError, NotSupportedError } from '../../base/index.ts';
import type { Btf } from '../btf.ts';
import { essentialName } from '../names.ts';
import type { BtfKind, CoreRelo } from '../types.ts';
import { describeCoreRelo } from './describe.ts';
import { type CoreSpec, matchSpec, parseSpec } from './spec.ts';
import { type CoreValue, worthOf, worthOfAbsent } from './values.ts';
import { Work } from './work.ts';

/** Types of a kernel, or of one of its modules. */
export interface CoreTarget {
  /** `vmlinux`, a module, `engine`: shown in explanations. */
  readonly name: string;
  readonly btf: Btf;
}

/** A type of the target that has the record's name. */
export interface CoreCandidate {
  /** CoreTarget.name. */
  readonly target: string;
  readonly typeId: number;
  /** C spelling. */
  readonly type: string;
  /** Why it is not what the record means; undefined when it is. */
  readonly mismatch: string | undefined;
}

/** What a record comes to. */
export interface CoreResolution {
  readonly relo: CoreRelo;
  /** `struct task_struct.pid`. */
  readonly subject: string;
  /** In the object's own types; 64 bits. */
  readonly local: CoreValue;
  /** What the instruction must hold; undefined: the target has no such thing and the instruction must not be reached. */
  readonly value: bigint | undefined;
  /** Whether the target has what the record names. */
  readonly found: boolean;
  /** Bytes that a load must read instead: absent when the same; `incompatible` when no load can do. */
  readonly resize: { readonly from: number; readonly to: number; readonly safe: boolean } | undefined;
  readonly candidates: readonly CoreCandidate[];
}

interface Candidate {
  readonly target: CoreTarget;
  readonly id: number;
}

/** Resolves the records of one object against one kernel's types. */
export class CoreResolver {
  /** The object's own types. */
  readonly local: Btf;
  readonly #targets: readonly CoreTarget[];
  readonly #work = new Work();
  /** By local root type. As in libbpf, a candidate that once did not match is out for the later records of that type. */
  readonly #candidates = new Map<number, Candidate[]>();
  readonly #resolved = new Map<string, CoreResolution>();

  /** @param targets the kernel's own types first; modules' are searched only for names that it lacks */
  constructor(local: Btf, targets: readonly CoreTarget[]) {
    this.local = local;
    this.#targets = targets;
  }

  /** Throws FormatError for records that make no sense or are ambiguous, NotSupportedError for types without a name. */
  resolve(relo: CoreRelo): CoreResolution {
    const key = `${relo.kind} ${relo.typeId} ${relo.access}`;
    const known = this.#resolved.get(key);
    if (known !== undefined) return { ...known, relo };
    const resolution = this.#resolve(relo);
    this.#resolved.set(key, resolution);
    return resolution;
  }

  #resolve(relo: CoreRelo): CoreResolution {
    const own = parseSpec(this.local, relo);
    const subject = describeCoreRelo(this.local, relo);
    const local = worthOf(own);
    if (relo.kind === 'type_id_local') {
      return { relo, subject, local, value: local.value, found: true, resize: undefined, candidates: [] };
    }
    const name = this.local.type(relo.typeId).name;
    if (name === '') {
      throw new NotSupportedError(`CO-RE relocation ${relo.kind} of ${subject}: a type without a name cannot be looked up in a kernel`, {
        hint: 'give the type a name, or a typedef',
      });
    }
    const candidates = this.#find(relo.typeId, name);
    const matching: Candidate[] = [];
    const shown: CoreCandidate[] = [];
    let first: { spec: CoreSpec; value: CoreValue } | undefined;
    for (const candidate of candidates) {
      const { btf } = candidate.target;
      const spec = matchSpec(own, btf, candidate.id, this.#work);
      const mismatch = typeof spec === 'string' ? spec : undefined;
      shown.push({ target: candidate.target.name, typeId: candidate.id, type: btf.typeName(candidate.id), mismatch });
      if (typeof spec === 'string') continue;
      matching.push(candidate);
      const value = worthOf(spec);
      if (first === undefined) {
        first = { spec, value };
      } else if (first.spec.bitOffset !== spec.bitOffset || first.value.value !== value.value) {
        throw ambiguous(relo, subject, [first.spec, spec], [first.value, value]);
      }
    }
    if (matching.length > 0) this.#candidates.set(relo.typeId, matching);
    if (first === undefined) {
      return { relo, subject, local, value: worthOfAbsent(own), found: false, resize: undefined, candidates: shown };
    }
    const resize = this.#resize(local, first.value, first.spec.btf);
    return { relo, subject, local, value: first.value.value, found: true, resize, candidates: shown };
  }

  /** A load may change its size between pointers and between integers that are not signed; anything else would read other bytes. */
  #resize(local: CoreValue, target: CoreValue, btf: Btf): CoreResolution['resize'] {
    const from = local.access;
    const to = target.access;
    if ((from?.size ?? 0) === (to?.size ?? 0)) return undefined;
    const a = from && this.local.type(from.typeId);
    const b = to && btf.type(to.typeId);
    const integers = a?.kind === 'int' && b?.kind === 'int' && !a.signed && !b.signed;
    return { from: from?.size ?? 0, to: to?.size ?? 0, safe: integers || (a?.kind === 'ptr' && b?.kind === 'ptr') };
  }

  #find(typeId: number, name: string): readonly Candidate[] {
    const known = this.#candidates.get(typeId);
    if (known !== undefined) return known;
    const kind = this.local.kind(typeId);
    const kinds: readonly BtfKind[] = kind === 'enum' || kind === 'enum64' ? ['enum', 'enum64'] : [kind];
    const key = essentialName(name);
    const out: Candidate[] = [];
    for (const [i, target] of this.#targets.entries()) {
      const before = target.btf.compared;
      for (const id of target.btf.findEssential(key, ...kinds)) out.push({ target, id });
      this.#work.spend(target.btf.compared - before);
      if (i === 0 && out.length > 0) break;
    }
    this.#candidates.set(typeId, out);
    return out;
  }
}

function ambiguous(relo: CoreRelo, subject: string, specs: readonly CoreSpec[], values: readonly CoreValue[]): FormatError {
  const offers = specs.map((s, i) => `${values[i]?.value} in type ${s.rootId}`);
  return new FormatError(`CO-RE relocation ${relo.kind} of ${subject} is ambiguous: ${offers.join(', ')}`);
}
