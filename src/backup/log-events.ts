import { BackupError } from './backup.errors';

/**
 * As much of the binary log's format (version 4) as tells whole events and whole transactions apart. A file is 4 bytes and then
 * events, each with a header of 19: time (seconds), type, server, length, end, flags. Nothing here does I/O.
 */
const MAGIC = Buffer.from('fe62696e', 'hex');
const HEADER_BYTES = 19;
const TYPE_OFFSET = 4;
const LENGTH_OFFSET = 9;
/** An event is never longer than max_allowed_packet and its header. */
const EVENT_BYTES_END = 1_073_741_824 + 65_536;
const FORMAT_DESCRIPTION = 15;
/** Events that begin a transaction: MariaDB's GTID; MySQL's GTID, anonymous GTID and tagged GTID. */
const BEGINS: ReadonlySet<number> = new Set([162, 33, 34, 42]);

/** What a walk through a log file has found. */
export interface LogWalk {
  /** Where the last whole event ends: what follows was cut off on its way. */
  readonly wholeEnd: number;
  /** Where the first transaction begins that is not wanted any more; undefined when all of them are. */
  readonly unwantedStart: number | undefined;
  /** Unix seconds of the first and the last wanted transaction; undefined when there is none. */
  readonly firstSeconds: number | undefined;
  readonly lastSeconds: number | undefined;
  /** Whether an event begins at the position that the walk is from, or the file ends there: otherwise it is of another file. */
  readonly hasStart: boolean;
}

/** A walk through a file whose bytes come in parts. */
export interface LogWalker extends LogWalk {
  push(part: Buffer): void;
}

/**
 * Begins a walk for the transactions from a position on. `untilSeconds`: only those that were committed before are wanted.
 */
export function walkLog(file: string, from = 0, untilSeconds = Number.POSITIVE_INFINITY): LogWalker {
  let carry: Buffer = Buffer.alloc(0);
  /** Offset in the file of the first byte of `carry`. */
  let offset = 0;
  let next = 0;
  let isEvent = false;
  const found = {
    wholeEnd: 0,
    unwantedStart: undefined as number | undefined,
    firstSeconds: undefined as number | undefined,
    lastSeconds: undefined as number | undefined,
  };

  const readMagic = (bytes: Buffer): void => {
    if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new BackupError(`${file} is no binary log`);
    next = MAGIC.length;
    found.wholeEnd = next;
  };
  const readHeader = (bytes: Buffer, start: number): void => {
    const seconds = bytes.readUInt32LE(start - offset);
    const type = bytes.readUInt8(start - offset + TYPE_OFFSET);
    const length = bytes.readUInt32LE(start - offset + LENGTH_OFFSET);
    const isFirst = start === MAGIC.length;
    if (length < HEADER_BYTES || length > EVENT_BYTES_END || isFirst !== (type === FORMAT_DESCRIPTION)) {
      throw new BackupError(`${file} is no binary log at ${start}`);
    }
    next = start + length;
    if (start === from) isEvent = true;
    if (start < from || !BEGINS.has(type) || found.unwantedStart !== undefined) return;
    if (seconds >= untilSeconds) {
      found.unwantedStart = start;
      return;
    }
    found.firstSeconds ??= seconds;
    found.lastSeconds = seconds;
  };

  const push = (part: Buffer): void => {
    const bytes = carry.length === 0 ? part : Buffer.concat([carry, part]);
    const end = offset + bytes.length;
    if (next === 0 && bytes.length >= MAGIC.length) readMagic(bytes);
    while (next > 0 && next + HEADER_BYTES <= end) {
      found.wholeEnd = next;
      readHeader(bytes, next);
    }
    if (next > 0 && next <= end) found.wholeEnd = next;
    const keepFrom = Math.min(next, end);
    carry = bytes.subarray(keepFrom - offset);
    offset = keepFrom;
  };
  return {
    push,
    get hasStart() {
      return isEvent || from === found.wholeEnd || from === 0;
    },
    get wholeEnd() {
      return found.wholeEnd;
    },
    get unwantedStart() {
      return found.unwantedStart;
    },
    get firstSeconds() {
      return found.firstSeconds;
    },
    get lastSeconds() {
      return found.lastSeconds;
    },
  };
}
