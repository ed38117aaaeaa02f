/** Instruction -> text, as llvm-objdump (`llvm`) or the kernel's verifier log and `bpftool prog dump xlated` (`kernel`) print it. */
import { type Instruction, type Operand, PSEUDO, type Width } from '../isa/index.ts';
import { ALU_SYMBOL, ATOMIC_SYMBOL, JMP_SYMBOL, typeName } from './symbols.ts';

/** How to print. */
export interface FormatOptions {
  /**
   * `llvm` (default): `llvm-objdump -d --no-print-imm-hex --mcpu=v4`; assemble() gives the same bytes back.
   * `kernel`: kernel/bpf/disasm.c (v6.18); not every 64-bit constant or kfunc call can be read back.
   */
  readonly style?: 'llvm' | 'kernel';
  /** Helper's name by id, `bpf_trace_printk`; gives `call bpf_trace_printk#6`. */
  readonly helperName?: (id: number) => string | undefined;
  /** Kernel function's name by BTF id. */
  readonly kfuncName?: (btfId: number) => string | undefined;
}

/** One instruction as text, without its slot index. */
export function formatInsn(insn: Instruction, options: FormatOptions = {}): string {
  const kernel = options.style === 'kernel';
  switch (insn.kind) {
    case 'alu':
      return formatAlu(insn);
    case 'neg':
      return `${reg(insn.dst, insn.width)} = -${reg(insn.dst, insn.width)}`;
    case 'end':
      return `r${insn.dst} = ${insn.op}${insn.bits} r${insn.dst}`;
    case 'addr_space_cast':
      return `r${insn.dst} = addr_space_cast(r${insn.src}, ${insn.imm >>> 16}, ${insn.imm & 0xffff})`;
    case 'jmp': {
      const { op, width, dst, src } = insn;
      const right = kernel && 'imm' in src ? hex(src.imm) : operand(src, width);
      return `if ${reg(dst, width)} ${JMP_SYMBOL[op]} ${right} goto ${target(insn.off, kernel)}`;
    }
    case 'ja':
      return `${insn.wide ? 'gotol' : 'goto'} ${target(insn.off, kernel)}`;
    case 'may_goto':
      return `may_goto ${target(insn.off, kernel)}`;
    case 'call':
      return formatCall(insn, options);
    case 'callx':
      return `callx r${insn.reg}`;
    case 'exit':
      return 'exit';
    case 'ld_imm64':
      return `r${insn.dst} = ${formatImm64(insn, kernel)}`;
    case 'ld_abs':
      return `r0 = *(${typeName(insn.size)} *)skb[${insn.imm}]`;
    case 'ld_ind':
      return `r0 = *(${typeName(insn.size)} *)skb[r${insn.src}${insn.imm === 0 && !kernel ? '' : ` + ${insn.imm}`}]`;
    case 'ldx':
      return `${value(insn.dst, insn.signed ? 8 : insn.size, kernel)} = *(${typeName(insn.size, insn.signed)} *)${address(insn.src, insn.off, kernel)}`;
    case 'st':
      return `*(${typeName(insn.size)} *)${address(insn.dst, insn.off, kernel)} = ${insn.imm}`;
    case 'stx':
      return `*(${typeName(insn.size)} *)${address(insn.dst, insn.off, kernel)} = ${value(insn.src, insn.size, kernel)}`;
    case 'atomic':
      return formatAtomic(insn, kernel);
  }
}

function formatAlu({ op, width, dst, src }: Extract<Instruction, { kind: 'alu' }>): string {
  const left = reg(dst, width);
  const right = operand(src, width);
  switch (op) {
    case 'mov':
      return `${left} = ${right}`;
    case 'movsx8':
    case 'movsx16':
    case 'movsx32':
      return `${left} = (s${op.slice('movsx'.length)})${right}`;
    default:
      return `${left} ${ALU_SYMBOL[op]} ${right}`;
  }
}

