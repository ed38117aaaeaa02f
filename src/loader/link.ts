/** An attached program. */
import type { AttachTarget, Fd, Host } from '../host/index.ts';

/** A program attached to a target, until it is closed. */
export class Link {
  readonly fd: Fd;
  /** Name of the program. */
  readonly program: string;
  readonly target: AttachTarget;
  readonly #host: Host;
  #open = true;

  /** Attaches; AttachError when the host cannot produce the target. */
  constructor(host: Host, program: { readonly name: string; readonly fd: Fd }, target: AttachTarget, cookie: bigint | undefined) {
    this.#host = host;
    this.program = program.name;
    this.target = target;
    this.fd = host.linkCreate({ progFd: program.fd, target, ...(cookie === undefined ? {} : { cookie }) });
  }

  /** Detaches. Further calls do nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#host.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
