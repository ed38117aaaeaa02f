/** Probes: attach targets resolved to system calls and process events, contexts made from stopped tasks, programs run. */
export { createProbeSet, type ProbeSetOptions } from './probe-set.ts';
