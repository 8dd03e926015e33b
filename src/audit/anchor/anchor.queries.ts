import type { Knex } from 'knex';
import type { Database } from '../../platform/db/database';
import { readOnly } from '../../platform/db/tx';
import { cutPage, POSITION_KEY, readPageToken, type Page } from '../../platform/paging';
import { readSignedAnchor, type SignedAnchor } from './anchor-document';
import { AnchorRow } from './anchor.model';

/** Anchors read at a time. */
const PAGE_SIZE = 50;

/** The last anchor; undefined before the first. */
export function readLastAnchor(db: Database): Promise<AnchorRow | undefined> {
  return readOnly(db, (reader) => AnchorRow.query(reader).orderBy('number', 'desc').first());
}

/** One anchor; undefined when there is none of that number. */
export function readAnchor(db: Database, number: number): Promise<AnchorRow | undefined> {
  return readOnly(db, (reader) => AnchorRow.query(reader).findById(number));
}

/** Some anchors, newest first: the last, or those before a number. Empty when there are no more. */
export async function readAnchorsBelow(reader: Knex, number: number | undefined): Promise<readonly AnchorRow[]> {
  const query = AnchorRow.query(reader).orderBy('number', 'desc').limit(PAGE_SIZE);
  return number === undefined ? query : query.where('number', '<', number);
}

/** Some anchors after a number that nobody has handed out yet, in their order. Empty when there are no more. */
export function readUnexported(db: Database, after: number): Promise<readonly AnchorRow[]> {
  return readOnly(db, (reader) =>
    AnchorRow.query(reader).whereNull('exportTime').where('number', '>', after).orderBy('number').limit(PAGE_SIZE),
  );
}

/** One page of anchors, newest first. Throws INVALID_REQUEST for a foreign token. */
export async function listAnchors(db: Database, pageSize: number, pageToken: string): Promise<Page<AnchorRow>> {
  const filters = { list: 'anchors' };
  const after = readPageToken(pageToken, filters, POSITION_KEY);
  const rows = await readOnly(db, (reader) => {
    const query = AnchorRow.query(reader)
      .orderBy('number', 'desc')
      .limit(pageSize + 1);
    if (after !== undefined) void query.where('number', '<', Number(after));
    return query;
  });
  return cutPage(rows, pageSize, filters, ({ number }) => String(number));
}

/** The anchor that a row holds; undefined for one that holds something else. Whether one of ours signed it, is another question. */
export function findAnchorOfRow(row: Pick<AnchorRow, 'document' | 'signature'>): SignedAnchor | undefined {
  try {
    return anchorOfRow(row);
  } catch {
    return undefined;
  }
}

/** The anchor that a row holds. Throws NotAnAnchor for one that somebody else wrote. */
export function anchorOfRow({ document, signature }: Pick<AnchorRow, 'document' | 'signature'>): SignedAnchor {
  return readSignedAnchor(JSON.parse(document), signature);
}
