import type { Snapshot } from '../../platform/db/snapshot';
import { CHAIN_STATE_START, checkNextRow, toPosting, type ChainState, type QuotaLogRow } from '../../quota';
import { Cursor } from './cursor';
import type { Head } from './head';

/** Rows read at a time. */
const PAGE_SIZE = 2_000;
/** Users told at a time. */
const USERS_AT_ONCE = 200;

/** What a user's quota log comes to, recomputed from its rows alone. */
export interface RecomputedChain {
  readonly userId: string;
  readonly rows: number;
  /** The hash at the anchored row; undefined when the chain does not reach it, or the user is in no leaf. */
  readonly anchoredHash: Buffer | undefined;
  /** Where the chain ends, or where it breaks. */
  readonly end: ChainState;
  /** The first row that is not what the rows before it demand. */
  readonly fault: { readonly sequence: number; readonly problem: string } | undefined;
  /** The first row behind the anchored one that says it is older than `bornAfter`; undefined when none does. */
  readonly backdated: number | undefined;
}

/** The rows of all quota logs, in order of user and sequence. */
async function* readLogs(snapshot: Snapshot): AsyncGenerator<readonly QuotaLogRow[]> {
  // Whoever may do everything can write rows of any number.
  let at = { userId: '', sequence: Number.MIN_SAFE_INTEGER };
  for (;;) {
    const logs = () => snapshot.knex<QuotaLogRow>('quota_logs').orderBy(['user_id', 'sequence']);
    const rest = await logs().where('user_id', at.userId).where('sequence', '>', at.sequence).limit(PAGE_SIZE);
    const more = PAGE_SIZE - rest.length;
    const others = more === 0 ? [] : await logs().where('user_id', '>', at.userId).limit(more);
    const page = [...rest, ...others];
    yield page;
    const last = page.at(-1);
    if (page.length < PAGE_SIZE || last === undefined) return;
    if (!Number.isSafeInteger(last.sequence))
      throw new Error(`a row of ${last.userId} has a number that none can have`);
    at = last;
  }
}

/** Recomputes one user's chain as its rows come. */
class ChainWalk {
  private state: ChainState = CHAIN_STATE_START;
  private rows = 0;
  private fault: RecomputedChain['fault'];
  private anchoredHash: Buffer | undefined;
  private backdated: number | undefined;

  constructor(
    private readonly userId: string,
    private readonly leaf: Head | undefined,
    private readonly bornAfter: Date,
  ) {
    if (leaf?.sequence === 0) this.anchoredHash = this.state.hash;
  }

  add(row: QuotaLogRow): void {
    this.rows += 1;
    if (this.fault !== undefined) return;
    const next = checkRow(this.state, row);
    if ('problem' in next) {
      this.fault = next;
      return;
    }
    this.state = next;
    if (row.sequence === this.leaf?.sequence) this.anchoredHash = next.hash;
    const isNewer = row.sequence > (this.leaf?.sequence ?? 0);
    if (isNewer && row.createTime < this.bornAfter) this.backdated ??= row.sequence;
  }

  end(): RecomputedChain {
    const { userId, rows, anchoredHash, fault, backdated, state: end } = this;
    return { userId, rows, anchoredHash, end, fault, backdated };
  }
}

function checkRow(state: ChainState, row: QuotaLogRow): ReturnType<typeof checkNextRow> {
  try {
    return checkNextRow(state, toPosting(row));
  } catch {
    return { sequence: row.sequence, problem: 'can not be read' };
  }
}

/**
 * Recomputes the chain of every user who has rows, in order of user, beside the leaves of an anchor in the same order. Memory
 * is bounded by a page of rows, whatever the length of the logs.
 */
export async function* recomputeChains(
  snapshot: Snapshot,
  leaves: AsyncIterable<readonly Head[]>,
  bornAfter: Date,
): AsyncGenerator<readonly RecomputedChain[]> {
  const known = new Cursor(leaves[Symbol.asyncIterator]());
  const leafOf = async (userId: string): Promise<Head | undefined> => {
    let leaf = await known.current();
    for (; leaf !== undefined && leaf.userId < userId; leaf = await known.current()) known.advance();
    return leaf?.userId === userId ? leaf : undefined;
  };
  let walk: { readonly userId: string; readonly chain: ChainWalk } | undefined;
  let ended: RecomputedChain[] = [];
  for await (const page of readLogs(snapshot)) {
    for (const row of page) {
      if (walk?.userId !== row.userId) {
        if (walk !== undefined) ended.push(walk.chain.end());
        walk = { userId: row.userId, chain: new ChainWalk(row.userId, await leafOf(row.userId), bornAfter) };
      }
      walk.chain.add(row);
    }
    if (ended.length < USERS_AT_ONCE) continue;
    yield ended;
    ended = [];
  }
  if (walk !== undefined) ended.push(walk.chain.end());
  yield ended;
}
