/** Pinned objects by path: an in-memory /sys/fs/bpf (kernel/bpf/inode.c, v6.18). Directories exist as soon as something is in them. */
import type { EngineCore } from './core.ts';
import type { EngineObject } from './objects.ts';

const ROOT = '/sys/fs/bpf/';

/** The pins of one engine. */
export class BpfFs {
  readonly #core: EngineCore;
  readonly #pins = new Map<string, EngineObject>();

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /** BPF_OBJ_PIN. */
  pin(fd: number, path: string): void {
    const command = 'BPF_OBJ_PIN';
    const object = this.#core.file(fd)?.object;
    if (object === undefined || object.kind === 'perf_event' || object.kind === 'btf') {
      throw this.#core.error(command, 'EINVAL', `fd ${fd} is not a map, program or link`);
    }
    const name = normalise(path);
    if (this.#pins.has(name)) throw this.#core.error(command, 'EEXIST', `${path} exists`);
    if (!name.startsWith(ROOT)) throw this.#core.error(command, 'EPERM', `${path} is not under ${ROOT}`);
    if (name.slice(name.lastIndexOf('/')).includes('.'))
      throw this.#core.error(command, 'EPERM', `${path}: a pin's name cannot hold a dot`);
    this.#core.pin(object, 1);
    this.#pins.set(name, object);
  }

  /** BPF_OBJ_GET. */
  get(path: string): number {
    const object = this.#pins.get(normalise(path));
    if (object === undefined) throw this.#core.error('BPF_OBJ_GET', 'ENOENT', `nothing is pinned at ${path}`);
    return this.#core.open(object);
  }

  /** unlink(2) on a pin. */
  unlink(path: string): void {
    const name = normalise(path);
    const object = this.#pins.get(name);
    if (object === undefined) throw this.#core.error('unlink', 'ENOENT', `nothing is pinned at ${path}`);
    this.#pins.delete(name);
    this.#core.pin(object, -1);
    this.#core.reclaim();
  }

  /** All pins, sorted. */
  paths(): string[] {
    return [...this.#pins.keys()].sort();
  }

  clear(): void {
    for (const path of this.paths()) this.unlink(path);
  }
}

function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
