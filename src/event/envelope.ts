import { EVENT_CATALOG, isKnownType } from './event-catalog';
import type { EventRow } from './event-row';

/**
 * From a row of the outbox to what leaves: CloudEvents 1.0, one event for each user that the row tells of. Pure, and the same
 * for the same row at any time: an event that is sent again is the same event, with the same id.
 */

/** CloudEvents 1.0 in JSON. */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** The same whenever the event is sent again: what a consumer knows repeats by. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** Whose event it is; left out where it is nobody's in particular. */
  readonly subject?: string;
  /** When it happened: the `now` of the transaction that it tells of. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  /** Names schema and version of `data`. */
  readonly dataschema?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const SOURCE = 'urn:billing-guard';

/** What `dataschema` names. */
function schemaUri(type: string, version: number): string {
  return `urn:billing-guard:event:${type}:v${version}`;
}

/** A part of a row: one user's. */
interface Part {
  readonly userId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

type Entry = readonly unknown[];

/** How rows that tell of many users are taken apart: where the list is, and what an entry of it says. */
const PARTS_OF: Readonly<Record<string, { readonly list: string; readonly fields: readonly string[] }>> = {
  'quota.changed': { list: 'changes', fields: ['user_id', 'first_sequence', 'last_sequence', 'quota_remaining'] },
  'coupon.claimed': { list: 'claims', fields: ['user_id', 'coupon_id', 'promotion_id'] },
  'coupon.expired': { list: 'coupons', fields: ['user_id', 'coupon_id', 'promotion_id'] },
};

function partsOf({ type, userId, payload }: EventRow): readonly Part[] | Part {
  const content = JSON.parse(payload) as Readonly<Record<string, unknown>>;
  const split = PARTS_OF[type];
  const entries = split === undefined ? undefined : content[split.list];
  if (split === undefined || !Array.isArray(entries)) return { userId, data: content };
  return (entries as readonly Entry[]).map((entry) => {
    const data = Object.fromEntries(split.fields.map((field, i) => [field, entry[i]]));
    return { userId: String(entry[0]), data };
  });
}

/** The events of a row, in the order that it tells them. A type that the catalogue does not know goes without a schema. */
export function envelopesOf(row: EventRow): readonly CloudEvent[] {
  const parts = partsOf(row);
  if (!('length' in parts)) return [envelope(row, String(row.id), parts)];
  return parts.map((part, i) => envelope(row, `${row.id}.${i}`, part));
}

function envelope({ type, createTime }: EventRow, id: string, { userId, data }: Part): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source: SOURCE,
    type,
    ...(userId === null ? {} : { subject: userId }),
    time: createTime.toISOString(),
    datacontenttype: 'application/json',
    ...(isKnownType(type) ? { dataschema: schemaUri(type, EVENT_CATALOG[type].version) } : {}),
    data,
  };
}
