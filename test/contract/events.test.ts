import { readFileSync } from 'node:fs';
import { EVENT_CATALOG, type EventType } from '../../src/event/event-catalog';
import { TEMPLATES } from '../../src/event/sink/templates';
import { nextStatus, type OrderEvent, type OrderStatus } from '../../src/order/order-state';
import { nextRefundStatus, type RefundEvent, type RefundStatus } from '../../src/payment/refund-state';
import { tableUnder } from '../support/doc-tables';
import { fieldWords } from '../support/event-fields';
import { readSources } from '../support/sources';

const PAGE = readFileSync('docs/events.md', 'utf8');
const TYPES = Object.keys(EVENT_CATALOG);

const ORDER_STATUSES: readonly OrderStatus[] = [
  ...(['created', 'pending', 'closing', 'paid', 'closed', 'failed', 'refunded'] as const),
];
const ORDER_MOVES: readonly OrderEvent[] = ['prepaid', 'prepay_refused', 'close_requested', 'closed'];
const REFUND_STATUSES: readonly RefundStatus[] = [
  ...(['created', 'processing', 'succeeded', 'closed', 'abnormal', 'failed'] as const),
];
const REFUND_MOVES: readonly RefundEvent[] = ['accepted', 'succeeded', 'closed', 'stuck', 'refused'];

/** The statuses that moves lead to. */
function reached<Status extends string, Move>(
  statuses: readonly Status[],
  moves: readonly Move[],
  next: (status: Status, move: Move) => Status | undefined,
): Status[] {
  return statuses.flatMap((status) => moves.map((move) => next(status, move)).filter((to) => to !== undefined));
}

/** What the code puts into types that it makes of a word: each such text of src, and the words. */
const MADE_TYPES: Readonly<Record<string, readonly string[]>> = {
  '`order.${status}`': reached(ORDER_STATUSES, ORDER_MOVES, nextStatus),
  '`refund.${status}`': reached(REFUND_STATUSES, REFUND_MOVES, nextRefundStatus),
  '`payment.${status}`': ['applied', 'received', 'refunding', 'refunded'],
  '`promotion.${status}`': ['active', 'paused', 'ended'],
  '`plan.${status}`': ['active', 'retired'],
  '`gift_campaign.${event}`': ['created', 'updated', 'active', 'paused', 'ended'],
};

/** Issue 6: the schema of every event is documented and versioned, and every type that the code tells is among them. */
describe('the catalogue of events', () => {
  const families = [...new Set(TYPES.map((type) => type.split('.')[0]))].join('|');
  const sources = readSources(['src']).filter(
    ({ path }) => !path.startsWith('src/gen/') && !path.startsWith('src/event/'),
  );
  const written = new Set(
    sources.flatMap(({ text }) => [
      ...[...text.matchAll(/\btype: '([a-z_]+\.[a-z_]+)'/g)].map(([, type = '']) => type),
      ...[...text.matchAll(new RegExp(`'((?:${families})\\.[a-z_]+)(?<!_id)'`, 'g'))].map(([, type = '']) => type),
    ]),
  );
  const made = new Set(
    sources.flatMap(({ text }) => [...text.matchAll(/type: (`[a-z_]+\.\$\{\w+\}`)/g)].map(([, made = '']) => made)),
  );

  test('has every type that the code writes, and no other', () => {
    expect([...made].filter((text) => text !== '`membership.${string}`').sort()).toEqual(
      Object.keys(MADE_TYPES).sort(),
    );
    const words = Object.entries(MADE_TYPES).flatMap(([text, statuses]) =>
      statuses.map((status) => text.slice(1, -1).replace(/\$\{\w+\}/, status)),
    );
    expect([...new Set([...written, ...words])].sort()).toEqual([...TYPES].sort());
  });

  test('is documented: type, version, meaning and every field on both sides', () => {
    const documented = tableUnder(PAGE, 'Types').map((cells) => cells.map((cell) => cell.trim()));
    const defined = Object.entries(EVENT_CATALOG).map(([type, { version, meaning }]) => {
      return [type, String(version), meaning, fieldWords(type as EventType)];
    });
    expect(documented).toEqual(defined);
  });

  test('fits the column that types are kept in, and the texts for people are of known types', () => {
    expect(TYPES.filter((type) => type.length > 32)).toEqual([]);
    expect(Object.keys(TEMPLATES).filter((type) => !TYPES.includes(type))).toEqual([]);
    expect(PAGE).toContain(
      Object.keys(TEMPLATES)
        .map((type) => `\`${type}\``)
        .join(', ')
        .replace(/, ([^,]*)$/, ' and $1'),
    );
  });
});