function formatCall({ target: kind, imm, off }: Extract<Instruction, { kind: 'call' }>, options: FormatOptions): string {
  const kernel = options.style === 'kernel';
  switch (kind) {
    case 'local':
      return `call pc${signed(imm)}`;
    case 'helper': {
      const name = options.helperName?.(imm) ?? (kernel ? 'unknown' : undefined);
      return name === undefined ? `call ${imm}` : `call ${name}#${imm}`;
    }
    case 'kfunc': {
      const name = options.kfuncName?.(imm);
      if (kernel) return `call ${name ?? 'kernel-function'}#${imm}`;
      return `call kfunc ${name === undefined ? '' : `${name}#`}${imm}${off === 0 ? '' : `, ${off}`}`;
    }
  }
}

/** The second word says what the first means: what bpftool prints where it knows, else the constant and the number of its pseudo kind. */
function formatImm64({ pseudo, imm }: Extract<Instruction, { kind: 'ld_imm64' }>, kernel: boolean): string {
  const low = Number(imm & 0xffffffffn);
  const high = Number(imm >> 32n);
  if (!kernel && high === 0) {
    if (pseudo === PSEUDO.MAP_FD) return `map[fd:${low}]`;
    if (pseudo === PSEUDO.MAP_IDX) return `map[idx:${low}]`;
    if (pseudo === PSEUDO.FUNC) return `subprog[${signed(low | 0)}]`;
  }
  if (!kernel && pseudo === PSEUDO.MAP_VALUE) return `map[fd:${low}][0]+${high}`;
  if (!kernel && pseudo === PSEUDO.MAP_IDX_VALUE) return `map[idx:${low}][0]+${high}`;
  const constant = `0x${imm.toString(16)}`;
  if (kernel) return constant;
  return pseudo === PSEUDO.NONE ? `${constant} ll` : `${constant} ll pseudo ${pseudo}`;
}

function formatAtomic(insn: Extract<Instruction, { kind: 'atomic' }>, kernel: boolean): string {
  const { op, size, fetch } = insn;
  const src = value(insn.src, size, kernel);
  const pointer = `(${typeName(size)} *)${address(insn.dst, insn.off, kernel)}`;
  switch (op) {
    case 'load_acquire':
      return `${value(insn.dst, size, kernel)} = load_acquire((${typeName(size)} *)${address(insn.src, insn.off, kernel)})`;
    case 'store_release':
      return `store_release(${pointer}, ${src})`;
    case 'xchg':
      if (kernel) return `${src} = atomic${size === 8 ? '64' : ''}_xchg(${pointer}, ${src})`;
      return `${src} = ${size === 8 ? 'xchg_64' : 'xchg32_32'}${arguments_(insn.dst, insn.off, src)}`;
    case 'cmpxchg': {
      const r0 = value(0, size, kernel);
      if (kernel) return `${r0} = atomic${size === 8 ? '64' : ''}_cmpxchg(${pointer}, ${r0}, ${src})`;
      return `${r0} = ${size === 8 ? 'cmpxchg_64' : 'cmpxchg32_32'}${arguments_(insn.dst, insn.off, `${r0}, ${src}`)}`;
    }
    default:
      if (!fetch) return `lock *${pointer} ${ATOMIC_SYMBOL[op]} ${src}`;
      return `${src} = atomic${kernel && size === 8 ? '64' : ''}_fetch_${op}(${pointer}, ${src})`;
  }
}

function arguments_(base: number, off: number, rest: string): string {
  return `${address(base, off, false).slice(0, -1)}, ${rest})`;
}

function reg(n: number, width: Width): string {
  return `${width === 32 ? 'w' : 'r'}${n}`;
}

/** A register that memory is loaded into or stored from: LLVM names the 32-bit half below 64 bits, the kernel never does. */
function value(n: number, size: number, kernel: boolean): string {
  return reg(n, kernel || size === 8 ? 64 : 32);
}

function operand(src: Operand, width: Width): string {
  return 'reg' in src ? reg(src.reg, width) : String(src.imm);
}

function address(base: number, off: number, kernel: boolean): string {
  return kernel ? `(r${base} ${signed(off)})` : `(r${base} ${off < 0 ? '-' : '+'} ${Math.abs(off)})`;
}

function target(off: number, kernel: boolean): string {
  return `${kernel ? 'pc' : ''}${signed(off)}`;
}

function signed(n: number): string {
  return n < 0 ? String(n) : `+${n}`;
}

function hex(imm: number): string {
  return `0x${(imm >>> 0).toString(16)}`;
}
