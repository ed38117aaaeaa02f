/**
 * BPF_PROG_LOAD: the checks around the verifier in the kernel's order, map references made pointers, the image
 * put where every thread finds it (kernel/bpf/syscall.c, v6.18). What makes a program acceptable is the verifier's business.
 */
import { encodeText, toHex } from '../base/index.ts';
import type { ProgInfo, ProgLoadAttr, ProgLoadResult } from '../host/host.ts';
import { relocated } from '../host/index.ts';
import { MAP } from '../maps/index.ts';
import { HEADER, idTableAdd, PROG, PROG_FLAG, PROG_MAGIC } from '../mem/index.ts';
import { checkProgLoad, isGplCompatible } from '../programs/index.ts';
import { encodeFacts } from './compiled/facts.ts';
import { contextUse } from './context-use.ts';
import type { EngineCore } from './core.ts';
import { engineBtf } from './kernel-types/index.ts';
import { MapReferences } from './map-references.ts';
import type { MapObject, ProgObject } from './objects.ts';
import { rewriteContext } from './packet.ts';
import { fits } from './prog-array.ts';
import { sha256 } from './sha256.ts';
import { programBtf, verifyProgram } from './verify.ts';

const LOAD = 'BPF_PROG_LOAD';
const INSN_SIZE = 8;
const SLEEPABLE = 0x10;
const XDP_HAS_FRAGS = 0x20;
const PROG_ARRAY = 3;
/** trace_printk and trace_vprintk. */
const PRINTING = [6, 177];

/** @param printing called when the program asks for trace_printk, whether or not it loads */
export function progLoad(core: EngineCore, given: ProgLoadAttr, printing: () => void): ProgLoadResult {
  const flags = given.flags ?? 0;
  const early = checkProgLoad(given, core.loader);
  if (early !== undefined) throw core.error(LOAD, early.errno, early.message);
  const name = given.name ?? '';
  // Without records to check, the kernel does not look at the fd.
  if (given.btfFd !== undefined && (given.funcInfo?.length ?? 0) + (given.lineInfo?.length ?? 0) > 0) core.want(LOAD, given.btfFd, 'btf');
  const { insns, ...records } = relocated(given, programBtf(core, given), engineBtf);
  const attr = { ...given, insns };

  core.reclaim();
  const gpl = isGplCompatible(attr.license);
  const sleepable = (flags & SLEEPABLE) !== 0;
  const { helpers } = contextUse(attr.insns);
  if (PRINTING.some((id) => helpers.has(id))) printing();
  const references = new MapReferences(core, attr.insns);
  const verified = verifyProgram(attr, { core, gpl, records, references });
  const maps = [...references.maps];
  const facts = { type: attr.type, expectedAttachType: attr.expectedAttachType ?? 0, xdpFrags: (flags & XDP_HAS_FRAGS) !== 0 };
  for (const map of maps) {
    if (core.mem.dv.getUint32(map.offset + MAP.TYPE, true) === PROG_ARRAY && !fits(map, facts)) {
      throw core.error(LOAD, 'EINVAL', `the program does not fit prog array ${map.id}, whose programs have type ${map.owner?.type}`);
    }
  }
  const tag = toHex(sha256(references.tagged).subarray(0, 8), '');
  rewriteContext(references.image, attr.type, verified.facts);
  const prog = publish(core, {
    ...facts,
    name,
    tag,
    gpl,
    sleepable,
    image: references.image,
    verifierFacts: encodeFacts(verified.facts),
    maps,
  });
  return { fd: core.open(prog), log: (attr.logLevel ?? 0) === 0 ? '' : verified.log, logTrueSize: verified.logTrueSize };
}

interface Loaded {
  readonly type: number;
  readonly expectedAttachType: number;
  readonly xdpFrags: boolean;
  readonly name: string;
  readonly tag: string;
  readonly gpl: boolean;
  readonly sleepable: boolean;
  readonly image: Uint8Array;
  readonly verifierFacts: Uint8Array;
  readonly maps: readonly MapObject[];
}

