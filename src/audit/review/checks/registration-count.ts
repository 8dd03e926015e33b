import { businessDay } from '../../../platform/time';
import type { CheckContext, Finding, LogCheck } from '../check';

/**
 * The counts that guard the daily cap of registrations beside the log: INV-24, fed from the one pass over the log. What is kept is one
 * number for each caller and day.
 */
export const registrationCountWrong: LogCheck = {
  id: 'registration-count-wrong',
  section: 'quota',
  item: 'grants-paid',
  severity: 'medium',
  title: {
    zh: '每日注册赠送计数与日志不一致',
    en: 'The count of registration grants of a day is not what the log says',
  },
  fix: {
    zh: '计数只用于每日上限：按日志核对，查明是谁改动了计数',
    en: 'The count guards the daily cap: compare it with the log, and find who changed it',
  },
  start: (context) => {
    const logged = new Map<string, number>();
    return {
      row: ({ type, origin, requestId, actor, createTime }) => {
        if (type === 'GRANT' && origin === 'system' && requestId === 'grant:registration:registration') {
          const key = keyOf(actor, businessDay(createTime));
          logged.set(key, (logged.get(key) ?? 0) + 1);
        }
        return undefined;
      },
      end: () => compareCounts(context, logged),
    };
  },
};

/** Ids of callers have no space. */
const keyOf = (caller: string, day: string): string => `${caller} ${day}`;

interface CountedDay {
  readonly caller: string;
  readonly day: string;
  readonly granted: number;
}

async function compareCounts({ db }: CheckContext, logged: ReadonlyMap<string, number>): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const tell = (key: string, granted: number): void => {
    const [caller = '', day = ''] = key.split(' ');
    findings.push({ evidence: { caller, business_day: day, granted, logged: logged.get(key) ?? 0 } });
  };
  const counted = new Set<string>();
  let firstDay: string | undefined;
  const days = db.stream<CountedDay>(
    'SELECT caller, CAST(business_day AS CHAR) AS day, granted FROM registration_grant_days ORDER BY business_day',
  );
  for await (const { caller, day, granted } of days) {
    const key = keyOf(caller, day);
    counted.add(key);
    firstDay ??= day;
    const given = logged.get(key) ?? 0;
    // Nothing was counted before 0.3.0: on the first day that counts anything there may be more.
    if (granted > given || (granted < given && day > firstDay)) tell(key, granted);
  }
  for (const key of logged.keys()) {
    const [, day = ''] = key.split(' ');
    if (firstDay !== undefined && day > firstDay && !counted.has(key)) tell(key, 0);
  }
  return findings;
}
