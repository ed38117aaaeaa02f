/** Records that programs send: their types, reading them, and one stream of them and of trace lines. */
export { RecordEvent, RecordLoss } from './record.ts';
export { type RecordType, readRecordTypes, recordType, streamKind } from './record-type.ts';
export { type RecordStream, RecordStreams, type RecordTotals, type SessionEvent } from './streams.ts';
