import { z } from 'zod';
import type { Anchor } from '../../gen/billing/v1/audit_anchor.pb';
import type { Database } from '../../platform/db/database';
import * as rules from '../../platform/request-rules';
import type { AuditHandlers } from '../audit.rpc';
import type { AnchorRow } from './anchor.model';
import { findAnchorOfRow, listAnchors } from './anchor.queries';

const listRequest = z.object({ pageSize: rules.pageSize, pageToken: rules.pageToken });

function toAnchorMessage(row: AnchorRow): Anchor {
  // A row that somebody forged is listed, too, whatever it holds.
  const anchor = findAnchorOfRow(row)?.anchor;
  return {
    number: row.number,
    slot: row.slot,
    time: row.createTime,
    hash: row.hash.toString('hex'),
    root: row.root.toString('hex'),
    users: anchor?.users.count ?? 0,
    logRows: anchor?.users.rows ?? 0,
    auditPosition: anchor?.audit.position ?? 0,
    keyId: anchor?.key_id ?? '',
    document: row.document,
    signature: row.signature,
    exportTime: row.exportTime ?? undefined,
  };
}

/** Handlers of the RPCs about anchors. */
export function createAnchorHandlers({ db }: { readonly db: Database }): Pick<AuditHandlers, 'listAnchors'> {
  return {
    listAnchors: async (_context, request) => {
      const { pageSize, pageToken } = listRequest.parse(request);
      const page = await listAnchors(db, pageSize, pageToken);
      return { anchors: page.rows.map(toAnchorMessage), nextPageToken: page.nextPageToken };
    },
  };
}
