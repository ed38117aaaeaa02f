/** Readers: asynchronous access to what programs print and send. */
export * from './trace-line.ts';
export * from './trace-pipe.ts';
