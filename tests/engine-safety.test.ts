/** What programs must not be able to do however they are loaded, and what a run must leave behind: the interpreter's own rules, on the engine. */
import { afterEach, describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { VerifierError } from '../src/base/index.ts';
import { Engine } from '../src/engine/index.ts';

const RAW_TP = 17;
const engines: Engine[] = [];
afterEach(() => {
  for (const e of engines.splice(0)) e.closeAll();
});

function engine(): Engine {
  const e = new Engine({ cpus: 2 });
  engines.push(e);
  return e;
}

const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer);

/** Runs a program once as a raw tracepoint. @returns its result, or the reason why it is not loaded or of its fault */
function runOnce(e: Engine, text: string): number | string {
  let fd: number;
  try {
    fd = e.progLoad({ type: RAW_TP, insns: assemble(text), license: 'GPL' }).fd;
  } catch (error) {
    if (error instanceof VerifierError) return error.message;
    throw error;
  }
  try {
    return e.progTestRun(fd).retval;
  } catch {
    return e.faults().recent.at(-1)?.reason ?? 'no fault';
  } finally {
    e.close(fd);
  }
}

describe('maps that a helper does not take', () => {
  const array = { type: 2, keySize: 4, valueSize: 8, maxEntries: 1 };
  const progArray = { type: 3, keySize: 4, valueSize: 4, maxEntries: 1 };
  const perfArray = { type: 4, keySize: 4, valueSize: 4, maxEntries: 1 };
  const rows = [
    [
      'perf_event_output on an array',
      array,
      'r2 = MAP\nr3 = 0\nr4 = r10\nr4 += -8\n*(u64 *)(r4 + 0) = 0\nr5 = 8\ncall 25',
      'cannot pass map_type 2 into func bpf_perf_event_output#25',
    ],
    ['perf_event_read on an array', array, 'r1 = MAP\nr2 = 0\ncall 22', 'cannot pass map_type 2 into func bpf_perf_event_read#22'],
    [
      'map_lookup_elem on a program array',
      progArray,
      '*(u32 *)(r10 - 4) = 0\nr1 = MAP\nr2 = r10\nr2 += -4\ncall 1',
      'cannot pass map_type 3 into func bpf_map_lookup_elem#1',
    ],
    [
      'map_delete_elem on a perf event array',
      perfArray,
      '*(u32 *)(r10 - 4) = 0\nr1 = MAP\nr2 = r10\nr2 += -4\ncall 3',
      'cannot pass map_type 4 into func bpf_map_delete_elem#3',
    ],
  ] as const;
  it.each(rows)('%s', (_name, attr, text, reason) => {
    const e = engine();
    const map = e.mapCreate(attr);
    expect(runOnce(e, `${text.replace('MAP', `map[fd:${map}]`)}\nexit`)).toContain(reason);
  });

  it('a forged perf event does not write into a frozen map', () => {
    const e = engine();
    const victim = e.mapCreate({ ...array, valueSize: 64, flags: 0x80 });
    e.mapUpdateElem(victim, u32(0), new Uint8Array(64).fill(0x55));
    e.mapFreeze(victim);
    const forged = e.mapCreate({ ...array, valueSize: 256 });
    const slots = e.mapCreate(array);
    const result = runOnce(
      e,
      `r6 = r1
       r7 = map[fd:${forged}][0]+0
       *(u32 *)(r7 + 0) = 1
       r8 = map[fd:${slots}][0]+0
       *(u64 *)(r8 + 0) = r7
       r1 = r6
       r2 = map[fd:${slots}]
       r3 = 0
       r4 = r10
       r4 += -8
       *(u64 *)(r4 + 0) = 0
       r5 = 8
       call 25
       exit`,
    );
    expect(result).toContain('cannot pass map_type 2');
    expect(e.mapLookupElem(victim, u32(0))).toEqual(new Uint8Array(64).fill(0x55));
  });
});

describe('maps that are read-only to programs', () => {
  it.each([
    ['update', 2, '*(u64 *)(r10 - 16) = 5\nr3 = r10\nr3 += -16\nr4 = 0'],
    ['delete', 3, ''],
  ])('%s is refused and changes nothing', (_name, helper, more) => {
    const e = engine();
    const map = e.mapCreate({ type: 1, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0x80 });
    e.mapUpdateElem(map, u32(0), new Uint8Array(8).fill(7));
    const result = runOnce(e, `*(u32 *)(r10 - 4) = 0\nr1 = map[fd:${map}]\nr2 = r10\nr2 += -4\n${more}\ncall ${helper}\nexit`);
    expect(result).toContain('write into map forbidden');
    expect(e.mapLookupElem(map, u32(0))).toEqual(new Uint8Array(8).fill(7));
  });
});

it('a user string leaves nothing behind its end: equal strings are equal keys', () => {
  const e = engine();
  const map = e.mapCreate({ type: 1, keySize: 16, valueSize: 8, maxEntries: 8 });
  const text = `r6 = *(u64 *)(r1 + 112)
    *(u64 *)(r10 - 16) = 0
    *(u64 *)(r10 - 8) = 0
    *(u64 *)(r10 - 24) = 1
    r1 = r10
    r1 += -16
    r2 = 16
    r3 = r6
    call HELPER
    r1 = map[fd:${map}]
    r2 = r10
    r2 += -16
    r3 = r10
    r3 += -24
    r4 = 0
    call 2
    exit`;
  for (const helper of [114, 45]) {
    const { fd } = e.progLoad({ type: 2, insns: assemble(text.replace('HELPER', String(helper))), license: 'GPL' });
    e.linkCreate({ progFd: fd, target: { kind: 'kprobe', func: 'f', ret: false } });
  }
  for (const rest of ['garbage-one-x', 'other-bytes-y']) {
    const bytes = new TextEncoder().encode(`/a\0${rest}\0`);
    e.fire('kprobe/f', { args: [0x1000n], task: { pid: 1, memory: [{ address: 0x1000n, bytes }] } });
  }
  const first = e.mapGetNextKey(map, undefined);
  expect(first).toEqual(Uint8Array.of(0x2f, 0x61, ...new Array(14).fill(0)));
  expect(e.mapGetNextKey(map, first)).toBeUndefined();
});

it('may_goto ends a loop by itself', () => {
  expect(runOnce(engine(), 'r0 = 0\nagain:\nmay_goto +1\ngoto again\nr0 = 3\nexit')).toBe(3);
});
