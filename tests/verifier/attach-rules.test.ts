/**
 * Where programs may be attached and what they find there, for types that the kernel here may refuse to everyone: what the documented rules say
 * (bpf_check_attach_target and bpf_lsm.c, v6.18). Needs the kernel's BTF, else one skip.
 */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { Btf, type FuncInfo } from '../../src/btf/index.ts';
import { HELPER_BY_NAME } from '../../src/helpers/index.ts';
import { type AttachProgram, type Verdict, verify } from '../../src/verifier/index.ts';
import { type Described, describeProgram } from '../support/btf-functions.ts';
import { vmlinux } from '../support/verifier.ts';

const btf = vmlinux();
const END = 'r0 = 0\nexit';
const ATTACH = { fentry: 24, fexit: 25, fmod_ret: 26, lsm: 27, lsm_cgroup: 43 } as const;
const LSM_TYPES: readonly string[] = ['lsm', 'lsm_cgroup'];

interface Row {
  readonly name: string;
  readonly how: keyof typeof ATTACH;
  readonly to: string;
  readonly text?: string;
  readonly flags?: number;
  readonly gpl?: boolean;
  /** The end of the message; undefined: accepted. */
  readonly says?: string;
  /** A line of the log. */
  readonly logs?: string;
}

const row = (name: string, how: Row['how'], to: string, more: Partial<Row> = {}): Row => ({ name, how, to, ...more });

