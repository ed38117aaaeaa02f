/** A host that verifies programs and runs none: maps are facts, every type of the kernel is known. */
export * from './verifier-host.ts';
