/** JSON lines: one object each, control characters always escaped (JSON.stringify leaves DEL and C1 as they are). */

/** One line of JSON with its newline; bigint becomes a decimal string. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
  return `${text.replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
