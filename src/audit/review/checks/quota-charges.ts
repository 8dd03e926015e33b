import type { Posting } from '../../../quota';
import type { Finding, LogCheck, LogListener, ReviewReader } from '../check';

/**
 * quota_charges beside the log: INV-19, fed from the one pass over the log. What the rows of a user took, and what became of it, is kept until
 * the page ends; then the charges of all users that ended are read together and compared.
 */
export const chargeDisagrees: LogCheck = {
  id: 'charge-disagrees-with-log',
  section: 'quota',
  item: 'quota-log',
  severity: 'severe',
  title: {
    zh: '扣减记录与日志不一致',
    en: 'A charge is not what the log says, or a row of the log has no charge',
  },
  fix: {
    zh: '以日志为准核对 quota_charges：缺少的扣减将不会被返还，多出的会被重复返还',
    en: 'Compare quota_charges with the log: a charge that is missing never comes back, one too many comes back twice',
  },
  start: ({ db }) => new ChargeListener(db),
};

/** What a CONSUME or HOLD took, and what the rows that name it did with that. */
interface Taken {
  readonly kind: string;
  readonly units: number;
  readonly taskId: string;
  returned: number;
  isCaptured: boolean;
  isReleased: boolean;
  isNamed: boolean;
  hasCharge: boolean;
}

/** By sequence; undefined for a user one of whose rows can not be read: the check of the chain tells of it. */
type TakenOfUser = Map<number, Taken> | undefined;

interface StoredCharge {
  readonly user_id: string;
  readonly task_id: string;
  readonly sequence: number;
  readonly kind: string;
  readonly units: number;
  readonly returned: number;
  readonly state: string;
}

class ChargeListener implements LogListener {
  private taken: TakenOfUser = new Map();
  private readonly ended = new Map<string, TakenOfUser>();

  constructor(private readonly db: ReviewReader) {}

  row({ sequence, type, units, amount, taskId, consumeSequence }: Posting): undefined {
    if (type === 'CONSUME' || type === 'HOLD') {
      const nothing = { returned: 0, isCaptured: false, isReleased: false, isNamed: false, hasCharge: false };
      this.taken?.set(sequence, { kind: type.toLowerCase(), units, taskId, ...nothing });
    }
    const named = consumeSequence === null ? undefined : this.taken?.get(consumeSequence);
    if (named === undefined) return;
    named.isNamed = true;
    named.returned += amount;
    named.isCaptured ||= type === 'CAPTURE';
    named.isReleased ||= type === 'RELEASE';
  }

  unreadable(): undefined {
    this.taken = undefined;
  }

  endUser({ userId }: { readonly userId: string }): undefined {
    this.ended.set(userId, this.taken);
    this.taken = new Map();
  }

  async endUsers(userIds: readonly string[]): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    const charges = this.db.stream<StoredCharge>(
      'SELECT user_id, task_id, sequence, kind, units, returned, state FROM quota_charges WHERE user_id IN (?)',
      [userIds],
    );
    for await (const charge of charges) {
      const { user_id: userId, sequence } = charge;
      const taken = this.ended.get(userId);
      const problem = taken === undefined ? undefined : chargeProblem(charge, taken.get(sequence));
      if (problem !== undefined) findings.push({ evidence: { user_id: userId, sequence, problem } });
    }
    for (const [userId, taken] of this.ended) {
      for (const [sequence, { hasCharge }] of taken ?? []) {
        if (!hasCharge) findings.push({ evidence: { user_id: userId, sequence, problem: 'has no charge' } });
      }
    }
    this.ended.clear();
    return findings;
  }
}

function chargeProblem(charge: StoredCharge, taken: Taken | undefined): string | undefined {
  const { task_id: taskId, kind, units, returned, state } = charge;
  if (taken?.taskId !== taskId) return 'is a charge of nothing that the log took for the task';
  taken.hasCharge = true;
  if (taken.kind !== kind || taken.units !== units) return `the log took ${taken.units} by ${taken.kind}`;
  if (taken.returned !== returned) return `of it ${taken.returned} came back, the charge says ${returned}`;
  const isEndedOtherwise =
    (state === 'released') !== taken.isReleased ||
    (kind === 'hold' && state === 'settled') !== taken.isCaptured ||
    (state === 'open' && taken.isNamed);
  return isEndedOtherwise ? `is ${state}, the log says otherwise` : undefined;
}
