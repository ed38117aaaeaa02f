/** Program types that see packets, and which of them may write (may_access_direct_pkt_data, v6.18). */
import type { Verification } from '../verification.ts';

const READ = [10, 11, 19, 21, 22, 8];
const WRITE = [3, 4, 6, 12, 14, 16, 25];

export function mayWritePackets(v: Verification): boolean {
  return WRITE.includes(v.program.type);
}

/** Whether helpers may be handed packet memory for reading. */
export function mayReadPackets(v: Verification): boolean {
  return READ.includes(v.program.type) || WRITE.includes(v.program.type);
}
