/** The instruction set: the table, the Instruction union, encode and decode. */
export * from './decode.ts';
export * from './encode.ts';
export * from './instruction.ts';
export * from './table.ts';
