/** What findings about kernel releases are about: their codes, and a clause for each. */

/** By the code's end; codes are `release-…`. */
const CLAUSES = {
  'map-type': 'the release has no maps of this type',
  'map-flag': 'the release does not know this flag of maps',
  'map-field': 'values of maps cannot hold this structure there',
  'global-data': 'variables of the object need maps whose values programs address directly',
  size: 'programs may have 4096 instructions at most there',
  core: 'relocation by types needs the BTF of that kernel from elsewhere',
  kfunc: 'the release does not have this kernel function, or none at all',
  ksym: 'typed kernel symbols do not exist there',
  'tail-call': 'tail calls and functions of one program exclude each other there',
  loop: 'loops are refused there',
  'program-type': 'the release has no programs of this type',
  'attach-type': 'the release cannot attach programs in this way',
  'program-flag': 'the release does not know this flag of programs',
  insn: 'the release does not have this instruction',
  call: 'functions are not called there: all code is inlined',
  helper: 'the release does not have this helper',
  argument: 'helpers are stricter about their arguments there',
  'map-value': 'addresses in map values cannot be computed there',
} as const;

/** End of a code. */
export type ReleaseCode = keyof typeof CLAUSES;

/** All of them. */
export const RELEASE_RULES: readonly { readonly code: string; readonly summary: string }[] = Object.entries(CLAUSES).map(
  ([code, summary]) => ({ code: `release-${code}`, summary }),
);
