/** The type graph of BTF as data: one interface per kind (uapi linux/btf.h, Documentation/bpf/btf.rst). Reading it is btf.ts's business. */

/** Kind number -> name; index 0 is void, which only type id 0 is. */
export const BTF_KINDS = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const;

/** Name of a kind. */
export type BtfKind = (typeof BTF_KINDS)[number];

interface Named {
  /** 1-based type id; 0 is void. */
  readonly id: number;
  /** Empty when anonymous. */
  readonly name: string;
}

/** Type 0. */
export interface BtfVoid extends Named {
  readonly kind: 'void';
}
/** An integer, char or bool. */
export interface BtfInt extends Named {
  readonly kind: 'int';
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
  /** Bit offset and width inside the bytes; width is size * 8 except for old-style bit fields. */
  readonly bitOffset: number;
  readonly bits: number;
}
/** `type` is the id of what it refers to, here and below. */
export interface BtfRef extends Named {
  readonly kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';
  readonly type: number;
}
/** An array; dimensions nest. */
export interface BtfArray extends Named {
  readonly kind: 'array';
  readonly type: number;
  readonly indexType: number;
  readonly count: number;
}
/** A member of a struct or union. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** From the start of the aggregate. */
  readonly bitOffset: number;
  /** 0 when the member is no bit field. */
  readonly bitSize: number;
}
/** A struct or union. */
export interface BtfComposite extends Named {
  readonly kind: 'struct' | 'union';
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}
/** An enumerator. */
export interface BtfEnumValue {
  readonly name: string;
  readonly value: bigint;
}
/** An enum of up to 32 or of 64 bits. */
export interface BtfEnum extends Named {
  readonly kind: 'enum' | 'enum64';
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumValue[];
}
/** A struct or union that is declared only. */
export interface BtfFwd extends Named {
  readonly kind: 'fwd';
  readonly of: 'struct' | 'union';
}
/** Linkage of functions and variables. */
export type BtfLinkage = 'static' | 'global' | 'extern';
/** A function. */
export interface BtfFunc extends Named {
  readonly kind: 'func';
  /** Id of the func_proto. */
  readonly type: number;
  readonly linkage: BtfLinkage;
}
/** A parameter of a prototype. */
export interface BtfParam {
  /** Empty and type 0 for `...`. */
  readonly name: string;
  readonly type: number;
}
/** A function type. */
export interface BtfFuncProto extends Named {
  readonly kind: 'func_proto';
  readonly returnType: number;
  readonly params: readonly BtfParam[];
}
/** A global variable. */
export interface BtfVar extends Named {
  readonly kind: 'var';
  readonly type: number;
  readonly linkage: BtfLinkage;
}
/** A place in a data section, bytes. */
export interface BtfSecinfo {
  /** Id of the var (or func, for externs in .ksyms). */
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}
/** A data section and its variables. */
export interface BtfDatasec extends Named {
  readonly kind: 'datasec';
  readonly size: number;
  readonly vars: readonly BtfSecinfo[];
}
/** A floating-point type; size in bytes. */
export interface BtfFloat extends Named {
  readonly kind: 'float';
  readonly size: number;
}
/** `__attribute__((btf_decl_tag("name")))` on a type, member or parameter. */
export interface BtfDeclTag extends Named {
  readonly kind: 'decl_tag';
  readonly type: number;
  /** -1 tags the type itself, else a member or parameter index. */
  readonly component: number;
}

/** Any type. */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfRef
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfFwd
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;

/** A func_info record: the instruction (index in the section, or in the linked program) where a function starts. */
export interface FuncInfo {
  readonly insn: number;
  /** BTF id of the func. */
  readonly typeId: number;
}

/** A line_info record, texts resolved. */
export interface LineInfo {
  /** Slot index in the section, or in the linked program. */
  readonly insn: number;
  readonly file: string;
  /** Source text of the line, empty when BTF has none. */
  readonly source: string;
  /** 1-based; 0 = unknown. */
  readonly line: number;
  readonly column: number;
  /** String offsets, as the record has them: what bpf(2) takes. */
  readonly fileOff: number;
  readonly sourceOff: number;
}

/** enum bpf_core_relo_kind, in order. */
export const CORE_KINDS = [
  'field_byte_offset',
  'field_byte_size',
  'field_exists',
  'field_signed',
  'field_lshift_u64',
  'field_rshift_u64',
  'type_id_local',
  'type_id_target',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const;

/** Name of a CO-RE relocation kind. */
export type CoreKind = (typeof CORE_KINDS)[number];

/** A CO-RE relocation record of .BTF.ext. */
export interface CoreRelo {
  /** Slot index in the section, or in the linked program. */
  readonly insn: number;
  /** Local BTF id of the root type. */
  readonly typeId: number;
  /** `0:1:2`. */
  readonly access: string;
  readonly kind: CoreKind;
}
