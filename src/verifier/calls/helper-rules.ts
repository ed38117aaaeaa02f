/**
 * Where programs of one type differ in what helpers they may call and with which arguments: by attach type, hook and operations table
 * (the types' get_func_proto, and the helpers' allowed; v6.18).
 */
import { arg } from '../../helpers/row.ts';
import type { HelperArg, HelperProto } from '../../helpers/types.ts';
import { isSleepableHook, LSM_PREFIX } from '../kernel-btf/lsm.ts';
import type { Verification } from '../verification.ts';

const TYPE = {
  KPROBE: 2,
  PERF_EVENT: 7,
  CGROUP_DEVICE: 15,
  SOCK_ADDR: 18,
  SK_REUSEPORT: 21,
  SYSCTL: 23,
  SOCKOPT: 25,
  TRACING: 26,
  OPS: 27,
  LSM: 29,
  SK_LOOKUP: 30,
  SYSCALL: 31,
} as const;
const ATTACH = {
  CONNECT4: 10,
  CONNECT6: 11,
  SETSOCKOPT: 22,
  RAW_TP: 23,
  FENTRY: 24,
  FEXIT: 25,
  MODIFY_RETURN: 26,
  ITER: 28,
  LSM_CGROUP: 43,
} as const;
/** Kprobes and uprobes that are attached to many places at once, sessions included. */
const MULTI: readonly number[] = [42, 56, 48, 57];
const TRAMPOLINE: readonly number[] = [ATTACH.FENTRY, ATTACH.FEXIT, ATTACH.MODIFY_RETURN];
/** Attach types of cgroup programs whose return value is not theirs to see: ingress, egress, sock_ops, recvmsg, getpeername, getsockname. */
const WITHOUT_RETVAL: readonly number[] = [0, 1, 3, 19, 20, 51, 29, 30, 52, 31, 32, 53];
const CGROUP_TYPES: readonly number[] = [9, TYPE.CGROUP_DEVICE, TYPE.SOCK_ADDR, TYPE.SYSCTL, TYPE.SOCKOPT];
/** Types whose helpers take kernel structures where those of networking take contexts and sockets. */
const TYPED: readonly number[] = [TYPE.TRACING, TYPE.LSM, TYPE.SYSCALL];
/** Iterators over sockets that are locked while a program runs. */
const LOCKED_SOCKETS: readonly string[] = ['bpf_iter_tcp', 'bpf_iter_unix'];

type Fits = (v: Verification) => boolean;

const attached = (v: Verification, ...types: readonly number[]): boolean => types.includes(v.program.expectedAttachType ?? 0);
const isTracing = (v: Verification): boolean => v.program.type === TYPE.TRACING;
const hookOf = (v: Verification): string => v.target?.name.slice(LSM_PREFIX.length) ?? '';

const iterOnly: Fits = (v) => !isTracing(v) || attached(v, ATTACH.ITER);
const trampolineOnly: Fits = (v) => !isTracing(v) || attached(v, ...TRAMPOLINE);
const hasResult: Fits = (v) => !isTracing(v) || attached(v, ATTACH.FEXIT, ATTACH.MODIFY_RETURN);
const withCookie: Fits = (v) => !isTracing(v) || attached(v, ATTACH.RAW_TP, ...TRAMPOLINE);
const sleepableOnly: Fits = (v) => v.program.type !== TYPE.LSM || v.sleepable;
const cgroupHook: Fits = (v) => v.program.type !== TYPE.LSM || attached(v, ATTACH.LSM_CGROUP);
const retval: Fits = (v) => cgroupHook(v) && !(CGROUP_TYPES.includes(v.program.type) && attached(v, ...WITHOUT_RETVAL));
const connects: Fits = (v) => v.program.type !== TYPE.SOCK_ADDR || attached(v, ATTACH.CONNECT4, ATTACH.CONNECT6);
const congestion: Fits = (v) => v.program.type !== TYPE.OPS || v.target?.structOps === 'tcp_congestion_ops';

/** Hooks at which the socket may be changed: it is locked, or nobody else has it yet. */
const SOCKOPT_HOOKS = [
  'socket_sock_rcv_skb',
  'sock_graft',
  'inet_csk_clone',
  'inet_conn_established',
  'socket_post_create',
  'socket_socketpair',
];

const sockopt: Fits = (v) => {
  switch (v.program.type) {
    case TYPE.SOCKOPT:
      return attached(v, ATTACH.SETSOCKOPT);
    case TYPE.LSM:
      return attached(v, ATTACH.LSM_CGROUP) && SOCKOPT_HOOKS.includes(hookOf(v));
    case TYPE.OPS:
      // What is released is not changed any more.
      return congestion(v) && v.target?.name !== 'release';
    default:
      return true;
  }
};