const ROWS: readonly Row[] = [
  row('entry', 'fentry', 'do_unlinkat'),
  row('entry argument', 'fentry', 'do_unlinkat', {
    text: `r2 = *(u64 *)(r1 + 8)\nr2 = *(u64 *)(r2 + 0)\n${END}`,
    logs: 'R2=ptr_filename()',
  }),
  row('entry number', 'fentry', 'do_unlinkat', { text: `r2 = *(u32 *)(r1 + 0)\n${END}` }),
  row('entry result', 'fentry', 'do_unlinkat', {
    text: `r2 = *(u64 *)(r1 + 16)\n${END}`,
    says: 'invalid bpf_context access off=16 size=8',
    logs: "func 'do_unlinkat' doesn't have 3-th argument",
  }),
  row('entry beyond', 'fentry', 'do_unlinkat', {
    text: `r2 = *(u64 *)(r1 + 24)\n${END}`,
    says: 'invalid bpf_context access off=24 size=8',
    logs: "func 'do_unlinkat' doesn't have 4-th argument",
  }),
  row('entry returns 1', 'fentry', 'do_unlinkat', {
    text: 'r0 = 1\nexit',
    says: 'At program exit the register R0 has smin=1 smax=1 should have been in [0, 0]',
  }),
  row('entry argument as trusted', 'fentry', 'security_file_open', { text: `r6 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r6 + 32)\n${END}` }),
  row('exit result', 'fexit', 'do_unlinkat', { text: `r2 = *(u64 *)(r1 + 16)\n${END}` }),
  row('exit knows its address', 'fexit', 'do_unlinkat', { text: `call bpf_get_func_ip\n${END}` }),
  row('exit reads the result', 'fexit', 'do_unlinkat', { text: `r2 = r10\nr2 += -8\ncall bpf_get_func_ret\n${END}` }),
  row('entry reads the result', 'fentry', 'do_unlinkat', {
    text: `r2 = r10\nr2 += -8\ncall bpf_get_func_ret\n${END}`,
    says: 'program of this type cannot use helper bpf_get_func_ret#184',
  }),
  row('function that never returns', 'fexit', 'do_exit', {
    says: "Attaching fexit/fmod_ret to __noreturn function 'do_exit' is rejected.",
  }),
  row('entry of a function that never returns', 'fentry', 'do_exit'),
  row('function of the trampoline', 'fentry', 'migrate_disable', {
    says: "Attaching tracing programs to function 'migrate_disable' is rejected.",
  }),
  row('entry asleep', 'fentry', 'do_unlinkat', { flags: 16, says: 'do_unlinkat is not sleepable' }),
  row('test function asleep', 'fentry', 'bpf_fentry_test1', { flags: 16 }),
  row('result modified', 'fmod_ret', 'security_file_open', { text: 'r0 = -1\nexit' }),
  row('result not modifiable', 'fmod_ret', 'do_unlinkat', { says: 'do_unlinkat() is not modifiable' }),
  row('result of a test function modified', 'fmod_ret', 'bpf_modify_return_test', { text: 'r0 = 7\nexit' }),
  row('path resolved', 'fentry', 'vfs_truncate', {
    text: `r1 = *(u64 *)(r1 + 0)\nr2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = 0\nr3 = 8\ncall bpf_d_path\n${END}`,
  }),
  row('path not to be resolved', 'fentry', 'do_unlinkat', {
    text: `r2 = r10\nr2 += -8\nr3 = 8\ncall bpf_d_path\n${END}`,
    says: 'helper call is not allowed in probe',
  }),
  row('hook', 'lsm', 'bpf_lsm_file_open', { text: `r2 = *(u64 *)(r1 + 0)\nr2 = *(u8 *)(r2 + 0)\n${END}`, logs: 'R2=trusted_ptr_file()' }),
  row('hook refuses', 'lsm', 'bpf_lsm_file_open', { text: 'r0 = -1\nexit' }),
  row('hook returns 1', 'lsm', 'bpf_lsm_file_open', {
    text: 'r0 = 1\nexit',
    says: 'At program exit the register R0 has smin=1 smax=1 should have been in [-4095, 0]',
  }),
  row('hook returns what it was given', 'lsm', 'bpf_lsm_file_open', { text: 'r0 = *(u64 *)(r1 + 8)\nexit' }),
  row('hook without GPL', 'lsm', 'bpf_lsm_file_open', { gpl: false, says: 'LSM programs must have a GPL compatible license' }),
  row('hook without a result', 'lsm', 'bpf_lsm_file_free_security', { text: 'exit' }),
  row('hook with untrusted arguments', 'lsm', 'bpf_lsm_file_free_security', {
    text: `r2 = *(u64 *)(r1 + 0)\n${END}`,
    logs: 'R2=ptr_file()',
  }),
  row('hook that is disabled', 'lsm', 'bpf_lsm_vm_enough_memory', { says: 'points to disabled hook bpf_lsm_vm_enough_memory' }),
  row('function that is no hook', 'lsm', 'bpf_lsm_verify_prog', { says: 'points to wrong type name bpf_lsm_verify_prog' }),
  row('function of another name', 'lsm', 'do_unlinkat', { says: 'points to wrong type name do_unlinkat' }),
  row('hook asleep', 'lsm', 'bpf_lsm_file_open', { flags: 16 }),
  row('hook that must not sleep', 'lsm', 'bpf_lsm_task_free', { flags: 16, says: 'bpf_lsm_task_free is not sleepable' }),
  row('cgroup hook', 'lsm_cgroup', 'bpf_lsm_socket_bind', { text: 'r0 = 1\nexit' }),
  row('cgroup hook returns 2', 'lsm_cgroup', 'bpf_lsm_socket_bind', {
    text: 'r0 = 2\nexit',
    says: 'At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]',
  }),
  row('cgroup hook without a result', 'lsm_cgroup', 'bpf_lsm_sk_clone_security', { says: "can't modify return value!" }),
];

function ask(kernelBtf: Btf, { how, to, text = END, flags = 0, gpl = true }: Row): Verdict {
  return verify(
    {
      type: LSM_TYPES.includes(how) ? 29 : 26,
      insns: assemble(text, { helperId: (name) => HELPER_BY_NAME.get(name.replace(/^bpf_/, ''))?.id }),
      gplCompatible: gpl,
      expectedAttachType: ATTACH[how],
      flags,
      attach: { btf: kernelBtf, typeId: kernelBtf.find(to, 'func') ?? 0 },
    },
    { map: () => ({ errno: 'EBADF', message: '' }), kernelBtf, logLevel: 2, cpus: 2 },
  );
}

/** A program that is extended, and the extension. */
interface Extension {
  readonly name: string;
  readonly theirs: Described;
  readonly mine: Described;
  readonly text?: string;
  readonly target?: Partial<AttachProgram>;
  readonly says?: string;
}

