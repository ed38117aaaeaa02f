/** Why the kernel would not take BTF: thrown inside the checks, caught by checkBtfLoad(). */
import type { ErrnoName } from '../../base/index.ts';

/** A refusal in the kernel's words; `type` is the id of the type at fault, 0 for the whole. */
export class BtfRefusal {
  readonly errno: ErrnoName;
  readonly message: string;
  readonly type: number;

  constructor(errno: ErrnoName, message: string, type = 0) {
    this.errno = errno;
    this.message = message;
    this.type = type;
  }
}

/** EINVAL about a type. */
export function badType(type: number, message: string): BtfRefusal {
  return new BtfRefusal('EINVAL', message, type);
}
