import { CHAIN_STATE_START, checkNextRow, LotTallies, type ChainState } from '../../../quota';
import type { Finding, LogCheck } from '../check';
import { perUser } from '../per-user';
import { returnedTooMuch } from './quota-returns';

/**
 * The log of each user recomputed from its rows alone, and what is stored beside it compared: chain, balance, equation, lots,
 * returns (R10.1, R10.4, R3.4; INV-1 to INV-7, INV-17, INV-18). Of chain and lots the first fault of a user is told: what follows it
 * follows from it.
 */

interface ChainWalk {
  chain: ChainState;
  lastMs: number;
  isBroken: boolean;
}

const chainBroken: LogCheck = {
  id: 'chain-broken',
  section: 'quota',
  item: 'quota-chain',
  severity: 'severe',
  title: {
    zh: '配额日志的哈希链断裂：有行被改动、删除、插入，或账户记录的末行不符',
    en: 'A hash chain is broken: a row was changed, deleted or inserted, or the account names another end',
  },
  fix: {
    zh: '历史财务数据被篡改：保全现场，用最近的锚点与备份（billing audit verify --anchor）找出被改的行并恢复',
    en: 'History was tampered with: keep everything, and find what was changed with the last anchor and backup (billing audit verify --anchor)',
  },
  start: () =>
    perUser<ChainWalk>({
      start: () => ({ chain: CHAIN_STATE_START, lastMs: Number.NEGATIVE_INFINITY, isBroken: false }),
      row: (walk, row) => {
        if (walk.isBroken) return undefined;
        const next = checkNextRow(walk.chain, row);
        const problem =
          'problem' in next
            ? next.problem
            : row.createTime.getTime() < walk.lastMs
              ? 'is older than the row before it'
              : undefined;
        if (problem !== undefined || 'problem' in next) {
          walk.isBroken = true;
          return faultOf(row.userId, problem, row.sequence);
        }
        walk.chain = next;
        walk.lastMs = row.createTime.getTime();
        return undefined;
      },
      unreadable: (walk, { userId, sequence }) => {
        if (walk.isBroken) return undefined;
        walk.isBroken = true;
        return faultOf(userId, 'can not be read', sequence);
      },
      endUser: ({ chain, lastMs, isBroken }, { userId, account }) => {
        if (account === undefined) return faultOf(userId, 'the log belongs to no user');
        if (isBroken) return undefined;
        const { logSequence, logHash, logTime } = account;
        if (logSequence !== chain.sequence) {
          return faultOf(userId, `the account knows ${logSequence} rows, the log has ${chain.sequence}`);
        }
        if (!logHash.equals(chain.hash)) return faultOf(userId, 'the account names another last hash than the log has');
        return logTime?.getTime() === lastMs
          ? undefined
          : faultOf(userId, 'the account names another time of the last row than the log has');
      },
    }),
};

interface Sums {
  balance: number;
  granted: number;
  held: number;
  consumed: number;
  ended: number;
}

const NOTHING: Sums = { balance: 0, granted: 0, held: 0, consumed: 0, ended: 0 };

/** What a row does to the sums of INV-2, by its type. */
function addRow(sums: Sums, { type, units, amount }: { readonly type: string; units: number; amount: number }): void {
  sums.balance += amount;
  if (type === 'GRANT') sums.granted += units;
  else if (type === 'HOLD') sums.held += units;
  else if (type === 'RELEASE') sums.held -= units;
  else if (type === 'CONSUME') sums.consumed += units;
  else if (type === 'REFUND') sums.consumed -= units;
  else if (type === 'EXPIRE' || type === 'REVOKE') sums.ended += units;
  else if (type === 'CAPTURE') {
    sums.held -= units + amount;
    sums.consumed += units;
  }
}

const balanceDisagrees: LogCheck = {
  id: 'balance-disagrees-with-log',
  section: 'quota',
  item: 'quota-log',
  severity: 'severe',
  title: {
    zh: '余额与日志合计或批次合计不一致',
    en: 'A balance is not the sum of the log, or not the sum of the lots',
  },
  fix: {
    zh: '余额只能随日志一起改变：以日志为准恢复余额与批次，查明是谁直接改了表',
    en: 'A balance changes only with the log: restore balance and lots from it, and find who changed the table',
  },
  start: () =>
    perUser<Sums>({
      start: () => ({ ...NOTHING }),
      row: (sums, row) => void addRow(sums, row),
      endUser: ({ balance }, { userId, account, lots }) => {
        if (account === undefined) return undefined;
        const inLots = lots.reduce((sum, lot) => sum + lot.remaining, 0);
        const stored = account.quotaRemaining;
        return stored === balance && stored === inLots
          ? undefined
          : { evidence: { user_id: userId, quota_remaining: stored, sum_of_log: balance, sum_of_lots: inLots } };
      },
    }),
};

