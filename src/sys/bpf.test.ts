/** Raw bpf(2) against the live kernel. */
import { describe, expect, it } from 'vitest';
import { kernel } from '../../tests/support/kernel.ts';
import { assemble } from '../asm/index.ts';
import { SyscallError, VerifierError } from '../base/index.ts';

const { bpf, reason } = kernel;

if (bpf === undefined) {
  describe('bpf(2)', () => it.skip(`skipped: ${reason}`));
} else {
  describe('bpf(2)', () => {
    it('creates, updates, reads and deletes', () => {
      const fd = bpf.mapCreate({ type: 1, keySize: 4, valueSize: 8, maxEntries: 2 });
      const key = Uint8Array.of(1, 0, 0, 0);
      const value = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      expect(bpf.mapLookup(fd, key, 8)).toBeUndefined();
      bpf.mapUpdate(fd, key, value);
      expect(bpf.mapLookup(fd, key, 8)).toEqual(value);
      expect(() => bpf.mapUpdate(fd, key, value, 1)).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'BPF_MAP_UPDATE_ELEM' }));
      bpf.mapDelete(fd, key);
      expect(bpf.mapLookup(fd, key, 8)).toBeUndefined();
      bpf.close(fd);
      expect(() => bpf.mapLookup(fd, key, 8)).toThrow(SyscallError);
    });

    it('loads, runs and refuses programs', () => {
      const { fd, log } = bpf.progLoad({ type: 3, insns: assemble('w0 = 77\nexit'), logLevel: 2 });
      expect(log).toContain('0: (b4) w0 = 77');
      expect(bpf.progTestRun(fd, { data: new Uint8Array(20).fill(7) })).toEqual({ retval: 77, data: new Uint8Array(20).fill(7) });
      bpf.close(fd);
      let error: unknown;
      try {
        bpf.progLoad({ type: 3, insns: assemble('r0 = r3\nexit') });
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(VerifierError);
      expect(error).toMatchObject({
        code: 'EACCES',
        message: 'BPF_PROG_LOAD: R3 !read_ok (EACCES)',
        log: expect.stringContaining('processed 1 insns'),
      });
    });
  });
}
