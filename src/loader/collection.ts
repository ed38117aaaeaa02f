/** A loaded object: its programs and maps on one host. */
import { BpfError } from '../base/index.ts';
import type { CollectionSpec } from '../elf/index.ts';
import type { Host } from '../host/index.ts';
import { indexKey } from './create-maps.ts';
import type { Link } from './link.ts';
import type { BpfMap } from './map.ts';
import type { Program } from './program.ts';
import type { VariableValue } from './types.ts';
import { findGlobal, variableBytes } from './variables.ts';

/** What loadCollection made. Closing it detaches and releases everything. */
export class Collection {
  readonly host: Host;
  readonly spec: CollectionSpec;
  /** By function name; programs that were not loaded are absent. */
  readonly programs: ReadonlyMap<string, Program>;
  /** By name; data sections by libbpf's names (`exec.rodata`), see map() for section names. */
  readonly maps: ReadonlyMap<string, BpfMap>;

  constructor(host: Host, spec: CollectionSpec, programs: ReadonlyMap<string, Program>, maps: ReadonlyMap<string, BpfMap>) {
    this.host = host;
    this.spec = spec;
    this.programs = programs;
    this.maps = maps;
  }

  /** The program of this name; BpfError naming those that are loaded. */
  program(name: string): Program {
    const program = this.programs.get(name);
    if (program !== undefined) return program;
    throw new BpfError(`no program '${name}' in ${this.spec.name}`, {
      hint: `loaded are ${[...this.programs.keys()].join(', ') || 'none'}`,
    });
  }

  /** The map of this name, or of this data section (`.rodata`); BpfError naming those that exist. */
  map(name: string): BpfMap {
    const map = this.maps.get(name) ?? [...this.maps.values()].find((m) => name.startsWith('.') && m.spec.section === name);
    if (map !== undefined) return map;
    throw new BpfError(`no map '${name}' in ${this.spec.name}`, { hint: `it has ${[...this.maps.keys()].join(', ') || 'none'}` });
  }

  /**
   * Attaches every program whose section names a target, in the order of the object; what was attached is detached again when one fails.
   * Programs that need a device, a cgroup, an event or a slot of a prog_array are left alone.
   */
  attach(): Link[] {
    const links: Link[] = [];
    try {
      for (const program of this.programs.values()) if (program.meaning?.auto === true) links.push(program.attach());
    } catch (error) {
      for (const link of links) link.close();
      throw error;
    }
    return links;
  }

  /** The bytes of a global variable now. BpfError when there is no such variable. */
  getVariable(name: string): Uint8Array {
    const global = findGlobal(this.spec, name);
    const map = this.map(global.map);
    const value = map.get(indexKey(map, 0)) ?? new Uint8Array(map.info.valueSize);
    return value.slice(global.offset, global.offset + global.size);
  }

  /** Sets a variable of .data or .bss (EPERM for .rodata, frozen since loading). Programs that write other variables at this moment may be overwritten. */
  setVariable(name: string, value: VariableValue): void {
    const global = findGlobal(this.spec, name);
    const map = this.map(global.map);
    const whole = map.get(indexKey(map, 0)) ?? new Uint8Array(map.info.valueSize);
    whole.set(variableBytes(this.spec.btf, global, value), global.offset);
    map.set(indexKey(map, 0), whole);
  }

  /** Detaches and releases everything. Further calls do nothing. */
  close(): void {
    for (const program of this.programs.values()) program.close();
    for (const map of this.maps.values()) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
