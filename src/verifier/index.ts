/** The verifier: verify() and what it is given and answers; and the checks of programs at load that need no simulation. */
export * from './environment.ts';
export { parseRelease, releaseFindings } from './releases.ts';
export * from './structure.ts';
export * from './verify.ts';
