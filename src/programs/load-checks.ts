/** The checks of BPF_PROG_LOAD before the verifier, in the kernel's order (kernel/bpf/syscall.c bpf_prog_load, v6.18). Every host that loads programs makes them. */
import type { ErrnoName } from '../base/index.ts';
import { type Loader, loaderRefusal } from './capabilities.ts';
import { ATTACH_TYPE as A } from './sections.ts';

const INSN_SIZE = 8;
/** prog_flags that exist (uapi bpf.h BPF_F_*): alignment 1 2, test 4 8 0x80, sleepable 0x10, xdp frags 0x20, device-bound 0x40; tokens are none of ours. */
const PROG_FLAGS = 0xff;
/** Log level bits 1, 2, 4, 8. */
const LOG_LEVELS = 15;
/** UINT_MAX >> 2. */
const LOG_SIZE_MAX = 0x3fff_ffff;
/** Numbers of enum bpf_prog_type: 1 .. netfilter. */
const LAST_TYPE = 32;
/** Types that attach by BTF id: tracing, struct_ops, ext, lsm. */
const BTF_ATTACHED = [26, 27, 28, 29];

const CGROUP_SOCK = 9;
const SK_REUSEPORT = 21;

/** Attach types that programs of these types must be loaded for. */
const ATTACH_TYPES: Readonly<Record<number, readonly number[]>> = {
  [CGROUP_SOCK]: [A.CGROUP_INET_SOCK_CREATE, A.CGROUP_INET_SOCK_RELEASE, A.CGROUP_INET4_POST_BIND, A.CGROUP_INET6_POST_BIND],
  18: [
    A.CGROUP_INET4_BIND,
    A.CGROUP_INET6_BIND,
    A.CGROUP_INET4_CONNECT,
    A.CGROUP_INET6_CONNECT,
    A.CGROUP_UNIX_CONNECT,
    A.CGROUP_INET4_GETPEERNAME,
    A.CGROUP_INET6_GETPEERNAME,
    A.CGROUP_UNIX_GETPEERNAME,
    A.CGROUP_INET4_GETSOCKNAME,
    A.CGROUP_INET6_GETSOCKNAME,
    A.CGROUP_UNIX_GETSOCKNAME,
    A.CGROUP_UDP4_SENDMSG,
    A.CGROUP_UDP6_SENDMSG,
    A.CGROUP_UNIX_SENDMSG,
    A.CGROUP_UDP4_RECVMSG,
    A.CGROUP_UDP6_RECVMSG,
    A.CGROUP_UNIX_RECVMSG,
  ],
  8: [A.CGROUP_INET_INGRESS, A.CGROUP_INET_EGRESS],
  25: [A.CGROUP_SETSOCKOPT, A.CGROUP_GETSOCKOPT],
  30: [A.SK_LOOKUP],
  [SK_REUSEPORT]: [A.SK_REUSEPORT_SELECT, A.SK_REUSEPORT_SELECT_OR_MIGRATE],
  32: [A.NETFILTER],
  // syscall and ext have none.
  31: [0],
  28: [0],
};

/** What of BPF_PROG_LOAD is checked here. */
export interface LoadAttr {
  readonly type: number;
  readonly insns: Uint8Array;
  readonly name?: string;
  readonly flags?: number;
  readonly logLevel?: number;
  readonly logSize?: number;
  readonly expectedAttachType?: number;
  readonly attachBtfId?: number;
  /** A program whose function is replaced or traced. */
  readonly attachProgFd?: number;
}

/** A refusal before the verifier: the errno and what was expected. */
export interface LoadRefusal {
  readonly errno: ErrnoName;
  readonly message: string;
}

/** Whether a map or program name is acceptable: [A-Za-z0-9_.] and room for its NUL in 16 bytes. */
export function nameOk(name: string): boolean {
  return /^[A-Za-z0-9_.]{0,15}$/.test(name);
}

/** The attach type that a load means: older programs of two types name none (bpf_prog_load_fixup_attach_type). */
export function attachTypeOf(attr: Pick<LoadAttr, 'type' | 'expectedAttachType'>): number {
  const given = attr.expectedAttachType ?? 0;
  if (given !== 0) return given;
  return attr.type === CGROUP_SOCK ? A.CGROUP_INET_SOCK_CREATE : attr.type === SK_REUSEPORT ? A.SK_REUSEPORT_SELECT : 0;
}

/** Why the kernel refuses to look at the program, or undefined. */
export function checkProgLoad(attr: LoadAttr, loader: Loader = {}): LoadRefusal | undefined {
  const refuse = (errno: ErrnoName, message: string): LoadRefusal => ({ errno, message });
  const flags = attr.flags ?? 0;
  if ((flags & ~PROG_FLAGS) !== 0) return refuse('EINVAL', `prog_flags 0x${flags.toString(16)} are not known`);
  if (attr.insns.length % INSN_SIZE !== 0) {
    return refuse('EINVAL', `the bytecode has ${attr.insns.length} bytes, expected a multiple of ${INSN_SIZE}`);
  }
  const barred = loaderRefusal(attr.type, attr.insns.length / INSN_SIZE, loader);
  if (barred !== undefined) return barred;
  if ((attr.attachBtfId ?? 0) !== 0 && !BTF_ATTACHED.includes(attr.type)) {
    return refuse('EINVAL', `programs of type ${attr.type} are not attached by a BTF id`);
  }
  const attach = attachTypeOf(attr);
  if (ATTACH_TYPES[attr.type]?.includes(attach) === false) {
    return refuse('EINVAL', `expected_attach_type ${attach} is none of programs of type ${attr.type}`);
  }
  if (!(attr.type > 0 && attr.type <= LAST_TYPE)) return refuse('EINVAL', `program type ${attr.type} does not exist`);
  const name = attr.name ?? '';
  if (!nameOk(name)) return refuse('EINVAL', `name '${name}' is not at most 15 of A-Z a-z 0-9 _ .`);
  const { logLevel = 0, logSize = 0 } = attr;
  if ((logLevel & ~LOG_LEVELS) !== 0) return refuse('EINVAL', `log level ${logLevel} is not known`);
  if (!(logSize >= 0 && logSize <= LOG_SIZE_MAX)) return refuse('EINVAL', `a log of ${logSize} bytes, expected at most ${LOG_SIZE_MAX}`);
  if (logSize > 0 && logLevel === 0) return refuse('EINVAL', 'a log needs a level');
  return undefined;
}
