/** Where the parts of a perf event and of its ring stand in the engine's memory, for those who open events and for the kernels in runtime/ that write records. */

/** Descriptor of an event: u32 unless stated. */
export const EVENT = {
  TYPE: 0,
  /** i32 lock word of the ring. */
  LOCK: 4,
  CONFIG: 8,
  /** i32, -1: any. */
  CPU: 16,
  /** i32 thread id, -1: any. */
  PID: 20,
  /** u64. */
  SAMPLE_TYPE: 24,
  /** Non-zero while enabled. */
  ENABLED: 32,
  /** Offset of the metadata page, bytes of the data area; 0 until mapped. */
  RING: 36,
  DATA_SIZE: 40,
  /** wakeup_events, and the watermark in bytes of the ring. */
  WAKEUP_EVENTS: 44,
  WATERMARK: 48,
  /** Samples since the last wake-up by count. */
  SAMPLES: 52,
  /** u64: id, records lost since the last that fitted, head at which the watermark fired last, wake-ups. */
  EVENT_ID: 56,
  LOST: 64,
  MARK: 72,
  WAKEUPS: 80,
  /** u64 nanoseconds: when it was last enabled, and the total before that. */
  ENABLED_AT: 88,
  ENABLED_TOTAL: 96,
  /** u64 wakeup_watermark as asked. */
  ASKED_WATERMARK: 104,
  SIZE: 128,
} as const;

/** Offsets in the metadata page (uapi perf_event.h struct perf_event_mmap_page). */
export const PERF_PAGE = { SIZE: 4096, DATA_HEAD: 1024, DATA_TAIL: 1032, DATA_OFFSET: 1040, DATA_SIZE: 1048 } as const;

/** perf_type_id (uapi perf_event.h). */
export const PERF_TYPE_SOFTWARE = 1;
/** perf_sw_ids (uapi perf_event.h). */
export const PERF_SW = { CPU_CLOCK: 0, TASK_CLOCK: 1, DUMMY: 9, BPF_OUTPUT: 10, MAX: 12 } as const;

/** perf_event_sample_format bits that records can carry. */
export const SAMPLE = {
  IP: 0x1,
  TID: 0x2,
  TIME: 0x4,
  ADDR: 0x8,
  READ: 0x10,
  CALLCHAIN: 0x20,
  ID: 0x40,
  CPU: 0x80,
  PERIOD: 0x100,
  STREAM_ID: 0x200,
  RAW: 0x400,
  IDENTIFIER: 0x10000,
} as const;
