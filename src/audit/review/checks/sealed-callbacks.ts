import { judgeEvidence, type SealedNotification } from '../../../payment';
import type { FieldCipher } from '../../../platform/crypto/field-cipher';
import { withSnapshot } from '../../../platform/db/snapshot';
import type { CheckContext, Finding, QueryCheck, ReviewReader } from '../check';

/**
 * What WeChat Pay signed, opened with the data keys: who may change every row of the database can not seal another original. With the checks
 * that compare what the inbox says with payments and refunds, each amount that arrived by a callback follows from its original.
 */
export const sealedCallbacks: QueryCheck = {
  id: 'callback-differs-from-original',
  section: 'payments',
  item: 'callbacks-signed',
  severity: 'severe',
  needs: 'data-keys',
  title: {
    zh: '回调原文无法解密，或与收件箱所述的订单、金额、交易不一致',
    en: 'The signed original of a callback does not open, or tells of another order, amount or transaction',
  },
  fix: {
    zh: '原文无法解密：核对 DATA_KEYS，并从备份取回该行；内容不一致：收件箱被改动，以原文与商户平台为准',
    en: 'What does not open: look at DATA_KEYS, and fetch the row from a backup; what differs: the inbox was altered, the original and the merchant portal decide',
  },
  run: findDifferences,
};

/** Bodies read at a time, of some two kilobytes each: what bounds the memory of this check. */
const BODIES_AT_ONCE_MAX = 500;

/** Pages of one connection. */
const PAGES_AT_ONCE_MAX = 40;

const PAGE = `
  SELECT b.id, b.inbox_id, b.sealed_body, n.subject_id, n.content, n.event_type, n.status
  FROM wechatpay_notification_bodies b FORCE INDEX (PRIMARY) LEFT JOIN wechatpay_notifications n ON n.id = b.inbox_id
  WHERE b.id > ? ORDER BY b.id LIMIT ${BODIES_AT_ONCE_MAX}`;

/** All bodies of a row of the inbox, for the few of which one tells something else. */
const OF_INBOX = `
  SELECT b.id, b.inbox_id, b.sealed_body, n.subject_id, n.content, n.event_type, n.status
  FROM wechatpay_notification_bodies b JOIN wechatpay_notifications n ON n.id = b.inbox_id
  WHERE b.inbox_id = ? ORDER BY b.id`;

/** A body with its row of the inbox. */
interface Body extends Omit<SealedNotification, 'eventType'> {
  readonly inboxId: string;
  /** null: there is no such row. */
  readonly eventType: string | null;
  readonly status: string;
}

async function readBodies(db: ReviewReader, sql: string, value: string): Promise<readonly Body[]> {
  const rows = await db.arrays(sql, [value]);
  return rows.map(([bodyId, inboxId, sealedBody, subjectId, content, eventType, status]) => {
    return { bodyId, inboxId, sealedBody, subjectId, content, eventType, status } as Body;
  });
}

/**
 * Reads every body once, in the order of its key, with an account that may: those that only read are not shown what is sealed. A part at a
 * time in a snapshot of its own, after which what was found is handed over; what is compared is written once and in one transaction.
 */
async function* findDifferences(context: CheckContext): AsyncIterable<Finding> {
  const { originals } = context.facts;
  if (originals === undefined) throw new Error('there are no data keys');
  const { databaseUrl, cipher } = originals;
  let [after, opened]: [string | undefined, number] = ['', 0];
  while (after !== undefined) {
    const from: string = after;
    // Whoever gives up the review ends its connection; and one that nobody uses would be ended by the server.
    await context.db.rows('SELECT 1 AS one');
    const part = await withSnapshot(databaseUrl, {}, (snapshot) => judgePart(snapshot, cipher, from));
    yield* part.findings;
    opened += part.opened;
    context.progress(opened);
    after = part.last;
  }
}

/** What some pages of bodies came to, and where they end; undefined where they are the last. */
interface Part {
  readonly findings: readonly Finding[];
  readonly opened: number;
  readonly last: string | undefined;
}

/** The next page is on its way while one is opened. */
async function judgePart(db: ReviewReader, cipher: FieldCipher, after: string): Promise<Part> {
  const findings: Finding[] = [];
  let opened = 0;
  let page = await readBodies(db, PAGE, after);
  for (let pages = 1; page.length > 0; pages += 1) {
    opened += page.length;
    const last = page.at(-1)?.bodyId ?? '';
    const next = pages < PAGES_AT_ONCE_MAX ? readBodies(db, PAGE, last) : undefined;
    const judged = page.map((body) => ({ body, judgement: judge(cipher, body) }));
    page = (await next) ?? [];
    for (const { body, judgement } of judged) {
      if (judgement === 'closed') findings.push(findingOf(body, 'does not open with the data keys'));
      if (judgement === 'other') findings.push(...(await differencesOf(db, cipher, body)));
    }
    if (next === undefined) return { findings, opened, last };
  }
  return { findings, opened, last: undefined };
}

function judge(cipher: FieldCipher, { eventType, ...body }: Body) {
  return eventType === null ? 'other' : judgeEvidence(cipher, { ...body, eventType });
}

/** A repeat may tell something else than the row, as long as one of its bodies tells what the row says. Told once, of the first body. */
async function differencesOf(db: ReviewReader, cipher: FieldCipher, body: Body): Promise<readonly Finding[]> {
  if (body.eventType === null) return [findingOf(body, 'is of no callback of the inbox')];
  const others = await readBodies(db, OF_INBOX, body.inboxId);
  const judged = others.map((one) => ({ bodyId: one.bodyId, judgement: judge(cipher, one) }));
  if (judged.some(({ judgement }) => judgement === 'told')) return [];
  const first = judged.find(({ judgement }) => judgement === 'other');
  return first?.bodyId === body.bodyId ? [findingOf(body, 'tells something else than the inbox')] : [];
}

function findingOf({ inboxId, bodyId, eventType, subjectId, status }: Body, problem: string): Finding {
  const row = { event_type: eventType, subject_id: subjectId, status: eventType === null ? null : status };
  return { evidence: { notification_id: inboxId, body_id: bodyId, ...row, problem } };
}
