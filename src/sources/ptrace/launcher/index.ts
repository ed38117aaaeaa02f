/** The launcher's image and the search for a command's file. */
export * from './launcher.ts';
export { candidates } from './path.ts';
