/** A C project that takes a given time to build: many small files, as real builds have, so that the executed programs are what is measured. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** One source file of some work for the compiler. */
function source(n) {
  const functions = Array.from(
    { length: 10 },
    (_, f) => `
static int step_${f}(int a, int b) {
  int table[16], sum = 0;
  for (int i = 0; i < 16; i++) table[i] = (a * ${f + 3} + i * b) ^ (sum + ${n});
  for (int i = 0; i < 16; i++) { if (table[i] & 1) sum += table[i] >> (i & 7); else sum -= table[15 - i] % ${f + 7}; }
  return sum;
}`,
  );
  const calls = functions.map((_, f) => `  sum += step_${f}(value + ${f}, sum);`).join('\n');
  return `#include <stdio.h>\n#include <string.h>\n${functions.join('\n')}\n\nint part_${n}(int value) {\n  int sum = 0;\n${calls}\n  return sum;\n}\n`;
}

/**
 * Writes the project to `dir`, with as many files as a parallel build needs to last `seconds`.
 * @returns the command that builds it from scratch, and the number of files
 */
export function makeProject(dir, { seconds, cc }) {
  mkdirSync(dir, { recursive: true });
  const jobs = availableParallelism();
  const probe = 8 * jobs;
  writeSources(dir, probe, cc);
  const start = performance.now();
  const run = spawnSync('make', ['-s', '-C', dir, `-j${jobs}`], { stdio: 'inherit' });
  if (run.status !== 0) throw new Error('make could not build the generated project');
  const files = Math.max(probe, Math.ceil(((seconds * 1.15) / ((performance.now() - start) / 1000)) * probe));
  writeSources(dir, files, cc);
  return { command: ['make', '-s', '-C', dir, `-j${jobs}`], clean: ['make', '-s', '-C', dir, 'clean'], files };
}

/** `files` sources, what calls them, and the Makefile. */
function writeSources(dir, files, cc) {
  const names = Array.from({ length: files }, (_, n) => `part_${n}`);
  for (let n = 0; n < files; n++) writeFileSync(join(dir, `part_${n}.c`), source(n));
  const declarations = names.map((name) => `int ${name}(int);`).join('\n');
  const sums = names.map((name) => `  sum += ${name}(sum);`).join('\n');
  writeFileSync(
    join(dir, 'main.c'),
    `#include <stdio.h>\n${declarations}\nint main(void) {\n  int sum = 1;\n${sums}\n  printf("%d\\n", sum);\n  return 0;\n}\n`,
  );
  writeFileSync(
    join(dir, 'Makefile'),
    `OBJECTS = ${names.map((name) => `${name}.o`).join(' ')} main.o\n\nprogram: $(OBJECTS)\n\t${cc} -o $@ $(OBJECTS)\n\n%.o: %.c\n\t${cc} -O2 -c -o $@ $<\n\nclean:\n\t@rm -f *.o program\n`,
  );
}
