/** The watchdog over reads of traced memory. */
import { expect, test } from 'vitest';
import { CONTROL } from './protocol.ts';
import { STUCK_KILLED, STUCK_NAMED, Watchdog } from './watchdog.ts';

test('a read that hangs is named, then ended; others are left alone', () => {
  const control = new Int32Array(new SharedArrayBuffer(CONTROL.WORDS * 4));
  const log: string[] = [];
  const dog = new Watchdog(control, {
    say: (text) => log.push(text.replace(/ .*/, '')),
    ring: () => log.push('ring'),
    kill: (pid) => log.push(`kill ${pid}`),
  });
  dog.look(0);
  control[CONTROL.READING] = 77;
  control[CONTROL.READS] = 1;
  dog.look(1000);
  // Another read of the same process is no hang.
  control[CONTROL.READS] = 2;
  dog.look(1000 + STUCK_NAMED);
  expect(log).toEqual([]);
  dog.look(1000 + 2 * STUCK_NAMED);
  dog.look(1500 + 2 * STUCK_NAMED);
  expect(log).toEqual(['reading']);
  dog.look(1000 + STUCK_NAMED + STUCK_KILLED);
  expect(log).toEqual(['reading', 'process', 'kill 77']);
  control[CONTROL.READING] = 0;
  control[CONTROL.HELD] = 1;
  dog.look(50_000);
  expect(log.at(-1)).toBe('ring');
});
