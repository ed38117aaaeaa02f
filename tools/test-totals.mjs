/** Prints the totals of a vitest JSON report as `N passed, N failed, N skipped`; exits non-zero when something failed or nothing ran. */
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
let skipped = 0;
try {
  const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  for (const suite of report.testResults) {
    // A file that could not be loaded, or whose hook failed, has no failing test of its own: count it once.
    if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) failed++;
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed') failed++;
      else skipped++;
    }
  }
} catch (error) {
  console.error(`no test report: ${error.message}`);
  failed++;
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
