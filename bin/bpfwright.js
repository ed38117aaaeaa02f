#!/usr/bin/env node
/** The command: loads the built command line, and says how to build it where that has not happened. */
try {
  await import('../dist/cli.js');
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND' || !/[\\/]dist[\\/]cli\.js' imported from .*[\\/]bin[\\/]/.test(error.message)) throw error;
  console.error('bpfwright: dist/ has not been built: run `npm ci` (with development dependencies), or `npm run build`');
  process.exitCode = 125;
}
