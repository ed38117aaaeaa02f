/** Puts a module together: types, imports, functions, exports, elements, code and names (WebAssembly core specification 2.0 §5.5). */
import { OversizedError } from '../limits.ts';
import { Bytes } from './code.ts';
import { TYPE, type ValueType, WASM } from './opcodes.ts';

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** What a module imports. `shared` memories must state the most pages that the memory may have. */
export type Import = { readonly module: string; readonly name: string } & (
  | { readonly kind: 'function'; readonly type: FunctionType }
  | { readonly kind: 'memory'; readonly shared: boolean }
  | { readonly kind: 'table' }
  | { readonly kind: 'global'; readonly type: ValueType }
);

export interface FunctionBody {
  readonly name: string;
  readonly type: FunctionType;
  /** Types of its locals, parameters not included. */
  readonly locals: readonly ValueType[];
  /** Instructions without the last `end`. */
  readonly code: Uint8Array;
}

/** Functions of a table from the index that global `base` has on. */
export interface Elements {
  readonly table: number;
  readonly base: number;
  readonly functions: readonly number[];
}

/** Largest function body that V8 accepts (kV8MaxWasmFunctionSize). */
const MAX_BODY = 7_654_321;
/** Its locals and its end take less than this of them. */
const LOCALS_ROOM = 1024;
const MAX_PAGES = 65536;
const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCREF = 0x70;
const FUNC = 0x60;

/** Collects a module's parts. Imports first: they come before the module's own functions in the index space. */
export class ModuleBuilder {
  readonly #types: FunctionType[] = [];
  readonly #typeIndex = new Map<string, number>();
  readonly #imports: Import[] = [];
  readonly #counts = { function: 0, memory: 0, table: 0, global: 0 };
  readonly #bodies: (FunctionBody | undefined)[] = [];
  readonly #exports: { readonly name: string; readonly index: number }[] = [];
  readonly #name: string;
  #elements: Elements | undefined;

  constructor(name = '') {
    this.#name = name;
  }

  type(type: FunctionType): number {
    const key = `${type.params.join()}>${type.results.join()}`;
    const known = this.#typeIndex.get(key);
    if (known !== undefined) return known;
    this.#types.push(type);
    this.#typeIndex.set(key, this.#types.length - 1);
    return this.#types.length - 1;
  }

  /** @returns its index among imports of its kind */
  import(what: Import): number {
    if (what.kind === 'function') this.type(what.type);
    this.#imports.push(what);
    return this.#counts[what.kind]++;
  }

  /** Reserves an index for a function of the module; no imports of functions afterwards. */
  reserve(): number {
    this.#bodies.push(undefined);
    return this.#counts.function + this.#bodies.length - 1;
  }

  define(index: number, body: FunctionBody): void {
    if (body.code.length > MAX_BODY - LOCALS_ROOM) {
      throw new OversizedError(`function ${body.name} is ${body.code.length} bytes of WebAssembly, expected at most ${MAX_BODY}`, {
        hint: 'split the program into functions',
      });
    }
    this.type(body.type);
    this.#bodies[index - this.#counts.function] = body;
  }

  export(name: string, index: number): void {
    this.#exports.push({ name, index });
  }

  elements(elements: Elements): void {
    this.#elements = elements;
  }

  /** The module, and by function index the offset of its first instruction in it. */
  finish(): { readonly bytes: Uint8Array; readonly starts: ReadonlyMap<number, number> } {
    const out = new Bytes();
    out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const bodies = this.#bodies.map((body, i) => {
      if (body === undefined) throw new OversizedError(`function ${i} was reserved, but never defined`);
      return body;
    });
    vector(out, 1, this.#types, (type, to) => {
      to.byte(FUNC);
      for (const list of [type.params, type.results]) {
        to.u32(list.length);
        for (const value of list) to.byte(TYPE[value]);
      }
    });
    vector(out, 2, this.#imports, (one, to) => {
      to.name(one.module);
      to.name(one.name);
      to.byte(KIND[one.kind]);
      if (one.kind === 'function') {
        to.u32(this.type(one.type));
      } else if (one.kind === 'memory') {
        to.byte(one.shared ? 3 : 0);
        to.u32(0);
        if (one.shared) to.u32(MAX_PAGES);
      } else if (one.kind === 'table') {
        to.byte(FUNCREF);
        to.byte(0);
        to.u32(0);
      } else {
        to.byte(TYPE[one.type]);
        to.byte(0);
      }
    });
    vector(out, 3, bodies, (body, to) => to.u32(this.type(body.type)));
    vector(out, 7, this.#exports, (one, to) => {
      to.name(one.name);
      to.byte(KIND.function);
      to.u32(one.index);
    });
    const { functions, base, table } = this.#elements ?? { functions: [], base: 0, table: 0 };
    if (functions.length > 0) {
      section(out, 9, (to) => {
        to.u32(1);
        // Active, with the table's index and the kind of its elements: functions.
        to.u32(2);
        to.u32(table);
        to.byte(WASM['global.get']);
        to.u32(base);
        to.byte(WASM.end);
        to.byte(0);
        to.u32(functions.length);
        for (const index of functions) to.u32(index);
      });
    }
    const starts = this.#code(out, bodies);
    section(out, 0, (to) => {
      to.name('name');
      if (this.#name !== '') {
        const name = new Bytes();
        name.name(this.#name);
        to.byte(0);
        to.u32(name.length);
        to.raw(name.view);
      }
      const names = new Bytes();
      const imported = this.#imports.filter((one) => one.kind === 'function').map((one) => `${one.module}.${one.name}`);
      const all = [...imported, ...bodies.map((body) => body.name)];
      names.u32(all.length);
      all.forEach((name, i) => {
        names.u32(i);
        names.name(name);
      });
      to.byte(1);
      to.u32(names.length);
      to.raw(names.view);
    });
    return { bytes: out.view.slice(), starts };
  }

  #code(out: Bytes, bodies: readonly FunctionBody[]): Map<number, number> {
    const starts = new Map<number, number>();
    const all = new Bytes();
    all.u32(bodies.length);
    bodies.forEach((body, i) => {
      const head = new Bytes();
      const runs: { count: number; type: ValueType }[] = [];
      for (const type of body.locals) {
        const last = runs.at(-1);
        if (last?.type === type) last.count++;
        else runs.push({ count: 1, type });
      }
      head.u32(runs.length);
      for (const run of runs) {
        head.u32(run.count);
        head.byte(TYPE[run.type]);
      }
      all.u32(head.length + body.code.length + 1);
      all.raw(head.view);
      starts.set(this.#counts.function + i, all.length);
      all.raw(body.code);
      all.byte(WASM.end);
    });
    out.byte(10);
    out.u32(all.length);
    for (const [index, start] of starts) starts.set(index, start + out.length);
    out.raw(all.view);
    return starts;
  }
}

function section(out: Bytes, id: number, write: (to: Bytes) => void): void {
  const content = new Bytes();
  write(content);
  out.byte(id);
  out.u32(content.length);
  out.raw(content.view);
}

function vector<T>(out: Bytes, id: number, items: readonly T[], write: (item: T, to: Bytes) => void): void {
  if (items.length === 0) return;
  section(out, id, (to) => {
    to.u32(items.length);
    for (const item of items) write(item, to);
  });
}
