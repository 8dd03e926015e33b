import { z } from 'zod';

/** What the signed documents of a backup target say. */

const instant = z.iso.datetime();
const offset = z.number().int().min(0);

/** Where a transaction ends in the binary log. */
export interface LogPosition {
  readonly file: string;
  readonly position: number;
}

const logFile = z.string().regex(/^[\w.-]{1,200}\.\d{6,10}$/);

/** The server that was backed up: enough to notice that another one answers under its address. */
const server = z.object({ version: z.string(), hostname: z.string(), port: z.number(), serverId: z.number() });
export type ServerIdentity = Readonly<z.infer<typeof server>>;

const storedFile = z.object({
  name: z.string().regex(/^[\w.-]+$/),
  /** Of the sealed file. */
  bytes: offset,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type StoredFile = Readonly<z.infer<typeof storedFile>>;

/** A full backup: one consistent moment of one database. */
export const manifestSchema = z.object({
  kind: z.literal('billing-guard full backup 1'),
  id: z.string(),
  database: z.string().regex(/^\w{1,64}$/),
  charset: z.string().regex(/^\w+$/),
  collation: z.string().regex(/^\w+$/),
  server,
  /** Everything committed before `startTime` is in it, nothing that was committed after `endTime`. */
  startTime: instant,
  endTime: instant,
  /** The moment, in the binary log: what follows it is not in the backup. */
  log: z.object({ file: logFile, position: offset }),
  /** The stream that continues it; null when none ran: then it can be restored to its own moment only. */
  stream: z.string().nullable(),
  /** How many things it holds; a restoration counts them again. */
  tables: offset,
  triggers: offset,
  routines: offset,
  /** Bytes of the dump as SQL. */
  dumpBytes: offset,
  files: z.array(storedFile),
  /** The version of billing-guard that made it. */
  madeBy: z.string(),
});
export type Manifest = Readonly<z.infer<typeof manifestSchema>>;

/** The beginning of a stream: from the first byte of its first file on it has everything that its server logged. */
export const streamSchema = z.object({
  kind: z.literal('billing-guard log stream 1'),
  id: z.string(),
  server,
  startTime: instant,
  firstFile: logFile,
});
export type StreamStart = Readonly<z.infer<typeof streamSchema>>;

/** How far a stream has come. */
export const streamStateSchema = z.object({
  kind: z.literal('billing-guard log stream state 1'),
  stream: z.string(),
  file: logFile,
  position: offset,
  /** Everything that was acknowledged before is in the stream: the lag is counted from here. */
  provenTime: instant,
  writeTime: instant,
});
export type StreamState = Readonly<z.infer<typeof streamStateSchema>>;

/** How long a log file of a stream is that the server has finished: written before anything of the next one is. */
export const logFileEndSchema = z.object({
  kind: z.literal('billing-guard log file end 1'),
  stream: z.string(),
  file: logFile,
  bytes: offset,
});
export type LogFileEnd = Readonly<z.infer<typeof logFileEndSchema>>;

/** What a drill found: a restoration that was tried. */
export const drillSchema = z.object({
  kind: z.literal('billing-guard restore drill 1'),
  backup: z.string(),
  startTime: instant,
  /** How much the stream was behind when the drill began. */
  rpoMs: offset.nullable(),
  restoreMs: offset,
  /** All of it: the restoration and the checks of what was restored. */
  rtoMs: offset,
  checks: z.array(z.object({ name: z.string(), isClean: z.boolean(), milliseconds: offset })),
  isClean: z.boolean(),
});
export type Drill = Readonly<z.infer<typeof drillSchema>>;

/** The accounts that had rights on the database, and what they were. Sealed, not signed: the manifest holds its hash. */
export const accountsSchema = z.array(
  z.object({ user: z.string(), host: z.string(), grants: z.array(z.string()).readonly() }),
);
export type AccountGrants = Readonly<z.infer<typeof accountsSchema>[number]>;

/** The number at the end of a log file's name, by which files follow each other. */
export function logFileNumber(file: string): number {
  return Number(file.split('.').at(-1));
}

/** Negative when the first is earlier in the log. */
export function comparePositions(first: LogPosition, second: LogPosition): number {
  return logFileNumber(first.file) - logFileNumber(second.file) || first.position - second.position;
}
