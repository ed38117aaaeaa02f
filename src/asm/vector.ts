/** bpf_conformance's `.data` files: a program, the memory it gets, and the r0 or the error it must give. Running them is the engines' business. */
import { fromHex } from '../base/bytes.ts';
import { FormatError } from '../base/errors.ts';
import { assembleMnemonics } from './mnemonic.ts';

/** One test vector. The program gets r1 = address of `memory` and r2 = its size (both 0 without memory). */
export interface TestVector {
  readonly name: string;
  /** Bytecode of `-- asm`, or of `-- raw` where there is no asm. */
  readonly program: Uint8Array;
  /** Bytecode of `-- raw`. */
  readonly raw?: Uint8Array;
  readonly memory: Uint8Array;
  /** Expected r0, unsigned. */
  readonly result?: bigint;
  /** Text of the error that a runtime must give instead of a result. */
  readonly error?: string;
}

const SECTIONS = ['asm', 'raw', 'mem', 'result', 'error', 'c', 'no register offset'] as const;
type Section = (typeof SECTIONS)[number];

/**
 * Parses a `.data` file.
 * @param name what errors and test rows call it
 * @throws FormatError with file and line
 */
export function parseVector(text: string, name: string): TestVector {
  const sections = split(text, name);
  const asm = sections.get('asm');
  const raw = sections.get('raw');
  const rawBytes = raw === undefined ? undefined : parseRaw(raw, name);
  const program = asm === undefined ? rawBytes : assembleMnemonics(asm.lines.join('\n'), { file: name, line: asm.first });
  if (program === undefined) throw new FormatError("no program, expected a section '-- asm' or '-- raw'", { file: name });
  const result = sections.get('result');
  const error = sections.get('error')?.lines.join('\n').trim();
  if (result === undefined && error === undefined) {
    throw new FormatError("no expectation, expected a section '-- result' or '-- error'", { file: name });
  }
  return {
    name,
    program,
    memory: parseMemory(sections.get('mem'), name),
    ...(rawBytes === undefined ? {} : { raw: rawBytes }),
    ...(result === undefined ? {} : { result: parseResult(result, name) }),
    ...(error === undefined ? {} : { error }),
  };
}

interface SectionText {
  /** 1-based line of the first one. */
  readonly first: number;
  readonly lines: string[];
}

function split(text: string, file: string): Map<Section, SectionText> {
  const sections = new Map<Section, SectionText>();
  let current: SectionText | undefined;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.startsWith('--')) {
      const title = line.slice(2).trim();
      const name = SECTIONS.find((known) => known === title);
      if (name === undefined || sections.has(name)) {
        const problem =
          name === undefined ? `section '${title}', expected one of ${SECTIONS.join(', ')}` : `section '${title}' occurs twice`;
        throw new FormatError(problem, { file, line: i + 1 });
      }
      current = { first: i + 2, lines: [] };
      sections.set(name, current);
    } else if (current !== undefined) {
      current.lines.push(line);
    } else if (line.trim() !== '' && !line.startsWith('#')) {
      throw new FormatError(`'${line.slice(0, 24)}' before the first section, expected a comment`, { file, line: i + 1 });
    }
  }
  return sections;
}

/** 64-bit words, one or more a line. */
function parseRaw(section: SectionText, file: string): Uint8Array {
  const words = tokens(section);
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, { text, line }] of words.entries()) view.setBigUint64(i * 8, parseWord(text, file, line), true);
  return bytes;
}

function parseResult(section: SectionText, file: string): bigint {
  const [value, ...rest] = tokens(section);
  const line = value?.line ?? section.first;
  if (value === undefined || rest.length > 0) {
    throw new FormatError(`${rest.length + (value === undefined ? 0 : 1)} words in the result, expected one number`, { file, line });
  }
  return parseWord(value.text, file, line);
}

function parseMemory(section: SectionText | undefined, file: string): Uint8Array {
  if (section === undefined) return new Uint8Array();
  const bytes = tokens(section).map(({ text, line }) => {
    if (!/^[0-9a-fA-F]{2}$/.test(text)) throw new FormatError(`'${text.slice(0, 24)}' in memory, expected two hex digits`, { file, line });
    return text;
  });
  return fromHex(bytes.join(''));
}

function parseWord(text: string, file: string, line: number): bigint {
  if (!/^(0[xX][0-9a-fA-F]{1,32}|-?[0-9]{1,20})$/.test(text))
    throw new FormatError(`'${text.slice(0, 24)}', expected a number`, { file, line });
  const value = BigInt(text);
  if (value !== BigInt.asUintN(64, value) && value !== BigInt.asIntN(64, value)) {
    throw new FormatError(`${text} has more than 64 bits`, { file, line });
  }
  return BigInt.asUintN(64, value);
}

function tokens(section: SectionText): { readonly text: string; readonly line: number }[] {
  return section.lines.flatMap((content, i) => {
    const words = content.replace(/#.*$/, '').trim();
    return words === '' ? [] : words.split(/\s+/).map((text) => ({ text, line: section.first + i }));
  });
}