const XDP = { insn: 3, proto: 'int f(struct xdp_md *)' };
const EXTENSIONS: readonly Extension[] = [
  { name: 'same prototype', theirs: XDP, mine: { insn: 0, proto: 'int g(struct xdp_md *)' }, text: 'r0 = *(u32 *)(r1 + 0)\nr0 = 5\nexit' },
  { name: 'number', theirs: { insn: 3, proto: 'int f(int)' }, mine: { insn: 0, proto: 'int g(int)' }, text: 'r0 = r1\nexit' },
  {
    name: 'more arguments',
    theirs: XDP,
    mine: { insn: 0, proto: 'int g(struct xdp_md *, int)' },
    says: 'g() has 2 args while f() has 1 args',
  },
  {
    name: 'another result',
    theirs: XDP,
    mine: { insn: 0, proto: 'void g(struct xdp_md *)' },
    says: "Return type UNKNOWN of g() doesn't match type INT of f()",
  },
  { name: 'another argument', theirs: XDP, mine: { insn: 0, proto: 'int g(int)' }, says: 'arg0 in g() is INT while f() has PTR' },
  {
    name: 'another width',
    theirs: { insn: 3, proto: 'int f(u64)' },
    mine: { insn: 0, proto: 'int g(int)' },
    says: 'arg0 in g() has size 4 while f() has 8',
  },
  {
    name: 'another structure',
    theirs: XDP,
    mine: { insn: 0, proto: 'int g(struct __sk_buff *)' },
    says: "arg0 g(struct __sk_buff *) doesn't match f(struct xdp_md *)",
  },
  {
    name: 'not a structure',
    theirs: { insn: 3, proto: 'int f(int *)' },
    mine: { insn: 0, proto: 'int g(int *)' },
    says: 'arg0 in g() is not a pointer to context',
  },
  {
    name: 'static',
    theirs: { ...XDP, linkage: 'static' },
    mine: { insn: 0, proto: 'int g(struct xdp_md *)' },
    says: 'f() is not a global function',
  },
  {
    name: 'an extension',
    theirs: XDP,
    mine: { insn: 0, proto: 'int g(struct xdp_md *)' },
    target: { type: 28 },
    says: 'Cannot recursively attach',
  },
  {
    name: 'a tracing program',
    theirs: XDP,
    mine: { insn: 0, proto: 'int g(struct xdp_md *)' },
    target: { type: 26, expectedAttachType: 24 },
    says: 'Cannot extend fentry/fexit',
  },
];

function extend({ theirs, mine, text = END, target = {} }: Extension, kernelBtf: Btf): Verdict {
  const read = (described: readonly Described[]): { btf: Btf; functions: FuncInfo[] } => {
    const program = describeProgram(described);
    const words = new Uint32Array(program.records.slice().buffer);
    const functions = described.map((_, i) => ({ insn: words[i * 2] ?? 0, typeId: words[i * 2 + 1] ?? 0 }));
    return { btf: Btf.open(program.btf), functions };
  };
  const other = read([{ insn: 0, proto: 'int main(struct xdp_md *)' }, theirs]);
  return verify(
    {
      type: 28,
      insns: assemble(text),
      gplCompatible: true,
      ...read([mine]),
      attach: { btf: other.btf, typeId: other.functions[1]?.typeId ?? 0 },
      attachProgram: { type: 6, ...other, ...target },
    },
    { map: () => ({ errno: 'EBADF', message: '' }), kernelBtf, logLevel: 2, cpus: 2 },
  );
}

if (btf === undefined) {
  describe('attach rules', () => it.skip('skipped: the kernel has no BTF'));
} else {
  describe('functions and hooks', () => {
    it.each(ROWS.filter((r) => btf.find(r.to, 'func') !== undefined).map((r) => [r.name, r] as const))('%s', (_, r) => {
      const { verdict, message, log } = ask(btf, r);
      expect({ verdict, message }).toEqual({
        verdict: r.says === undefined ? 'accepted' : 'rejected',
        message: r.says === undefined ? '' : expect.stringContaining(r.says),
      });
      if (r.logs !== undefined) expect(log).toContain(r.logs);
    });
  });
  describe('extensions', () => {
    it.each(EXTENSIONS.map((e) => [e.name, e] as const))('%s', (_, e) => {
      const { verdict, message } = extend(e, btf);
      expect({ verdict, message }).toEqual({ verdict: e.says === undefined ? 'accepted' : 'rejected', message: e.says ?? '' });
    });
  });
}
