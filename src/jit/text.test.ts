/** The text of modules: every vector's can be printed, and one is printed whole. */
import { describe, expect, it } from 'vitest';
import { ownVectors } from '../../tests/support/vectors.ts';
import { assemble } from '../asm/index.ts';
import { FormatError } from '../base/index.ts';
import { compileToWasm, wasmText } from './index.ts';

describe('wasmText', () => {
  it('shows imports, exports, functions and where instructions came from', () => {
    const module = compileToWasm([{ name: 'sum', bytes: assemble('r0 = *(u32 *)(r1 + 4)\nif r0 == 0 goto end\nr0 += r10\nend: exit') }]);
    const text = wasmText(module.bytes, {
      comment: (offset) => {
        const place = module.place(offset);
        return place === undefined ? undefined : `insn ${place.insn}`;
      },
    });
    expect(text).toMatchInlineSnapshot(`
      "(module
        (import "env" "memory" (memory shared))
        (import "env" "area" (global i32))
        (export "run0" (func $sum:run))
        (export "repeat0" (func $sum:repeat))
        (export "entry0" (func $sum))
        (func $sum (param i32 i32) (result i64)
          (local i32)
          (local i64)
          local.get 0
          local.set 2
          block
            ;; insn 0
            local.get 2
            i64.load32_u offset=4
            local.set 3
            ;; insn 1
            local.get 3
            i64.eqz
            br_if 0
            ;; insn 2
            local.get 3
            local.get 1
            i32.const 512
            i32.add
            i64.extend_i32_u
            i64.const -131391639519232
            i64.or
            i64.add
            local.set 3
          end
          ;; insn 3
          local.get 3
          return
          unreachable
        )
        (func $fault (param i32 i32 i32)
          global.get 0
          local.get 0
          i32.store offset=32
          global.get 0
          local.get 1
          i32.store offset=36
          global.get 0
          local.get 2
          i32.store offset=40
          unreachable
        )
        (func $sum:run (param i32 i32) (result i32)
          (local i64)
          local.get 0
          global.get 0
          i32.const 36480
          i32.add
          call $sum
          local.set 2
          global.get 0
          local.get 2
          i64.store offset=8
          local.get 2
          i32.wrap_i64
        )
        (func $sum:repeat (param i32 i32 i32) (result i32)
          (local i64)
          (local i32)
          global.get 0
          i32.const 36480
          i32.add
          local.set 4
          block
            loop
              local.get 2
              i32.const 7
              i32.and
              i32.eqz
              br_if 1
              global.get 0
              local.get 2
              i32.const 1
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              local.get 2
              i32.const 1
              i32.sub
              local.set 2
              br 0
            end
          end
          block
            loop
              local.get 2
              i32.const -1
              i32.and
              i32.eqz
              br_if 1
              global.get 0
              local.get 2
              i32.const 1
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 2
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 3
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 4
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 5
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 6
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 7
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              global.get 0
              local.get 2
              i32.const 8
              i32.sub
              i32.store offset=4
              local.get 0
              local.get 4
              call $sum
              local.set 3
              local.get 2
              i32.const 8
              i32.sub
              local.set 2
              br 0
            end
          end
          global.get 0
          local.get 3
          i64.store offset=8
          local.get 3
          i32.wrap_i64
        )
      )
      "
    `);
  });

  it('prints the module of every vector', () => {
    for (const checked of [false, true]) {
      for (const { program, name } of ownVectors) {
        const { bytes } = compileToWasm([{ bytes: program, name }], {
          checked,
          helper: () => ({ params: ['split', 'i64'], result: 'cell' }),
        });
        expect(wasmText(bytes)).toContain(`(func $${name} (param i32 i32) (result i64)`);
      }
    }
  });

  it.each([0, 3, 8, 9, 20, 60, 100])('a module cut off after %i bytes is refused', (length) => {
    const { bytes } = compileToWasm([{ bytes: assemble('r0 = 0\nexit') }]);
    if (length === 8) expect(wasmText(bytes.subarray(0, length))).toBe('(module\n\n)\n');
    else expect(() => wasmText(bytes.subarray(0, length))).toThrow(FormatError);
  });
});
