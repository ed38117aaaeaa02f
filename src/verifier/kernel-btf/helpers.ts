/** Which helpers of a program type only some of its programs may call, by where they are attached (the types' get_func_proto, v6.18). */
import { HELPER_BY_NAME } from '../../helpers/index.ts';
import type { Verification } from '../verification.ts';
import { isSleepableHook, LSM_PREFIX } from './lsm.ts';

const TRACING = 26;
const STRUCT_OPS = 27;
const LSM = 29;
const ATTACH = { RAW_TP: 23, FENTRY: 24, FEXIT: 25, MODIFY_RETURN: 26, ITER: 28, LSM_CGROUP: 43 } as const;
const TRAMPOLINE: readonly number[] = [ATTACH.FENTRY, ATTACH.FEXIT, ATTACH.MODIFY_RETURN];

/** Whether the program may call the helper, which its type allows. */
export function helperFits(v: Verification, id: number): boolean {
  const rule = RULES.get(id);
  return rule === undefined || rule(v);
}

type Fits = (v: Verification) => boolean;

const attached = (v: Verification, ...types: readonly number[]): boolean => types.includes(v.program.expectedAttachType ?? 0);
const isTracing = (v: Verification): boolean => v.program.type === TRACING;
const iterOnly: Fits = (v) => !isTracing(v) || attached(v, ATTACH.ITER);
const trampolineOnly: Fits = (v) => !isTracing(v) || attached(v, ...TRAMPOLINE);
const hasResult: Fits = (v) => !isTracing(v) || attached(v, ATTACH.FEXIT, ATTACH.MODIFY_RETURN);
const withCookie: Fits = (v) => !isTracing(v) || attached(v, ATTACH.RAW_TP, ...TRAMPOLINE);
const sleepableHook: Fits = (v) =>
  v.program.type !== LSM || (v.sleepable && isSleepableHook(v.target?.name.slice(LSM_PREFIX.length) ?? ''));
const cgroupHook: Fits = (v) => v.program.type !== LSM || attached(v, ATTACH.LSM_CGROUP);
/** Helpers of congestion control; other operations tables have the base set. */
const congestion: Fits = (v) => v.program.type !== STRUCT_OPS || v.target?.structOps === 'tcp_congestion_ops';
const sockopt: Fits = (v) => congestion(v) && cgroupHook(v);

const RULES: ReadonlyMap<number, Fits> = new Map(
  (
    [
      ['seq_printf', iterOnly],
      ['seq_write', iterOnly],
      ['seq_printf_btf', iterOnly],
      ['get_func_arg', trampolineOnly],
      ['get_func_arg_cnt', trampolineOnly],
      ['get_func_ret', hasResult],
      ['get_attach_cookie', withCookie],
      ['ima_inode_hash', sleepableHook],
      ['ima_file_hash', sleepableHook],
      ['get_local_storage', cgroupHook],
      ['set_retval', cgroupHook],
      ['get_retval', cgroupHook],
      ['tcp_send_ack', congestion],
      ['ktime_get_coarse_ns', congestion],
      ['sk_storage_get', congestion],
      ['sk_storage_delete', congestion],
      ['setsockopt', sockopt],
      ['getsockopt', sockopt],
    ] as const
  ).flatMap(([name, fits]): [number, Fits][] => {
    const id = HELPER_BY_NAME.get(name)?.id;
    return id === undefined ? [] : [[id, fits]];
  }),
);
