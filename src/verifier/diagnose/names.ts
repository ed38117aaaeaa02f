/** Names of variables, guessed from source lines: BTF has none of locals. A wrong guess is worse than none: only plain forms are taken. */

/** Words before a name that make it no variable. */
const KEYWORDS = new Set([
  'if',
  'while',
  'for',
  'return',
  'sizeof',
  'switch',
  'case',
  'do',
  'else',
  'goto',
  'const',
  'volatile',
  'struct',
  'union',
  'enum',
]);

function variable(name: string | undefined): string | undefined {
  return name === undefined || KEYWORDS.has(name) ? undefined : name;
}

/** The variable that a line assigns to: `v` of `v = bpf_map_lookup_elem(&m, &k);`. */
export function assigned(source: string): string | undefined {
  return variable(/(?:^|[\s;({*])([A-Za-z_]\w*)\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)/.exec(source)?.[1]);
}

/** The variable that a line goes through: `e` of `e->pid = 1;`, `*e += 1;` or `e[i]`. */
export function dereferenced(source: string): string | undefined {
  return variable(/([A-Za-z_]\w*)\s*->/.exec(source)?.[1] ?? /(?:^|[\s;(=+])\*\s*([A-Za-z_]\w*)/.exec(source)?.[1]);
}
