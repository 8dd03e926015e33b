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
/** Alone, as knex sends it, or at the end of a batch's statements. */
const COMMIT = /\bCOMMIT;?$/i;
/** Of a packet that begins with a query only so much is looked at: its end. */
const TAIL_BYTES = 16;
const OK = 0x00;
const ERR = 0xff;
const SERVER_MORE_RESULTS_EXISTS = 0x0008;

/** Finds packets in one half of the protocol, however it is cut into chunks. */
function packetReader(onPacket: (payload: Buffer, number: number) => void): (chunk: Buffer) => void {
  let unread = Buffer.alloc(0);
  return (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + unread.readUIntLE(0, 3);
      if (unread.length < end) return;
      onPacket(unread.subarray(HEADER_BYTES, end), unread[3] ?? 0);
      unread = unread.subarray(end);
    }
  };
}

/** Says of each chunk of a client whether a COMMIT ends in it. */
function commitDetector(): (chunk: Buffer) => boolean {
  let isCommit = false;
  const read = packetReader((payload, number) => {
    const tail = payload.toString('latin1', Math.max(1, payload.length - TAIL_BYTES));
    isCommit ||= number === 0 && payload[0] === COM_QUERY && COMMIT.test(tail);
  });
  return (chunk) => {
    isCommit = false;
    read(chunk);
    return isCommit;
  };
}

/** Says of each chunk of the database whether the last answer to a COMMIT ends in it: none more follows. */
function lastAnswerDetector(): (chunk: Buffer) => boolean {
  let isLast = false;
  const read = packetReader((payload) => {
    // COMMIT affects no row and makes no id: its OK says so in one byte each, then come the status flags.
    const hasMore = payload.length >= 5 && (payload.readUInt16LE(3) & SERVER_MORE_RESULTS_EXISTS) !== 0;
    isLast = payload[0] === ERR || (payload[0] === OK && payload[1] === 0 && payload[2] === 0 && !hasMore);
  });
  return (chunk) => {
    isLast = false;
    read(chunk);
    return isLast;
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
  const isLastAnswer = lastAnswerDetector();
  let isCutByAnswer = false;
  client.on('data', (chunk: Buffer) => {
    const place = isCommit(chunk) ? placeOfNext() : undefined;
    if (place === 'before') return end();
    isCutByAnswer = place === 'after';
    database.write(chunk);
  });
  database.on('data', (chunk: Buffer) => {
    const isLast = isLastAnswer(chunk);
    if (!isCutByAnswer) return void client.write(chunk);
    // The database has answered, so the transaction is committed; who waits for it never learns that, nor anything before.
    if (isLast) end();
  });
}