/** Writes the program's record and image into the shared memory and enters it in the table. */
function publish(core: EngineCore, loaded: Loaded): ProgObject {
  const { mem, env } = core;
  const image = env.alloc(loaded.image.length + loaded.verifierFacts.length);
  const counters = (PROG.MAPS + loaded.maps.length * 4 + 7) & ~7;
  const record = env.alloc(counters + core.cpus * 8);
  if (image === 0 || record === 0) {
    for (const block of [image, record]) if (block !== 0) env.free(block);
    throw core.error(LOAD, 'ENOMEM', `no memory for ${loaded.image.length} bytes of program`);
  }
  const id = core.nextId(HEADER.NEXT_PROG_ID);
  mem.copyIn(image, loaded.image);
  mem.copyIn(image + loaded.image.length, loaded.verifierFacts);
  const { dv } = mem;
  dv.setUint32(record + PROG.COUNTERS, record + counters, true);
  dv.setUint32(record + PROG.MAGIC, PROG_MAGIC, true);
  dv.setUint32(record + PROG.ID, id, true);
  dv.setUint32(record + PROG.TYPE, loaded.type, true);
  dv.setUint32(record + PROG.IMAGE, image, true);
  dv.setUint32(record + PROG.IMAGE_SIZE, loaded.image.length, true);
  dv.setUint32(record + PROG.FACTS_SIZE, loaded.verifierFacts.length, true);
  dv.setUint32(record + PROG.EXPECTED_ATTACH, loaded.expectedAttachType, true);
  dv.setUint32(record + PROG.FLAGS, (loaded.gpl ? PROG_FLAG.GPL : 0) | (loaded.sleepable ? PROG_FLAG.SLEEPABLE : 0), true);
  dv.setBigUint64(record + PROG.TAG, BigInt(`0x${loaded.tag}`), false);
  mem.copyIn(record + PROG.NAME, encodeText(loaded.name));
  dv.setUint32(record + PROG.MAP_COUNT, loaded.maps.length, true);
  loaded.maps.forEach((map, i) => {
    dv.setUint32(record + PROG.MAPS + i * 4, map.offset, true);
  });
  idTableAdd(mem, dv.getUint32(HEADER.PROG_TABLE, true), id, record, record + PROG.NODE);
  for (const map of loaded.maps) map.refs++;
  const { image: bytes, verifierFacts: _, ...facts } = loaded;
  const prog: ProgObject = {
    ...facts,
    kind: 'prog',
    id,
    record,
    image,
    insnCount: bytes.length / INSN_SIZE,
    ctxEnd: contextUse(bytes).end,
    refs: 0,
  };
  core.progs.set(id, prog);
  return prog;
}

function runCount({ mem, cpus }: EngineCore, record: number): number {
  const counters = mem.dv.getUint32(record + PROG.COUNTERS, true);
  let sum = 0n;
  for (let cpu = 0; cpu < cpus; cpu++) sum += Atomics.load(mem.i64, (counters + cpu * 8) >>> 3);
  return Number(sum);
}

/** BPF_OBJ_GET_INFO_BY_FD on a program. */
export function progInfo(core: EngineCore, fd: number): ProgInfo {
  const { object: prog } = core.want('BPF_OBJ_GET_INFO_BY_FD', fd, 'prog');
  const { i64 } = core.mem;
  return {
    type: prog.type,
    id: prog.id,
    tag: prog.tag,
    name: prog.name,
    mapIds: prog.maps.map((map) => map.id),
    gplCompatible: prog.gpl,
    insnCount: prog.insnCount,
    runCount: runCount(core, prog.record),
    runTime: BigInt.asUintN(64, Atomics.load(i64, (prog.record + PROG.RUN_TIME) >>> 3)),
  };
}
