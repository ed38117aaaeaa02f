/** Records as lines of columns: one heading for each map, numbers to the right, text to the left. */
import { toHex } from '../base/index.ts';
import { type BtfValue, quoteText, valueText } from '../btf/index.ts';
import type { RecordEvent, RecordStream } from '../tools/records/index.ts';

/** Least widths of columns: of text, and of numbers by their bits. */
const TEXT_WIDTH = 16;
const NUMBER_WIDTH: Readonly<Record<number, number>> = { 8: 4, 16: 6, 32: 8, 64: 14 };
/** Columns of a record; what nests deeper or wider is printed as C prints it. */
const MAX_COLUMNS = 64;
/** Bytes of a record without a type that a line shows. */
const MAX_HEX = 256;

interface Column {
  readonly name: string;
  readonly width: number;
  readonly right: boolean;
}

/** Prints the records of a session's maps. */
export class Columns {
  /** Several maps stream: lines say which. */
  readonly #mapWidth: number;
  readonly #headings = new Map<string, string>();

  constructor(streams: readonly RecordStream[]) {
    this.#mapWidth = streams.length > 1 ? Math.max(3, ...streams.map((s) => s.map.length)) : 0;
  }

  /** The record's line, after a heading where its columns are new. */
  *lines(record: RecordEvent): Generator<string> {
    const { value, rest } = record;
    if (value === undefined) {
      yield this.#line(record.map, `${record.data.length} bytes  ${shortHex(record.data)}`);
      return;
    }
    const cells = flatten(value, record.type?.name ?? 'value');
    const columns = cells.map(([name, v]) => column(name, v));
    const heading = columns.map((c, i) => pad(c.name.toUpperCase(), c, i === columns.length - 1)).join(' ');
    if (this.#headings.get(record.map) !== heading) {
      this.#headings.set(record.map, heading);
      yield this.#line('MAP', heading);
    }
    const line = cells.map(([, v], i) => pad(cellText(v), columns[i], i === cells.length - 1)).join(' ');
    yield this.#line(record.map, rest.length === 0 ? line : `${line} +${rest.length} bytes ${shortHex(rest)}`);
  }

  #line(map: string, text: string): string {
    return this.#mapWidth === 0 ? text : `${map.padEnd(this.#mapWidth)} ${text}`;
  }
}

/** Members in order, those of nested structs under `outer.inner`. */
function flatten(value: BtfValue, name: string): [name: string, value: BtfValue][] {
  if (value.kind !== 'struct' || value.fields.length === 0) return [[name, value]];
  const out: [string, BtfValue][] = [];
  const walk = (fields: readonly (readonly [string, BtfValue])[], prefix: string): void => {
    for (const [field, v] of fields) {
      if (v.kind === 'struct' && v.fields.length > 0 && out.length < MAX_COLUMNS) walk(v.fields, `${prefix}${field}.`);
      else out.push([`${prefix}${field}`, v]);
    }
  };
  walk(value.fields, '');
  return out;
}

/** By type, not by value: every line of a map has the same columns. */
function column(name: string, value: BtfValue): Column {
  switch (value.kind) {
    case 'int':
      return { name, width: Math.max(name.length, NUMBER_WIDTH[value.bits] ?? TEXT_WIDTH), right: true };
    case 'pointer':
      return { name, width: Math.max(name.length, 18), right: true };
    case 'char':
    case 'bool':
      return { name, width: Math.max(name.length, 5), right: false };
    default:
      return { name, width: Math.max(name.length, TEXT_WIDTH), right: false };
  }
}

/** Text without its quotes; control bytes and what is no UTF-8 stay escaped, so that a record is always one line. */
function cellText(value: BtfValue): string {
  if (value.kind !== 'text') return valueText(value);
  return value.bytes.length === 0 ? '""' : quoteText(value.bytes).slice(1, -1);
}

function pad(text: string, column: Column | undefined, last: boolean): string {
  if (column === undefined) return text;
  if (column.right) return text.padStart(column.width);
  return last ? text : text.padEnd(column.width);
}

function shortHex(bytes: Uint8Array): string {
  return `0x${toHex(bytes.subarray(0, MAX_HEX), '')}${bytes.length > MAX_HEX ? '...' : ''}`;
}
