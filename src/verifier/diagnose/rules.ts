/** All rules, the one that a message is about, and what their names mean. */
import { RELEASE_RULES } from '../release-rules.ts';
import { CALL_RULES } from './call-rules.ts';
import { FIELD_RULES } from './field-rules.ts';
import { MEMORY_RULES } from './memory-rules.ts';
import { PROGRAM_RULES } from './program-rules.ts';
import type { Rule } from './rule.ts';

/** Rules whose messages say more than their words: they are tried before the others. */
const FIRST = [
  'verifier-bug',
  'endless-loop',
  'reference-leak',
  'use-after-release',
  'dynptr',
  'lock',
  'license',
  'map-reference',
  'reserved-field',
];

const ALL: readonly Rule[] = [...MEMORY_RULES, ...CALL_RULES, ...PROGRAM_RULES];

/** The rules; the first whose pattern fits a message is taken. */
export const RULES: readonly Rule[] = [
  ...FIELD_RULES,
  ...ALL.filter(({ code }) => FIRST.includes(code)),
  ...ALL.filter(({ code }) => !FIRST.includes(code)),
];

/** What the kernel refuses without a word. */
const SILENT: Rule = {
  code: 'load',
  summary: 'the kernel refuses to look at the program: its size, its type or who loads it',
  matches: /^$/,
};
/** A message that no rule knows. */
const UNKNOWN: Rule = { code: 'rejected', summary: 'the program is refused', matches: /^/ };

/** The rule that a message of the kernel is about; of several lines the last one decides, if it is known. */
export function ruleOf(message: string): Rule {
  if (message === '') return SILENT;
  const last = message.slice(message.lastIndexOf('\n') + 1);
  return RULES.find((rule) => rule.matches.test(message)) ?? RULES.find((rule) => rule.matches.test(last)) ?? UNKNOWN;
}

/** Every rule that a finding may name, those of releases left out. */
export function allRules(): readonly Rule[] {
  return [...FIELD_RULES, ...ALL, SILENT];
}

/** What a rule is about: findings of verify() and of releases alike. */
export function ruleSummary(code: string): string {
  return [...allRules(), ...RELEASE_RULES].find((rule) => rule.code === code)?.summary ?? code.replaceAll('-', ' ');
}
