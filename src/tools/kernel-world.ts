/** Which kernel programs are verified for: the types of a file, of the running kernel, or the engine's own; and the running kernel's symbols. */
import { existsSync, readFileSync } from 'node:fs';
import { BpfError } from '../base/index.ts';
import { Btf } from '../btf/index.ts';
import { VerifierHost } from '../checker/index.ts';
import { engineBtf } from '../engine/index.ts';
import { possibleCpus } from './node-engine.ts';

/** Where the running kernel's types are. */
const VMLINUX = '/sys/kernel/btf/vmlinux';
const KALLSYMS = '/proc/kallsyms';

/** A kernel as programs see it. */
export interface KernelWorld {
  /** What to tell people: a path, or `the engine's own types`. */
  readonly name: string;
  readonly btf: () => Btf;
  /** Address of a kernel symbol; undefined where there is none. */
  readonly symbol: (name: string) => bigint | undefined;
}

/**
 * The kernel whose types are in `file`; without one the running kernel; without its BTF the engine.
 * @throws BpfError when the file cannot be read
 */
export function kernelWorld(file?: string): KernelWorld {
  const path = file ?? (existsSync(VMLINUX) ? VMLINUX : undefined);
  if (path === undefined) return { name: "the engine's own types", btf: engineBtf, symbol: () => undefined };
  let btf: Btf | undefined;
  const read = (): Btf => {
    btf ??= openBtf(path);
    return btf;
  };
  if (file !== undefined) {
    read();
    // Nothing says which symbols that kernel has: any may be there.
    return { name: file, btf: read, symbol: () => 0xffff_ffff_8100_0000n };
  }
  let symbols: Map<string, bigint> | undefined;
  return {
    name: path,
    btf: read,
    symbol: (name) => {
      symbols ??= readSymbols();
      return symbols.get(name);
    },
  };
}

/** A host that verifies for a kernel. */
export function verifierHost(world: KernelWorld): VerifierHost {
  return new VerifierHost({ kernelBtf: world.btf, symbol: world.symbol, cpus: possibleCpus() });
}

function openBtf(path: string): Btf {
  try {
    return Btf.open(readFileSync(path), { location: { file: path } });
  } catch (cause) {
    if (cause instanceof BpfError) throw cause;
    throw new BpfError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Symbols by name, the first of a name; none where /proc is hidden. */
function readSymbols(): Map<string, bigint> {
  const out = new Map<string, bigint>();
  let text: string;
  try {
    text = readFileSync(KALLSYMS, 'latin1');
  } catch {
    return out;
  }
  for (const [, address, name] of text.matchAll(/^([0-9a-f]+) . (\S+)/gm)) {
    if (address !== undefined && name !== undefined && !out.has(name)) out.set(name, BigInt(`0x${address}`));
  }
  return out;
}
