/** The run area: a thread's bytes of engine memory that compiled programs use besides their data. The host allocates one a thread, zeroed. */

/** Bytes of a stack frame (MAX_BPF_STACK, include/linux/filter.h), and from one frame to the next. */
export const FRAME_SIZE = 512;
export const FRAME_STRIDE = FRAME_SIZE + 64;
/** Frames: enough for 33 tail calls from subprograms. */
export const FRAMES = 64;

/** Places of env.table, a power of two: programs whose numbers are this far apart take turns. */
export const PLACES = 1024;

/** Offsets from the area's start, u32 unless stated. */
export const RUN_AREA = {
  /** Tail calls made in this run. */
  TAIL_CALLS: 0,
  /** Of a repeat: runs that had not begun when the last one did. */
  RUNS_LEFT: 4,
  /** u64: r0 of the last run, and of helpers whose result is a `cell`. */
  RESULT: 8,
  /** Offset of the running function's frame when it called a helper that calls back; a callback's frame is FRAME_STRIDE below. */
  FRAME: 16,
  /** First value of r2. */
  R2: 20,
  /** i32: loops and calls that the run may still make (JitOptions.budget). Every run begins with FULL_BUDGET, which the host sets. */
  BUDGET: 24,
  FULL_BUDGET: 124,
  /** Number of the program that runs; checked code keeps it. */
  PROGRAM: 28,
  /** Kind of the last fault (FAULT), 0 for none; the host clears it. Then where: the program's number (its index in the module if it has none) and slot. */
  FAULT: 32,
  FAULT_PROGRAM: 36,
  FAULT_INSN: 40,
  /** Of an `access` fault: u64 address; bytes, plus 16 for a write. */
  FAULT_SIZE: 44,
  FAULT_ADDRESS: 48,
  /** Number of the CPU that the run holds. */
  CPU: 56,
  /** FACT bits of what is filled in below. The host clears them before a run. */
  FACTS: 60,
  /** u64 each: answers of get_current_pid_tgid, get_current_uid_gid (FACT.UID_GID). */
  PID_TGID: 64,
  UID_GID: 72,
  /** 16 bytes, padded with zeros (FACT.COMM). */
  COMM: 80,
  /** u64 each: answers of get_attach_cookie, get_func_ip, get_current_task. */
  COOKIE: 96,
  FUNC_IP: 104,
  TASK: 112,
  /** Offset of the CPU's record. */
  CPU_RECORD: 120,
  /** For `hold`: offset of the CPUs' records, what the thread's locks hold, and the HEADER.PROG_GENERATION at which its programs were known to exist. */
  CPU_TABLE: 128,
  OWNER: 132,
  GENERATION: 136,
  /** Lowest byte of the last frame that there is room for. */
  LAST_FRAME: 192,
  /** Lowest byte of the first frame; frame k is FRAME_STRIDE * k below. Aligned to 64. */
  FIRST_FRAME: 192 + FRAME_STRIDE * (FRAMES - 1),
  /** u32 each: numbers of the programs that stand at the places of env.table, 0 for none. Program n has the place n % PLACES. The host keeps them. */
  PLACES: 192 + FRAME_STRIDE * FRAMES,
  /** Bytes of the area, which must be aligned to 64. */
  SIZE: 192 + FRAME_STRIDE * FRAMES + 4 * PLACES,
} as const;

/** Kinds of faults, as in the interpreter. */
export const FAULT = { access: 1, insn: 2, helper: 3, call: 4, budget: 5 } as const;
export type FaultKind = keyof typeof FAULT;

/** What `hold` answers: the run came to its end; the CPU is not free; the host has to look first (programs are gone, run times are measured). */
export const HOLD = { done: 0, busy: 1, look: 2 } as const;

/** Facts of the task that are looked up when a run asks for them: env.task(fact) fills them in. */
export const FACT = { UID_GID: 1, COMM: 2 } as const;