const FITS: Readonly<Record<string, Fits>> = {
  seq_printf: iterOnly,
  seq_write: iterOnly,
  seq_printf_btf: iterOnly,
  get_func_arg: trampolineOnly,
  get_func_arg_cnt: trampolineOnly,
  get_func_ret: hasResult,
  get_attach_cookie: withCookie,
  ima_inode_hash: sleepableOnly,
  ima_file_hash: sleepableOnly,
  get_local_storage: cgroupHook,
  set_retval: retval,
  get_retval: retval,
  bind: connects,
  tcp_send_ack: congestion,
  ktime_get_coarse_ns: (v) => v.program.type !== TYPE.OPS || v.target?.structOps !== 'bpf_dummy_ops',
  perf_event_output: (v) => v.program.type !== TYPE.OPS,
  sk_storage_get: congestion,
  sk_storage_delete: congestion,
  setsockopt: sockopt,
  getsockopt: sockopt,
};

/** Whether the program's type, as it is attached, has the helper. */
export function helperFits(v: Verification, proto: HelperProto): boolean {
  const { name } = proto;
  if (isTracing(v) && (name === 'setsockopt' || name === 'getsockopt')) {
    return attached(v, ATTACH.ITER) && LOCKED_SOCKETS.includes(v.target?.name ?? '');
  }
  if (!v.allowed(proto.id)) return false;
  if (v.program.type === TYPE.OPS && v.target?.structOps === 'bpf_dummy_ops') return false;
  return FITS[name]?.(v) ?? true;
}

/** Functions in which paths may be resolved (btf_allowlist_d_path). */
const PATH_FUNCTIONS = [
  'security_file_permission',
  'security_inode_getattr',
  'security_file_open',
  'security_path_truncate',
  'vfs_truncate',
  'vfs_fallocate',
  'dentry_open',
  'vfs_getattr',
  'filp_close',
];

const ALLOWED: Readonly<Record<string, Fits>> = {
  d_path: (v) => {
    if (isTracing(v) && attached(v, ATTACH.ITER)) return true;
    return v.program.type === TYPE.LSM ? isSleepableHook(hookOf(v)) : PATH_FUNCTIONS.includes(v.target?.name ?? '');
  },
  ima_inode_hash: (v) => isSleepableHook(hookOf(v)),
  ima_file_hash: (v) => isSleepableHook(hookOf(v)),
  sk_storage_get: (v) => storageAllowed(v),
  sk_storage_delete: (v) => storageAllowed(v),
};

/** Socket storage must not be used where it is being used. */
function storageAllowed(v: Verification): boolean {
  if (v.program.type === TYPE.SYSCALL) return false;
  if (!isTracing(v) || attached(v, ATTACH.ITER, ATTACH.RAW_TP)) return true;
  return attached(v, ATTACH.FENTRY, ATTACH.FEXIT) && v.target?.name.startsWith('bpf_sk_storage') === false;
}

/** Whether the helper may be called at the place of attachment. */
export function helperAllowed(v: Verification, proto: HelperProto): boolean {
  return ALLOWED[proto.name]?.(v) ?? true;
}

/** A helper's prototype as the program's type has it. */
export function helperVariant(v: Verification, proto: HelperProto): HelperProto {
  const { type } = v.program;
  const typed = TYPED.includes(type);
  switch (proto.name) {
    case 'get_stackid':
      return type === TYPE.PERF_EVENT ? free(proto) : proto;
    case 'get_func_ip':
      return type === TYPE.KPROBE && attached(v, ...MULTI) ? free(proto) : proto;
    case 'get_socket_cookie':
      return typed || type === TYPE.SK_REUSEPORT ? withArg(proto, 0, arg('void *', 'sk', 'sock_common')) : proto;
    case 'xdp_get_buff_len':
      return typed ? withArg(proto, 0, arg('void *', 'xdp', 'btf_id', { btf: 'xdp_buff' })) : proto;
    case 'setsockopt':
    case 'getsockopt':
      return typed || type === TYPE.OPS || type === TYPE.SOCKOPT ? withArg(proto, 0, arg('void *', 'sk', 'sock_common')) : proto;
    case 'sk_storage_get':
    case 'sk_storage_delete':
      return type === TYPE.TRACING || type === TYPE.SYSCALL
        ? withArg(proto, 1, arg('void *', 'sk', 'btf_id_or_null', { btf: 'sock_common' }))
        : proto;
    case 'sk_assign':
      return type === TYPE.SK_LOOKUP ? withArg(proto, 1, arg('struct bpf_sock *', 'sk', 'socket_or_null')) : proto;
    default:
      return proto;
  }
}

const variants = new WeakMap<HelperProto, Map<string, HelperProto>>();

/** The prototype without the restriction to GPL programs. */
function free(proto: HelperProto): HelperProto {
  return proto.gplOnly ? variant(proto, 'free', () => ({ ...proto, gplOnly: false })) : proto;
}

function withArg(proto: HelperProto, at: number, changed: HelperArg): HelperProto {
  return variant(proto, `${at} ${changed.kind}`, () => ({ ...proto, args: proto.args.map((a, i) => (i === at ? changed : a)) }));
}

/** A variant, the same object each time. */
function variant(proto: HelperProto, key: string, make: () => HelperProto): HelperProto {
  const known = variants.get(proto) ?? new Map<string, HelperProto>();
  variants.set(proto, known);
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}
