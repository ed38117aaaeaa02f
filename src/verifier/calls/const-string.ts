/** Strings that a helper wants at load time: in a frozen read-only map, NUL-terminated (check_reg_const_str, v6.18). */

import { formatFits } from '../../helpers/format-check.ts';
import { MAP_FLAG } from '../../maps/index.ts';
import { checkMapValue } from '../access/region.ts';
import { denied, invalid } from '../rejection.ts';
import type { Reg } from '../state/reg.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';

const ARRAY = 2;

/** The format in register `n` must suit the values whose bytes register `sizeReg` says (check_bpf_snprintf_call, v6.18). */
export function checkFormat(v: Verification, n: number, sizeReg: number): void {
  const size = knownNumber(v.reg(sizeReg));
  if (size % 8 !== 0) throw invalid('', sizeReg);
  const reg = v.reg(n);
  const off = reg.off + knownNumber(reg);
  const bytes = reg.map?.contents?.();
  if (bytes === undefined) return;
  if (!formatFits(bytes.subarray(off, bytes.indexOf(0, off)), size / 8)) throw invalid('Invalid format string', n);
}

export function checkConstString(v: Verification, n: number, reg: Reg): void {
  const { map } = reg;
  if (map === undefined || map.frozen !== true || (map.flags & MAP_FLAG.RDONLY_PROG) === 0) {
    throw denied(`R${n} does not point to a readonly map'`, n);
  }
  if (!tnumIsConst(reg)) throw denied(`R${n} is not a constant address'`, n);
  if (map.type !== ARRAY) throw denied('no direct value access support for this map type', n);
  const off = reg.off + knownNumber(reg);
  checkMapValue(v, n, reg.off, map.valueSize - off, { zero: false, by: 'helper' });
  const bytes = map.contents?.();
  if (bytes !== undefined && !bytes.subarray(off).includes(0)) throw invalid('string is not zero-terminated', n);
}
