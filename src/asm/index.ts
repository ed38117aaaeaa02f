/** Assembler and disassembler in kernel/LLVM syntax, and bpf_conformance's `.data` test vectors. */
export * from './assemble.ts';
export * from './disassemble.ts';
export * from './format.ts';
export * from './mnemonic.ts';
export * from './vector.ts';
