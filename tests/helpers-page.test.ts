/** docs/helpers.md lists the helpers and map types that there are and what the engine has of them; `npm run bless` writes the lists. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HELPERS, helperRefusal, OPT_IN_HELPERS } from '../src/helpers/index.ts';
import { MAP_TYPES } from '../src/maps/index.ts';

const PAGE = new URL('../docs/helpers.md', import.meta.url);

const yesNo = (reason: string | undefined): string => (reason === undefined ? 'yes' : `no: ${reason}`);

const engine = (id: number, name: string): string =>
  OPT_IN_HELPERS.some((each) => each === name) ? 'yes, where `allowHelpers` names it' : yesNo(helperRefusal(id));

const LISTS: Readonly<Record<string, readonly string[]>> = {
  helpers: [
    '| id | helper | engine | kernel since | GPL only | what it does |',
    '|---|---|---|---|---|---|',
    ...HELPERS.map(
      ({ id, name, since, gplOnly, doc }) =>
        `| ${id} | \`bpf_${name}\` | ${engine(id, name)} | ${since} | ${gplOnly ? 'yes' : ''} | ${doc.replaceAll('|', '\\|')} |`,
    ),
  ],
  maps: [
    '| id | map type | engine | kernel since | what it holds |',
    '|---|---|---|---|---|',
    ...MAP_TYPES.map(({ id, name, since, lacking, doc }) => `| ${id} | \`${name}\` | ${yesNo(lacking)} | ${since} | ${doc} |`),
  ],
};

it.each(Object.entries(LISTS))('the list of %s is the table', (name, rows) => {
  const list = new RegExp(`(<!-- ${name}: [^>]*-->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toMatch(list);
  const wanted = page.replace(list, (_, begin: string, end: string) => `${begin}\n${rows.join('\n')}\n\n${end}`);
  if (process.env.BLESS !== undefined) writeFileSync(PAGE, wanted);
  else expect(page).toBe(wanted);
});

it('a map type is created or says why not', () => {
  for (const { name, check, lacking } of MAP_TYPES) expect([name, lacking !== undefined]).toEqual([name, check === undefined]);
});
