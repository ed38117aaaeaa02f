/** Whether a program may be attached where its loader says, and what that place is (check_attach_btf_id, bpf_check_attach_target, v6.18). */
import type { Btf, BtfFunc, BtfFuncProto, BtfType } from '../../btf/index.ts';
import { functionArgs } from '../calls/global-args.ts';
import type { AttachProgram } from '../environment.ts';
import { type Refusal, refuse } from '../refusal.ts';
import type { Verification } from '../verification.ts';
import { extensionMismatch } from './extension.ts';
import { ITER_PREFIX, iteratorArgs } from './iterators.ts';
import { hasTrustedArguments, hookResult, isDisabledHook, isSleepableHook, LSM_PREFIX } from './lsm.ts';
import { structOpsTarget } from './struct-ops.ts';
import type { AttachTarget } from './target.ts';
import { kindText, skipModifiers } from './walk.ts';

const TYPE = { KPROBE: 2, TRACING: 26, STRUCT_OPS: 27, EXT: 28, LSM: 29, SYSCALL: 31 } as const;
const ATTACH = { RAW_TP: 23, FENTRY: 24, FEXIT: 25, MODIFY_RETURN: 26, LSM_MAC: 27, ITER: 28, LSM_CGROUP: 43 } as const;
const FUNCTIONS: readonly number[] = [ATTACH.MODIFY_RETURN, ATTACH.LSM_MAC, ATTACH.LSM_CGROUP, ATTACH.FENTRY, ATTACH.FEXIT];
const SLEEPABLE_TRACING: readonly number[] = [ATTACH.FENTRY, ATTACH.FEXIT, ATTACH.MODIFY_RETURN, ATTACH.ITER];

/** What typedefs that stand for tracepoints begin with. */
const TRACEPOINT_PREFIX = 'btf_trace_';
/** Functions that the trampoline itself uses (btf_id_deny). */
const DENIED = [
  '___migrate_enable',
  'migrate_disable',
  'migrate_enable',
  'rcu_read_unlock_strict',
  'preempt_count_add',
  'preempt_count_sub',
  '__rcu_read_lock',
  '__rcu_read_unlock',
];
/** Functions that never return (noreturn_deny). */
const NO_RETURN = [
  '__ia32_sys_exit',
  '__ia32_sys_exit_group',
  '__kunit_abort',
  'kunit_try_catch_throw',
  '__module_put_and_kthread_exit',
  '__x64_sys_exit',
  '__x64_sys_exit_group',
  'do_exit',
  'do_group_exit',
  'kthread_complete_and_exit',
  'kthread_exit',
  'make_task_dead',
];
/**
 * Functions into which errors may be injected. The kernel lists them by address, which BTF does not tell: system calls, and what is known by name
 * (ALLOW_ERROR_INJECTION, v6.18).
 */
const ERROR_INJECTION =
  /^(__(x64|ia32|arm64)_sys_|__x64_compat_sys_|should_fail(slab|_alloc_page|_bio|_futex)$|__filemap_add_folio$|open_ctree$|bpf_testmod_test_read$)/;
/** Functions of the kernel's that are there to be modified (fmod_ret id sets); the second kind may sleep. */
const MODIFIABLE = [
  'bpf_modify_return_test',
  'bpf_modify_return_test2',
  'bpf_modify_return_test_tp',
  'bpf_fentry_test1',
  'bpf_rstat_flush',
];
const SLEEPABLE_MODIFIABLE = ['bpf_fentry_test1'];
const NOT_SLEEPABLE_INJECTION = ['__filemap_add_folio', 'should_fail_alloc_page', 'should_failslab'];
const SECURITY_PREFIX = 'security_';
/** Most parameters of a function that a trampoline can hand over (MAX_BPF_FUNC_ARGS). */
const MAX_ARGS = 12;
const MAX_STRUCT_ARG = 16;

