import { anchorOf, head, newSigner } from '../../../support/anchors';
import { rechainAudits } from '../../../support/forged-log';
import type { Insider } from '../../../support/review-stage';
import { PROOF_SIGNER, type Fault } from '../../../support/review-faults';

const forger = newSigner();

/** An anchor that says what the forger likes, and the statement that adds it. */
function forgedAnchor(number: number, signer = forger): [string, readonly unknown[]] {
  const { document, hash, signature } = anchorOf(signer, [head('nobody', 1)], {
    number,
    time: '2026-01-31T16:05:00.000Z',
  });
  return [
    `INSERT INTO audit_anchors (number, slot, hash, previous_hash, root, document, signature, create_time)
    SELECT ?, ?, ?, hash, root, ?, ?, create_time FROM audit_anchors WHERE number = 2`,
    [number, `forged ${number}`, hash, document, signature],
  ];
}

/** Writes into the audit log what nobody did, as of last year. */
async function makeUpApproval({ one, change }: Insider): Promise<number> {
  await change(
    `INSERT INTO audit_logs (action, actor, role, subject_type, subject_id, cause, after_state, create_time)
    VALUES ('ApproveRefund', 'spiffe://billing/finance/finance-2', 'finance', 'refund', 'made up', 'made up', '{}', '2025-01-01')`,
  );
  return Number((await one("SELECT id FROM audit_logs WHERE subject_id = 'made up'"))['id']);
}

const backdated = (id: number): string =>
  `1 rows say that they are older than the anchor, in which 0 waited for their seal; the first is row ${id}`;

