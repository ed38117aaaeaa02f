/** The live kernel for tests: bpf(2) where it may be used, else the reason in one line. */
import { openBpf, type RawBpf } from '../../src/sys/bpf.ts';

/** bpf(2), or why it cannot be used here. */
export const kernel: { readonly bpf: RawBpf; readonly reason?: undefined } | { readonly bpf?: undefined; readonly reason: string } =
  probe();

function probe(): typeof kernel {
  try {
    const bpf = openBpf();
    bpf.close(bpf.mapCreate({ type: 2, keySize: 4, valueSize: 8, maxEntries: 1 }));
    return { bpf };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