/** The place of attachment: undefined for types that have none. */
export function attachTarget(v: Verification): AttachTarget | Refusal | undefined {
  const { type, expectedAttachType = 0 } = v.program;
  const { sleepable } = v;
  if (type === TYPE.SYSCALL) return sleepable ? undefined : refuse('EINVAL', 'Syscall programs can only be sleepable');
  if (sleepable && !maySleep(type, expectedAttachType)) {
    return refuse('EINVAL', 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable');
  }
  if (type === TYPE.STRUCT_OPS) return structOpsTarget(v);
  if (type !== TYPE.TRACING && type !== TYPE.LSM && type !== TYPE.EXT) return undefined;
  return traced(v, sleepable);
}

function maySleep(type: number, attachType: number): boolean {
  if (type === TYPE.TRACING) return SLEEPABLE_TRACING.includes(attachType);
  return type === TYPE.LSM || type === TYPE.KPROBE || type === TYPE.STRUCT_OPS;
}

const invalid = (message: string): Refusal => refuse('EINVAL', message);

function traced(v: Verification, sleepable: boolean): AttachTarget | Refusal {
  const { attach, attachProgram, type: progType, expectedAttachType = 0 } = v.program;
  if (attach === undefined || attach.typeId === 0) return invalid('Tracing programs must provide btf_id');
  const { typeId } = attach;
  const { btf } = attach;
  if (attachProgram !== undefined && attachProgram.btf === undefined) {
    return invalid('FENTRY/FEXIT program can only be attached to another program annotated with BTF');
  }
  if (typeId >= btf.count) return invalid(`attach_btf_id ${typeId} is invalid`);
  const type = btf.type(typeId);
  if (type.name === '') return invalid(`attach_btf_id ${typeId} doesn't have a name`);
  const extension = progType === TYPE.EXT;
  if (attachProgram !== undefined) {
    const refusal = programTarget(v, type.name, typeId);
    if (refusal !== undefined) return refusal;
  } else if (extension) {
    return invalid('Cannot replace kernel functions');
  }
  if (expectedAttachType === ATTACH.RAW_TP && !extension) return tracepoint(btf, typeId, type, attachProgram !== undefined);
  if (expectedAttachType === ATTACH.ITER && !extension) return iterator(v, btf, typeId, type);
  if (!extension && !FUNCTIONS.includes(expectedAttachType)) return invalid('');
  if (type.kind !== 'func') return invalid(`attach_btf_id ${typeId} is not a function`);
  return functionTarget(v, btf, type, sleepable);
}

/** Rules for attaching to a program. */
function programTarget(v: Verification, name: string, typeId: number): Refusal | undefined {
  const { attachProgram: target, type: progType } = v.program;
  if (target === undefined) return undefined;
  const functions = target.functions ?? [];
  if (!functions.some((f) => f.typeId === typeId)) return invalid(`Subprog ${name} doesn't exist`);
  if (progType === TYPE.EXT) {
    if (isUnreliable(v, target, typeId)) return invalid('Cannot replace static functions');
    if (v.subprograms[0]?.changesPacket === true && target.changesPacket !== true) {
      return invalid('Extension program changes packet data, while original does not');
    }
  }
  if (progType === TYPE.TRACING && target.type === TYPE.TRACING) {
    if (target.attachedToTracing === true) return invalid('Cannot nest tracing program attach more than once');
  } else if (target.type === progType) {
    return invalid('Cannot recursively attach');
  }
  const probes = target.expectedAttachType === ATTACH.FENTRY || target.expectedAttachType === ATTACH.FEXIT;
  if (target.type === TYPE.TRACING && progType === TYPE.EXT && probes) return invalid('Cannot extend fentry/fexit');
  return undefined;
}

/** Whether a function's prototype says nothing of what it takes: main functions without a context, static ones that it does not describe. */
function isUnreliable(v: Verification, { btf, functions = [], type }: AttachProgram, typeId: number): boolean {
  const func = btf?.type(typeId);
  if (btf === undefined || func?.kind !== 'func') return true;
  const args = functionArgs(v, { btf, func, linkage: func.linkage === 'global' ? 'global' : 'static', progType: type });
  if ('errno' in args) return true;
  return functions[0]?.typeId === typeId && !(args.length === 1 && args[0]?.kind === 'ctx');
}

function tracepoint(btf: Btf, typeId: number, type: BtfType, ofProgram: boolean): AttachTarget | Refusal {
  if (ofProgram) return invalid('Only FENTRY/FEXIT progs are attachable to another BPF prog');
  if (type.kind !== 'typedef') return invalid(`attach_btf_id ${typeId} is not a typedef`);
  if (!type.name.startsWith(TRACEPOINT_PREFIX)) return invalid(`attach_btf_id ${typeId} points to wrong type name ${type.name}`);
  const name = type.name.slice(TRACEPOINT_PREFIX.length);
  // Parameters have names in the function that runs the programs, not in the typedef.
  const runner = btf.find(`__bpf_trace_${name}`, 'func');
  const named = runner === undefined ? undefined : btf.type(runner);
  const pointer = btf.type(type.type);
  const proto = named?.kind === 'func' ? btf.type(named.type) : pointer.kind === 'ptr' ? btf.type(pointer.type) : undefined;
  if (proto?.kind !== 'func_proto') return invalid('');
  return { name, btf, proto, skipped: 1, args: [], trusted: true };
}

function iterator(v: Verification, btf: Btf, typeId: number, type: BtfType): AttachTarget | Refusal {
  if (type.kind !== 'func') return invalid(`attach_btf_id ${typeId} is not a function`);
  const proto = btf.type(type.type);
  if (proto.kind !== 'func_proto') return invalid('');
  const complaint = cannotBeCalled(btf, proto, type.name);
  if (complaint !== undefined) return invalid(complaint);
  const args = type.name.startsWith(ITER_PREFIX) ? iteratorArgs(v, type.name.slice(ITER_PREFIX.length)) : undefined;
  if (args === undefined) return invalid('');
  return { name: type.name, btf, proto, skipped: 0, args, trusted: true };
}

function functionTarget(v: Verification, btf: Btf, func: BtfFunc, sleepable: boolean): AttachTarget | Refusal {
  const { type: progType, expectedAttachType = 0, attachProgram } = v.program;
  const { name } = func;
  if (progType === TYPE.EXT) {
    const mismatch = extensionMismatch(v, btf, func);
    if (mismatch !== undefined) return invalid(mismatch);
  }
  const described = btf.type(func.type);
  if (described.kind !== 'func_proto') return invalid('');
  const proto = attachProgram !== undefined && isUnreliable(v, attachProgram, func.id) ? undefined : described;
  const complaint = proto === undefined ? undefined : cannotBeCalled(btf, proto, name);
  if (complaint !== undefined) return invalid(complaint);
  const hook = name.startsWith(LSM_PREFIX) ? name.slice(LSM_PREFIX.length) : '';
  if (sleepable && !isSleepable(progType, name, hook)) return invalid(`${name} is not sleepable`);
  if (!sleepable && expectedAttachType === ATTACH.MODIFY_RETURN) {
    if (attachProgram !== undefined) return invalid("can't modify return codes of BPF programs");
    if (!MODIFIABLE.includes(name) && !ERROR_INJECTION.test(name) && !name.startsWith(SECURITY_PREFIX))
      return invalid(`${name}() is not modifiable`);
  }
  const target = { name, btf, proto, skipped: 0, args: [] };
  if (progType === TYPE.LSM) {
    const refusal = checkHook(v, name, hook);
    if (refusal !== undefined) return refusal;
    const returns = proto?.returnType === 0 || expectedAttachType !== ATTACH.LSM_MAC ? undefined : hookResult(hook);
    return { ...target, trusted: hasTrustedArguments(hook), returns };
  }
  const ofKernel = attachProgram === undefined;
  if (ofKernel && progType === TYPE.TRACING && DENIED.includes(name)) {
    return invalid(`Attaching tracing programs to function '${name}' is rejected.`);
  }
  if (ofKernel && (expectedAttachType === ATTACH.FEXIT || expectedAttachType === ATTACH.MODIFY_RETURN) && NO_RETURN.includes(name)) {
    return invalid(`Attaching fexit/fmod_ret to __noreturn function '${name}' is rejected.`);
  }
  return { ...target, trusted: false };
}

function isSleepable(progType: number, name: string, hook: string): boolean {
  if (progType === TYPE.TRACING) {
    return SLEEPABLE_MODIFIABLE.includes(name) || (ERROR_INJECTION.test(name) && !NOT_SLEEPABLE_INJECTION.includes(name));
  }
  return progType === TYPE.LSM && isSleepableHook(hook);
}

/** bpf_lsm_verify_prog. */
function checkHook(v: Verification, name: string, hook: string): Refusal | undefined {
  if (!v.program.gplCompatible) return invalid('LSM programs must have a GPL compatible license');
  const typeId = v.program.attach?.typeId ?? 0;
  if (isDisabledHook(hook)) return invalid(`attach_btf_id ${typeId} points to disabled hook ${name}`);
  if (!isHook(v, hook)) return invalid(`attach_btf_id ${typeId} points to wrong type name ${name}`);
  return undefined;
}

/** The kernel lists its hooks in a union; other functions share their prefix. */
function isHook(v: Verification, hook: string): boolean {
  const btf = v.environment.kernelBtf;
  const id = btf?.find('security_list_options', 'union');
  const list = btf === undefined || id === undefined ? undefined : btf.type(id);
  return list?.kind === 'union' ? list.members.some((member) => member.name === hook) : hook !== '';
}

/** Why a trampoline cannot call functions of this prototype (btf_distill_func_proto). */
function cannotBeCalled(btf: Btf, proto: BtfFuncProto, name: string): string | undefined {
  const { params } = proto;
  if (params.length > MAX_ARGS) return `The function ${name} has ${params.length} arguments. Too many.`;
  const returned = skipModifiers(btf, proto.returnType).type;
  const size = sizeOfArgument(returned);
  if (size === undefined || returned.kind === 'struct' || returned.kind === 'union') {
    return `The function ${name} return type ${kindText(returned)} is unsupported.`;
  }
  for (const [i, param] of params.entries()) {
    if (i === params.length - 1 && param.type === 0) return `The function ${name} with variable args is unsupported.`;
    const { type } = skipModifiers(btf, param.type);
    const bytes = sizeOfArgument(type);
    if (bytes === undefined || bytes > MAX_STRUCT_ARG) return `The function ${name} arg${i} type ${kindText(type)} is unsupported.`;
    if (bytes === 0) return `The function ${name} has malformed void argument.`;
  }
  return undefined;
}

function sizeOfArgument(type: BtfType): number | undefined {
  if (type.kind === 'void') return 0;
  if (type.kind === 'ptr') return 8;
  const counted = type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64' || type.kind === 'struct' || type.kind === 'union';
  return counted ? type.size : undefined;
}
