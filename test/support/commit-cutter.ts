import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Where a COMMIT is cut: on its way to the database, or between the database's answer and us. */
export type CutPlace = 'before' | 'after';

/**
 * A relay to the database that reads as much of the client's half of the protocol as it takes to see a COMMIT, and cuts
 * the connection exactly there.
 */
export interface CommitCutter {
  readonly port: number;
  /** COMMITs that were cut so far. */
  readonly cuts: number;
  /** COMMITs that went by so far, cut or not. */
  readonly commits: number;
  /** From now on every so many-th COMMIT is cut, up to `cuts` of them; places take turns. */
  cut(places: readonly CutPlace[], every: number, cuts: number): void;
  /** The next COMMITs come through. */
  letPass(): void;
  close(): Promise<void>;
}

const HEADER_BYTES = 4;
const COM_QUERY = 3;
/** A COMMIT is short: of longer packets only the length is looked at. */
const COMMIT = /^COMMIT;?$/i;
const COMMIT_BYTES_MAX = 16;

/** Finds commands in what a client sends, however it is cut into chunks. Says whether a COMMIT ends in a chunk. */
function commitDetector(): (chunk: Buffer) => boolean {
  let unread = Buffer.alloc(0);
  /** Bytes of a long packet that are still to come. */
  let skipped = 0;
  return (chunk) => {
    const passed = Math.min(skipped, chunk.length);
    skipped -= passed;
    unread = Buffer.concat([unread, chunk.subarray(passed)]);
    let isCommit = false;
    while (unread.length >= HEADER_BYTES) {
      const length = unread.readUIntLE(0, 3);
      const end = HEADER_BYTES + length;
      if (length > COMMIT_BYTES_MAX) skipped = Math.max(0, end - unread.length);
      else if (unread.length < end) break;
      else {
        const isQuery = unread[3] === 0 && unread[HEADER_BYTES] === COM_QUERY;
        isCommit ||= isQuery && COMMIT.test(unread.toString('latin1', HEADER_BYTES + 1, end));
      }
      unread = unread.subarray(end);
    }
    return isCommit;
  };
}

/** Starts a relay on a free port of 127.0.0.1 to another port of it. It cuts nothing until it is told to. */
export async function startCommitCutter(targetPort: number): Promise<CommitCutter> {
  const ends = new Set<() => void>();
  const counts = { cuts: 0, commits: 0, cutsMax: 0 };
  let places: readonly CutPlace[] = [];
  let every = 1;

  const placeOfNext = (): CutPlace | undefined => {
    counts.commits += 1;
    if (counts.cuts >= counts.cutsMax || counts.commits % every !== 0) return undefined;
    counts.cuts += 1;
    return places[counts.cuts % places.length];
  };
  const server = createServer((client) => {
    const database = connect(targetPort, '127.0.0.1');
    const end = (): void => {
      ends.delete(end);
      client.destroy();
      database.destroy();
    };
    ends.add(end);
    for (const socket of [client, database]) socket.setNoDelay(true).on('error', end).on('close', end);
    relay(client, database, placeOfNext, end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return counts.cuts;
    },
    get commits() {
      return counts.commits;
    },
    cut: (where, interval, cuts) => {
      places = where;
      every = interval;
      counts.cutsMax = counts.cuts + cuts;
    },
    letPass: () => {
      counts.cutsMax = 0;
    },
    close: async () => {
      for (const end of ends) end();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function relay(client: Socket, database: Socket, placeOfNext: () => CutPlace | undefined, end: () => void): void {
  const isCommit = commitDetector();
  let isCutByAnswer = false;
  client.on('data', (chunk: Buffer) => {
    const place = isCommit(chunk) ? placeOfNext() : undefined;
    if (place === 'before') return end();
    isCutByAnswer = place === 'after';
    database.write(chunk);
  });
  database.on('data', (chunk: Buffer) => {
    // The database has answered, so the transaction is committed; who waits for it never learns that.
    if (isCutByAnswer) return end();
    client.write(chunk);
  });
}
