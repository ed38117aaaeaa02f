/** Which kernel programs are verified for: the types of a file, of the running kernel, or the engine's own; and the running kernel's symbols. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
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
  /** Helpers and program types that it lacks, by number. */
  readonly lacking: () => { readonly helpers: ReadonlySet<number>; readonly types: ReadonlySet<number> };
  /** Its configuration and version, for `__kconfig` externs; asked for when an object has some. */
  readonly kconfig: () => Readonly<Record<string, string | number>>;
}

/**
 * The kernel whose types are in `file`; without one the running kernel; without its BTF the engine.
 * @throws BpfError when the file cannot be read
 */
export function kernelWorld(file?: string): KernelWorld {
  const path = file ?? (existsSync(VMLINUX) ? VMLINUX : undefined);
  if (path === undefined)
    return { name: "the engine's own types", btf: engineBtf, symbol: () => undefined, kconfig: () => ({}), lacking: nothing };
  let btf: Btf | undefined;
  const read = (): Btf => {
    btf ??= openBtf(path);
    return btf;
  };
  if (file !== undefined) {
    read();
    // Nothing says which symbols that kernel has: any may be there.
    return { name: file, btf: read, symbol: () => 0xffff_ffff_8100_0000n, kconfig: () => ({}), lacking: nothing };
  }
  let symbols: Map<string, bigint> | undefined;
  let lacking: ReturnType<KernelWorld['lacking']> | undefined;
  let kconfig: Record<string, string | number> | undefined;
  return {
    name: path,
    btf: read,
    symbol: (name) => {
      symbols ??= readSymbols();
      return symbols.get(name);
    },
    lacking: () => {
      lacking ??= readLacking(readConfig());
      return lacking;
    },
    kconfig: () => {
      kconfig ??= { ...readConfig(), LINUX_KERNEL_VERSION: kernelVersion(release()) };
      return kconfig;
    },
  };
}

/** A host that verifies for a kernel. */
export function verifierHost(world: KernelWorld): VerifierHost {
  const { helpers, types } = world.lacking();
  return new VerifierHost({
    kernelBtf: world.btf,
    symbol: world.symbol,
    cpus: possibleCpus(),
    withoutHelpers: helpers,
    withoutTypes: types,
  });
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

/** Nothing is known of what a kernel lacks that is not this one. */
const nothing: KernelWorld['lacking'] = () => ({ helpers: new Set(), types: new Set() });

/** Helpers and program types by the configuration options that they need. */
const OPTIONAL_HELPERS: Readonly<Record<number, string>> = { 58: 'CONFIG_BPF_KPROBE_OVERRIDE' };
const OPTIONAL_TYPES: Readonly<Record<number, string>> = {
  20: 'CONFIG_BPF_LIRC_MODE2',
  29: 'CONFIG_BPF_LSM',
  32: 'CONFIG_NETFILTER_BPF_LINK',
};
const PROBE_WRITE_USER = 36;
const LOCKDOWN = '/sys/kernel/security/lockdown';

function readLacking(config: Readonly<Record<string, string>>): ReturnType<KernelWorld['lacking']> {
  const without = (of: Readonly<Record<number, string>>): number[] =>
    Object.keys(config).length === 0
      ? []
      : Object.entries(of).flatMap(([id, option]) => (config[option] === undefined ? [Number(id)] : []));
  const helpers = new Set(without(OPTIONAL_HELPERS));
  if (isLockedDown(config)) helpers.add(PROBE_WRITE_USER);
  return { helpers, types: new Set(without(OPTIONAL_TYPES)) };
}

/** Whether the kernel keeps user memory from programs: by what it says, else by how it was built. */
function isLockedDown(config: Readonly<Record<string, string>>): boolean {
  try {
    return /\[(integrity|confidentiality)\]/.test(readFileSync(LOCKDOWN, 'latin1'));
  } catch {
    return ['INTEGRITY', 'CONFIDENTIALITY'].some((mode) => config[`CONFIG_LOCK_DOWN_KERNEL_FORCE_${mode}`] === 'y');
  }
}

/** KERNEL_VERSION of a release's text: `6.18.44-x` -> 0x06122c. */
function kernelVersion(text: string): number {
  const [major = 0, minor = 0, patch = 0] = text.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  return major * 65536 + minor * 256 + Math.min(patch, 255);
}

/** The running kernel's configuration, from where libbpf reads it; empty where there is none. */
function readConfig(): Record<string, string> {
  const texts = [
    () => readFileSync(`/boot/config-${release()}`, 'latin1'),
    () => gunzipSync(readFileSync('/proc/config.gz')).toString('latin1'),
  ];
  for (const text of texts) {
    try {
      return Object.fromEntries([...text().matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
    } catch {
      // The next place.
    }
  }
  return {};
}
