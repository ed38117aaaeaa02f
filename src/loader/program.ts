/** A loaded program: attaching, test runs, its facts. */
import { BpfError } from '../base/index.ts';
import type { CoreExplanation } from '../btf/index.ts';
import type { ProgramSpec } from '../elf/index.ts';
import type { AttachTarget, Fd, Host, ProgInfo, TestRunAttr, TestRunResult } from '../host/index.ts';
import { Link } from './link.ts';
import type { SectionMeaning } from './target.ts';

/** What attach() may be told. */
export interface AttachOptions {
  /** bpf_get_attach_cookie's value, u64. */
  readonly cookie?: bigint;
}

/** A program on a host. */
export class Program {
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly fd: Fd;
  /** enum bpf_prog_type. */
  readonly type: number;
  /** What its section says; undefined for a section that the table lacks. */
  readonly meaning: SectionMeaning | undefined;
  /** Verifier log, empty at log level 0. */
  readonly log: string;
  /** What each CO-RE record of the program came to. */
  readonly relocations: readonly CoreExplanation[];
  readonly #host: Host;
  readonly #links = new Set<Link>();
  #open = true;

  /** @param loaded what progLoad made; the program closes its fd */
  constructor(
    host: Host,
    spec: ProgramSpec,
    loaded: {
      readonly fd: Fd;
      readonly log: string;
      readonly type: number;
      readonly meaning: SectionMeaning | undefined;
      readonly relocations: readonly CoreExplanation[];
    },
  ) {
    this.#host = host;
    this.spec = spec;
    this.name = spec.name;
    this.fd = loaded.fd;
    this.log = loaded.log;
    this.type = loaded.type;
    this.meaning = loaded.meaning;
    this.relocations = loaded.relocations;
  }

  /** Links that attach() made, closed ones included until the program is closed. */
  get links(): ReadonlySet<Link> {
    return this.#links;
  }

  /**
   * Attaches to `target`, or to what its section names. Closing the program closes the link.
   * Throws AttachError when the host cannot, BpfError when there is no target.
   */
  attach(target: AttachTarget | undefined = this.meaning?.target, options: AttachOptions = {}): Link {
    if (target === undefined) {
      throw new BpfError(`program ${this.name}: section '${this.spec.section}' names no place to attach to`, {
        hint: "give one: attach({ kind: 'kprobe', func: 'do_execve', ret: false })",
      });
    }
    const link = new Link(this.#host, this, target, options.cookie);
    this.#links.add(link);
    return link;
  }

  /** BPF_PROG_TEST_RUN. Types that the kernel cannot test-run are refused with ENOTSUPP. */
  testRun(attr: TestRunAttr = {}): TestRunResult {
    return this.#host.progTestRun(this.fd, attr);
  }

  info(): ProgInfo {
    return this.#host.progInfo(this.fd);
  }

  /** Detaches its links and releases the program. Further calls do nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const link of this.#links) link.close();
    this.#host.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
