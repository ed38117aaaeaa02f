/** What a rule of the verifier is, for those who read a rejection. The rules themselves stand in tables beside this. */

/** What a rejection is about, in words. */
export interface Subject {
  /** The first register at fault, by its variable where the source tells: `len (r3)`; else `the register`. */
  readonly it: string;
  /** Its variable alone, or the register's name: what goes into a line of C. */
  readonly name: string;
  /** ` before line 12`, or nothing where no source line is known. */
  readonly beforeHere: string;
  /** The kernel's message. */
  readonly message: string;
}

/** A rule. */
export interface Rule {
  /** Kebab-case, stable. */
  readonly code: string;
  /** What the program may not do, or must do: one clause. */
  readonly summary: string;
  /** Messages of the kernel that are about this rule. */
  readonly matches: RegExp;
  /** What would fix it. */
  readonly help?: (subject: Subject) => string;
}
