import { Model } from 'objection';
import type { Database } from '../platform/db/database';
import { expectRows } from '../platform/db/rows';
import { readOnly, withTx } from '../platform/db/tx';
import type { EventStream, StreamState } from './event-stream';

/** A replay that operations wanted: the stream is made to end earlier, and everything after that is added again. */
export class EventReplayRow extends Model {
  static override tableName = 'event_replays';

  declare id: string;
  declare requestedBy: string;
  /** The first event that was wanted again. */
  declare fromEvent: number;
  /** The batch that it is in: whole batches are replayed. */
  declare fromBatch: number;
  /** The last batch that there was: the replay is over when the stream is there again. */
  declare toBatch: number;
  declare state: 'requested' | 'running' | 'done';
  declare createTime: Date;
  declare startTime: Date | null;
  declare endTime: Date | null;
}

/** Replays taken up, or ended, in one look. */
const REPLAYS_MAX = 100;

/**
 * Takes up what is requested, and ends what is through. The stream is rewound before that is noted: a relay that is killed in
 * between does it again, and consumers see events once more.
 */
export async function advanceReplays(
  db: Database,
  stream: EventStream,
  { epoch, state }: { readonly epoch: number; readonly state: StreamState; readonly lastBatch: number },
  now: Date,
): Promise<StreamState> {
  const open = await readOnly(db, (reader) =>
    EventReplayRow.query(reader)
      .whereIn('state', ['requested', 'running'])
      .orderBy(['createTime', 'id'])
      .limit(REPLAYS_MAX),
  );
  let where = state;
  for (const replay of open) {
    if (replay.state === 'requested') {
      where = await stream.rewind(epoch, replay.fromBatch - 1);
      if (where.outcome !== 'done') return where;
      await move(db, replay, { state: 'running', startTime: now });
    } else if (where.batch >= replay.toBatch) await move(db, replay, { state: 'done', endTime: now });
  }
  return where;
}

async function move(db: Database, { id, state }: EventReplayRow, patch: Partial<EventReplayRow>): Promise<void> {
  await withTx(db, { name: 'MoveEventReplay' }, async (tx) => {
    expectRows(await EventReplayRow.query(tx).where({ id, state }).patch(patch), 1, `replay ${id}`);
  });
}
