/** docs/verifier.md lists the rules that there are; `npm run bless` writes the list. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { allRules, RELEASE_RULES } from '../src/verifier/index.ts';

const PAGE = new URL('../docs/verifier.md', import.meta.url);
const LIST = /(<!-- rules: [^>]*-->\n)[\s\S]*?(<!-- \/rules -->)/;

it('the list of rules is the table', () => {
  const rows = [...allRules(), ...RELEASE_RULES].map(({ code, summary }) => `| \`${code}\` | ${summary} |`);
  const list = `\n| rule | what it is about |\n|---|---|\n${rows.join('\n')}\n\n`;
  const page = readFileSync(PAGE, 'utf8');
  const wanted = page.replace(LIST, (_, begin: string, end: string) => `${begin}${list}${end}`);
  if (process.env.BLESS !== undefined) writeFileSync(PAGE, wanted);
  else expect(page).toBe(wanted);
});

it('every rule has a name of its own', () => {
  const codes = [...allRules(), ...RELEASE_RULES].map((rule) => rule.code);
  expect(new Set(codes).size).toBe(codes.length);
});
