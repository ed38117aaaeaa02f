/**
 * Kernel variables where their addresses are known, as on machines whose kallsyms lists data; the kernel here lists none. What the documented rules say
 * (check_pseudo_btf_id, bpf_per_cpu_ptr and bpf_this_cpu_ptr, v6.18). Needs the kernel's BTF, else one skip.
 */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { HELPER_BY_NAME } from '../../src/helpers/index.ts';
import { verify } from '../../src/verifier/index.ts';
import { vmlinux } from '../support/verifier.ts';
import { symbolCases } from './btf-cases.ts';

const TYPED: Readonly<Record<string, { readonly says?: string; readonly logs?: string }>> = {
  'per-CPU variable read directly': {
    says: 'R1 is ptr_rq access percpu memory: off=0',
    logs: 'R1=percpu_ptr_rq()',
  },
  'per-CPU variable of this CPU': { logs: 'R0=ptr_rq()' },
  'per-CPU variable of a CPU unchecked': { says: "R0 invalid mem access 'ptr_or_null_'" },
  'per-CPU variable of a CPU': { logs: 'ptr_or_null_rq' },
  'per-CPU write': { says: 'only read is supported' },
  'per-CPU in a socket filter': {},
};
const btf = vmlinux();
const percpu = btf?.find('runqueues', 'var');

describe('kernel variables with addresses', () => {
  if (btf === undefined || percpu === undefined) {
    it.skip('skipped: the kernel has no BTF of runqueues');
    return;
  }
  it.each(
    symbolCases()
      .filter((row) => Object.hasOwn(TYPED, row.name))
      .map((row) => [row.name, row] as const),
  )('%s', (name, row) => {
    const text = assemble(row.text, { helperId: (helper) => HELPER_BY_NAME.get(helper.replace(/^bpf_/, ''))?.id });
    const insns = Uint8Array.from([...row.symbol, ...text]);
    const program = { type: row.type ?? 17, insns, gplCompatible: true, flags: 0, expectedAttachType: 0 };
    const { message, log } = verify(program, {
      map: () => ({ errno: 'EBADF', message: '' }),
      logLevel: 2,
      kernelBtf: btf,
      symbol: () => 1n,
    });
    const { says = '', logs } = TYPED[name] ?? {};
    expect(message).toBe(says);
    if (logs !== undefined) expect(log).toContain(logs);
  });
});