/** The audit log and its anchors tampered with, and anchors that nobody makes or takes: must show 1 of the audit's issue. */
export const ANCHOR_FAULTS: readonly Fault[] = [
  {
    what: 'a sealed row of the audit log is deleted',
    check: 'audit-chain-broken',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      const { audit_id: id } = await one('SELECT audit_id FROM audit_chain ORDER BY position DESC');
      await change('DELETE FROM audit_logs WHERE id = ?', [id]);
      return { problem: 'is sealed, but the audit row is gone', audit_id: Number(id) };
    },
  },
  {
    what: 'a row is put into the audit log under an old number',
    check: 'audit-chain-broken',
    tables: ['audit_logs'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO audit_logs (id, action, actor, subject_type, subject_id, cause, after_state, create_time)
        SELECT -1, 'ApproveGiftCampaign', actor, 'gift_campaign', 'forged', 'forged', '{}', create_time FROM audit_logs LIMIT 1`,
      );
      return { audit_id: -1, problem: 'is not sealed, though the sealer has passed it for good' };
    },
  },
  {
    what: 'the audit log is not sealed any more',
    check: 'audit-rows-unsealed',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      await change(
        `INSERT INTO audit_logs (action, actor, role, subject_type, subject_id, cause, after_state, create_time)
        SELECT action, actor, role, subject_type, 'forgotten', cause, '{}', create_time - INTERVAL 11 MINUTE FROM audit_logs
        WHERE action = 'CreatePromotion' LIMIT 1`,
      );
      const { id } = await one("SELECT id FROM audit_logs WHERE subject_id = 'forgotten'");
      return { rows: 1, first_id: Number(id) };
    },
  },
  {
    what: 'the audit log is rewritten and sealed anew, with a chain that holds',
    check: 'anchor-contradicted',
    tables: ['audit_logs', 'audit_chain', 'audit_chain_head'],
    plant: async (insider) => {
      await insider.change(
        "UPDATE audit_logs SET actor = 'spiffe://billing/operations/nobody', role = 'operations' WHERE action = 'CreatePromotion' LIMIT 1",
      );
      await rechainAudits(insider);
      const [end] = await insider.rows('SELECT position FROM audit_chain_head');
      const problem = `was rewritten: place ${Number(end?.['position'])} is gone or has another hash`;
      return { anchor: 2, subject: 'audit log', problem };
    },
  },
  {
    what: 'an approval of last year is made up, and waits for its seal',
    check: 'anchor-contradicted',
    tables: ['audit_logs'],
    count: 1,
    plant: async (insider) => ({ anchor: 2, subject: 'audit log', problem: backdated(await makeUpApproval(insider)) }),
  },
  {
    what: 'an approval of last year is made up, and sealed like any other row',
    check: 'anchor-contradicted',
    tables: ['audit_logs', 'audit_chain', 'audit_chain_head'],
    count: 1,
    plant: async (insider) => {
      const id = await makeUpApproval(insider);
      await insider.change(
        "INSERT INTO audit_chain (position, audit_id, hash_version, hash) SELECT MAX(position) + 1, ?, 1, REPEAT(X'00', 32) FROM audit_chain",
        [id],
      );
      await rechainAudits(insider);
      return { anchor: 2, subject: 'audit log', problem: backdated(id) };
    },
  },
  {
    what: 'an anchor of our own is not said to be handed out, an hour after the next was due',
    check: 'anchors-kept-inside',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change(
        'UPDATE audit_anchors SET export_time = NULL, create_time = create_time - INTERVAL 61 MINUTE WHERE number = 2',
      );
      return { number: 2 };
    },
  },
  {
    what: 'the newest anchor is made to say something else',
    check: 'anchor-contradicted',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change('UPDATE audit_anchors SET document = JSON_SET(document, "$.users.count", 1) WHERE number = 2');
      return { anchor: 1, subject: 'anchor 2', problem: 'is not as it was signed' };
    },
  },
  {
    what: 'an older anchor is put in the place of the newest',
    check: 'anchor-contradicted',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change('DELETE FROM audit_anchors WHERE number = 2');
      await change('UPDATE audit_anchors SET number = 2 WHERE number = 1');
      return { anchor: null, subject: 'anchor 2', problem: 'is not as it was signed' };
    },
  },
  {
    what: 'all anchors are taken away',
    check: 'anchor-contradicted',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change('DELETE FROM audit_anchors');
      const problem = 'there is none, though the audit log is older than two hours';
      return { anchor: null, subject: 'anchors', problem };
    },
  },
  {
    what: 'anchors that somebody else signed push ours out of sight',
    check: 'anchor-contradicted',
    tables: ['audit_anchors'],
    count: 130,
    plant: async ({ change }) => {
      for (let number = 3; number < 133; number += 1) await change(...forgedAnchor(number));
      return { anchor: 2, subject: 'anchor 132', problem: 'is signed by a key that the review does not know' };
    },
  },
  {
    what: 'an anchor is signed with the key of the 100-claims test',
    check: 'anchor-contradicted',
    tables: ['audit_anchors'],
    count: 1,
    plant: async ({ change }) => {
      await change(...forgedAnchor(3, PROOF_SIGNER));
      return { anchor: 2, subject: 'anchor 3', problem: 'is signed by a key that the review does not know' };
    },
  },
  {
    what: 'the audit log is rewritten and sealed anew, and the anchors that knew it are taken away',
    check: 'anchor-lost',
    tables: ['audit_logs', 'audit_chain', 'audit_chain_head', 'audit_anchors'],
    plant: async (insider) => {
      await insider.change("UPDATE audit_logs SET role = 'finance' WHERE action = 'CreatePromotion' LIMIT 1");
      await rechainAudits(insider);
      await insider.change('DELETE FROM audit_anchors');
      const [end] = await insider.rows('SELECT position FROM audit_chain_head');
      const problem = `was rewritten: place ${Number(end?.['position'])} is gone or has another hash`;
      return { anchor: 2, subject: 'audit log', problem };
    },
  },
  {
    what: 'the newest anchor is taken away',
    check: 'anchor-lost',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change('DELETE FROM audit_anchors WHERE number = 2');
      return { anchor: 2, subject: 'anchor 2', problem: 'is not among the anchors of the database' };
    },
  },
  {
    what: 'an anchor is taken away',
    check: 'anchor-links-broken',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change('DELETE FROM audit_anchors WHERE number = 1');
      return { number: 2, hash_before: null };
    },
  },
  {
    what: 'no anchor is made any more',
    check: 'anchors-late',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change('UPDATE audit_anchors SET create_time = create_time - INTERVAL 3 HOUR');
      return { last_anchor: 2 };
    },
  },
  {
    what: 'an anchor is said to be made at the end of time',
    check: 'anchors-late',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change("UPDATE audit_anchors SET create_time = '9999-01-01' WHERE number = 2");
      return { last_anchor: 2, made: '9999-01-01T00:00:00.000Z' };
    },
  },
  {
    what: 'an anchor never leaves the database',
    check: 'anchors-kept-inside',
    tables: ['audit_anchors'],
    plant: async ({ change }) => {
      await change(
        'UPDATE audit_anchors SET export_time = NULL, create_time = create_time - INTERVAL 2 HOUR WHERE number = 1',
      );
      return { number: 1 };
    },
  },
];
