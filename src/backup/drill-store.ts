import { randomBytes } from 'node:crypto';
import type { Signer } from '../platform/crypto/signing';
import { fromEpochMs } from '../platform/time';
import { BackupError } from './backup.errors';
import { drillSchema, type Drill, type StreamState } from './documents';
import { listFulls } from './full-store';
import { readSignedDocument, signDocument } from './signed-document';
import { listStreams, readStreamState, type TargetReader } from './stream-store';
import { makeDirectory, nameAt, namesIn, pathIn, PLACES, readIfThere, writeDurably, type Target } from './target';

/** Results of drills, kept in the target: a review asks when a restoration was last tried. */

/** Keeps a result. */
export async function recordDrill(target: Target, signer: Signer, drill: Drill): Promise<void> {
  await makeDirectory(pathIn(target, PLACES.drills));
  const id = `${nameAt(fromEpochMs(Date.parse(drill.startTime)))}-${randomBytes(2).toString('hex')}`;
  await writeDurably(pathIn(target, PLACES.drill(id)), signDocument(drill, signer));
}

/** The last drill; undefined when there was none. */
async function readLastDrill({ target, verifiers }: TargetReader): Promise<Drill | undefined> {
  const id = (await namesIn(pathIn(target, PLACES.drills))).at(-1);
  if (id === undefined) return undefined;
  const text = (await readIfThere(pathIn(target, PLACES.drill(id)))) ?? '';
  return readSignedDocument(text, drillSchema, verifiers, PLACES.drill(id));
}

/** What a review wants to know of a target; undefined: there was none. */
export interface BackupFacts {
  readonly lastFullTime: Date | undefined;
  /** Until when everything acknowledged can be restored: the furthest that a full backup and the stream that continues it reach. */
  readonly lastLogTime: Date | undefined;
  /** The newest stream where it continues no full backup: what it ships can not be restored. */
  readonly looseStream: string | undefined;
  readonly lastDrill: { readonly time: Date; readonly isClean: boolean } | undefined;
}

/** Reads it from the signed documents. Throws where one of them is not as it was signed, or is missing. */
export async function readBackupFacts(reader: TargetReader): Promise<BackupFacts> {
  const timeOf = (instant: string | undefined): Date | undefined =>
    instant === undefined ? undefined : fromEpochMs(Date.parse(instant));
  const fulls = await listFulls(reader);
  const streams = await listStreams(reader);
  for (const { fault } of [...fulls, ...streams]) {
    if (fault !== undefined) throw new BackupError(fault);
  }
  const manifests = fulls.map(({ manifest }) => manifest).filter((manifest) => manifest !== undefined);
  const states = new Map<string, StreamState | undefined>();
  for (const { id } of streams) states.set(id, await readStreamState(reader, id));
  // Instants of one form: their order is that of their text.
  const reaches = manifests.map(({ stream, endTime }) => states.get(stream ?? '')?.provenTime ?? endTime).sort();
  const newest = streams.at(-1)?.id;
  const drill = await readLastDrill(reader);
  return {
    lastFullTime: timeOf(manifests.at(-1)?.startTime),
    lastLogTime: timeOf(reaches.at(-1)),
    looseStream: manifests.some(({ stream }) => stream === newest) ? undefined : newest,
    lastDrill:
      drill === undefined ? undefined : { time: fromEpochMs(Date.parse(drill.startTime)), isClean: drill.isClean },
  };
}
