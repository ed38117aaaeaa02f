/** Measures the interpreter: nanoseconds an instruction and a run. Run by bench/run.mjs. */

import { type HelperEntry, Interpreter, prepare, STACK_BYTES } from '../src/interp/index.ts';
import { PSEUDO } from '../src/isa/index.ts';
import { MAP, MAP_MAGIC } from '../src/maps/types.ts';
import { KERNEL_BASE, Mem } from '../src/mem/memory.ts';

const MAP_AT = 0x21000;
const VALUE_AT = 0x22000;
const CTX_AT = 0x23000;

function insn(code: number, dst: number, src: number, off: number, imm: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, code);
  view.setUint8(1, (src << 4) | dst);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return bytes;
}

function program(...insns: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * 8);
  insns.forEach((one, i) => {
    bytes.set(one, i * 8);
  });
  return bytes;
}

const pointer = KERNEL_BASE + BigInt(MAP_AT);
const loadMap = [
  insn(0x18, 1, PSEUDO.MAP_FD, 0, Number(BigInt.asIntN(32, pointer))),
  insn(0, 0, 0, 0, Number(BigInt.asIntN(32, pointer >> 32n))),
];

/** The counting program of a tracer: pt_regs -> key on the stack -> lookup -> increment. */
const counting = (increment: Uint8Array[]): Uint8Array =>
  program(
    insn(0xbf, 6, 1, 0, 0), // r6 = r1
    insn(0x79, 2, 6, 112, 0), // r2 = *(u64 *)(r6 + 112)
    insn(0xb7, 3, 0, 0, 0), // r3 = 0
    insn(0x55, 2, 0, 1, 7), // if r2 != 7 goto +1
    insn(0xb7, 3, 0, 0, 1), // r3 = 1
    insn(0x63, 10, 3, -4, 0), // *(u32 *)(r10 - 4) = r3
    insn(0xbf, 2, 10, 0, 0), // r2 = r10
    insn(0x07, 2, 0, 0, -4), // r2 += -4
    ...loadMap,
    insn(0x85, 0, 0, 0, 1), // call map_lookup_elem
    insn(0x15, 0, 0, increment.length, 0), // if r0 == 0 goto exit
    ...increment,
    insn(0xb7, 0, 0, 0, 0), // r0 = 0
    insn(0x95, 0, 0, 0, 0), // exit
  );

const plain = counting([insn(0x79, 1, 0, 0, 0), insn(0x07, 1, 0, 0, 1), insn(0x7b, 0, 1, 0, 0)]);
const atomic = counting([insn(0xb7, 1, 0, 0, 1), insn(0xdb, 0, 1, 0, 0)]);
const loop = program(
  insn(0xb7, 0, 0, 0, 0),
  insn(0xb7, 1, 0, 0, 20000),
  insn(0x7b, 10, 1, -8, 0),
  insn(0x79, 2, 10, -8, 0),
  insn(0x0f, 0, 2, 0, 0),
  insn(0xbf, 3, 0, 0, 0),
  insn(0x77, 3, 0, 0, 3),
  insn(0xaf, 0, 3, 0, 0),
  insn(0x57, 3, 0, 0, 0xff),
  insn(0x25, 3, 0, 1, 300),
  insn(0x0c, 0, 3, 0, 0),
  insn(0x07, 1, 0, 0, -1),
  insn(0x55, 1, 0, -11, 0),
  insn(0x95, 0, 0, 0, 0),
);

const mem = Mem.create({ initial: 1 << 18, maximum: 1 << 18 });
mem.dv.setUint32(MAP_AT + MAP.MAGIC, MAP_MAGIC, true);
mem.dv.setUint32(MAP_AT + MAP.TYPE, 2, true);
mem.dv.setUint32(MAP_AT + MAP.KEY_SIZE, 4, true);
mem.dv.setUint32(MAP_AT + MAP.VALUE_SIZE, 8, true);
mem.dv.setUint32(MAP_AT + MAP.MAX_ENTRIES, 1, true);

const lookup: HelperEntry = {
  proto: {
    id: 1,
    name: 'map_lookup_elem',
    since: '3.19',
    gplOnly: false,
    ret: 'map_value_or_null',
    cret: 'void *',
    args: [
      { name: 'map', kind: 'map', ctype: 'void *' },
      { name: 'key', kind: 'map_key', ctype: 'const void *' },
    ],
    doc: '',
  },
  impl: (call) => (call.mem.dv.getUint32(call.off(2), true) === 0 ? VALUE_AT : 0),
};

const interpreter = new Interpreter({
  mem,
  stack: { base: 0x8000, size: STACK_BYTES },
  helpers: [lookup],
  // The bench's helper uses nothing but the interpreter's own members.
  call: (core) => core as ReturnType<NonNullable<ConstructorParameters<typeof Interpreter>[0]['call']>>,
});
const input = { ctx: CTX_AT, ctxSize: 168 };

for (const [name, bytes, runs] of [
  ['empty program', program(insn(0xb7, 0, 0, 0, 0), insn(0x95, 0, 0, 0, 0)), 2_000_000],
  ['count, plain increment', plain, 2_000_000],
  ['count, atomic increment', atomic, 2_000_000],
  ['arithmetic loop', loop, 100],
] as const) {
  const image = prepare(bytes);
  for (let i = 0; i < runs / 10; i++) interpreter.run(image, input);
  const start = process.cpuUsage();
  for (let i = 0; i < runs; i++) interpreter.run(image, input);
  const ns = (process.cpuUsage(start).user * 1000) / runs;
  if (interpreter.fault !== undefined) throw new Error(interpreter.fault.reason);
  const per = ns / interpreter.executed;
  console.log(`${name.padEnd(26)} ${interpreter.executed} insns  ${ns.toFixed(0)} ns/run  ${per.toFixed(2)} ns/insn`);
}