const equationBroken: LogCheck = {
  id: 'quota-equation-broken',
  section: 'quota',
  item: 'quota-equation',
  severity: 'severe',
  title: {
    zh: '配额守恒等式不成立：发放 ≠ 剩余 + 冻结 + 消耗 + 过期 + 收回',
    en: 'Granted is not remaining + held + consumed + expired + revoked',
  },
  fix: {
    zh: '有配额凭空出现或消失：逐行核对该用户的日志，找出伪造或被改的行',
    en: 'Units appeared or vanished: go through the log of the user row by row and find what was forged',
  },
  start: () =>
    perUser<Sums>({
      start: () => ({ ...NOTHING }),
      row: (sums, row) => void addRow(sums, row),
      endUser: ({ granted, held, consumed, ended }, { userId, account }) => {
        if (account === undefined) return undefined;
        const remaining = account.quotaRemaining;
        if (granted === remaining + held + consumed + ended && held >= 0 && consumed >= 0) return undefined;
        return { evidence: { user_id: userId, granted, remaining, held, consumed, expired_or_revoked: ended } };
      },
    }),
};

const negativeBalance: LogCheck = {
  id: 'negative-quota',
  section: 'quota',
  item: 'quota-never-negative',
  severity: 'severe',
  title: { zh: '出现负的配额', en: 'A balance is below zero' },
  fix: {
    zh: '约束与行锁本应拒绝：检查约束是否仍在；立即停止该用户的扣减并查明原因',
    en: 'Constraints and row locks should have refused it: see whether they are there; stop the user and find out why',
  },
  start: () =>
    perUser<{ balance: number }>({
      start: () => ({ balance: 0 }),
      row: (state, { userId, sequence, amount, quotaRemaining }) => {
        state.balance += amount;
        if (quotaRemaining >= 0 && state.balance >= 0) return undefined;
        return { evidence: { user_id: userId, sequence, quota_remaining: quotaRemaining, sum_of_log: state.balance } };
      },
      endUser: (_state, { userId, account, lots }) => {
        const found: Finding[] = lots
          .filter(({ remaining, held }) => remaining < 0 || held < 0)
          .map(({ grantId, remaining, held }) => ({
            evidence: { user_id: userId, grant_id: grantId, remaining, held },
          }));
        if (account === undefined || account.quotaRemaining >= 0) return found;
        return [...found, { evidence: { user_id: userId, quota_remaining: account.quotaRemaining } }];
      },
    }),
};

const lotsDisagree: LogCheck = {
  id: 'lots-disagree-with-log',
  section: 'quota',
  item: 'quota-log',
  severity: 'severe',
  title: {
    zh: '配额批次与日志不一致：数量、来源、到期时间，或冻结未一次结清',
    en: 'Lots are not what the log made of them: units, source, expiry, or a hold that did not end once',
  },
  fix: {
    zh: '每个批次由其 GRANT 行产生、由日志逐行改变：以日志为准恢复，查明是谁改动了 quota_grants',
    en: 'A lot comes of its GRANT row and changes row by row: restore it from the log, and find who changed quota_grants',
  },
  start: () =>
    perUser<{ tallies: LotTallies; isWrong: boolean }>({
      start: () => ({ tallies: new LotTallies(), isWrong: false }),
      row: (state, row) => {
        if (state.isWrong) return undefined;
        const problem = state.tallies.next(row);
        state.isWrong = problem !== undefined;
        return problem === undefined ? undefined : faultOf(row.userId, problem, row.sequence);
      },
      unreadable: (state) => {
        // What that row did to the lots is not known; the check of the chain tells of it.
        state.isWrong = true;
        return undefined;
      },
      endUser: ({ tallies, isWrong }, { userId, lots }) => {
        const problem = isWrong ? undefined : tallies.compare(lots);
        return problem === undefined ? undefined : faultOf(userId, problem);
      },
    }),
};

const expiredTaken: LogCheck = {
  id: 'expired-units-taken',
  section: 'quota',
  item: 'quota-log',
  severity: 'severe',
  title: { zh: '使用了已过期的配额', en: 'Units were taken from a lot that had expired' },
  fix: {
    zh: '过期批次不可再扣减：核对批次到期时间是否被改动',
    en: 'Nothing is taken from a lot that has expired: see whether its expiry was changed',
  },
  start: () =>
    // The last row that took of each lot: the time of the rows never goes back.
    perUser<Map<number, { readonly sequence: number; readonly takenMs: number }>>({
      start: () => new Map(),
      row: (taken, { type, sequence, lots, createTime }) => {
        if (type !== 'CONSUME' && type !== 'HOLD') return undefined;
        for (const [grantId] of lots) taken.set(grantId, { sequence, takenMs: createTime.getTime() });
        return undefined;
      },
      endUser: (taken, { userId, lots }) =>
        lots.flatMap(({ grantId, expireTime }) => {
          const last = taken.get(grantId);
          if (last === undefined || expireTime === null || last.takenMs < expireTime.getTime()) return [];
          const { sequence } = last;
          return [
            { evidence: { user_id: userId, sequence, grant_id: grantId, expire_time: expireTime.toISOString() } },
          ];
        }),
    }),
};

/** Something wrong with the log of a user: with a row, or with what is stored beside it. */
function faultOf(userId: string, problem: string | undefined, sequence?: number): Finding {
  return { evidence: { user_id: userId, ...(sequence === undefined ? {} : { sequence }), problem: problem ?? '' } };
}

export const QUOTA_LOG_CHECKS: readonly LogCheck[] = [
  ...[negativeBalance, equationBroken, balanceDisagrees, lotsDisagree, expiredTaken],
  ...[chainBroken, returnedTooMuch],
];
