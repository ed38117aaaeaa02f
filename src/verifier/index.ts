/** The verifier: verify(), what it is given and answers; and what an older kernel release would lack. */

export { allRules, ruleSummary } from './diagnose/index.ts';
export * from './environment.ts';
export type { MemoryKind, ProgramFacts } from './facts.ts';
export type { MapReference } from './layout.ts';
export type { Refusal } from './refusal.ts';
export { RELEASE_RULES } from './release-rules.ts';
export { releaseFindings } from './releases.ts';
export { Trail, TrailStep } from './trail.ts';
export * from './verify.ts';
