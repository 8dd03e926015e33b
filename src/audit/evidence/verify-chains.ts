import { checkNextRow, type ChainState, type Posting } from '../../quota';
import { AUDIT_CHAIN_START, AUDIT_HASH_VERSION, auditHash, type AuditContent } from '../audit-chain';
import { bytes, instant, number, text, textOrNull, type JsonRow } from './json-rows';
import type { Manifest } from './manifest';

/** Computes again, from the rows of an archive, every hash of the user's log and of the audit rows. Pure. */

/** A row of the user's log; undefined where its lots are none. */
function toPosting(row: JsonRow): Posting | undefined {
  let lots: Posting['lots'];
  try {
    lots = JSON.parse(text(row, 'lots')) as Posting['lots'];
  } catch {
    return undefined;
  }
  return {
    lots,
    userId: text(row, 'user_id'),
    sequence: number(row, 'sequence'),
    origin: text(row, 'origin') as Posting['origin'],
    requestId: text(row, 'request_id'),
    requestHash: bytes(row, 'request_hash'),
    type: text(row, 'type') as Posting['type'],
    amount: number(row, 'amount'),
    units: number(row, 'units'),
    quotaRemaining: number(row, 'quota_remaining'),
    consumeSequence: row['consume_sequence'] === null ? null : number(row, 'consume_sequence'),
    taskId: text(row, 'task_id'),
    taskType: text(row, 'task_type'),
    description: text(row, 'description'),
    actor: text(row, 'actor'),
    createTime: instant(row, 'create_time'),
    hashVersion: number(row, 'hash_version'),
    hash: bytes(row, 'hash'),
  };
}

/** The end of the user's log against the account and the lots. */
function endProblems(state: ChainState, user: JsonRow | undefined, lots: readonly JsonRow[]): string[] {
  if (user === undefined) return ['the user is missing'];
  const problems: string[] = [];
  if (number(user, 'log_sequence') !== state.sequence || !bytes(user, 'log_hash').equals(state.hash)) {
    problems.push(`the log ends at ${state.sequence}, and the account says ${number(user, 'log_sequence')}`);
  }
  const left = lots.reduce((total, lot) => total + number(lot, 'remaining'), 0);
  if (number(user, 'quota_remaining') !== state.balance || left !== state.balance) {
    const account = number(user, 'quota_remaining');
    problems.push(`the log comes to ${state.balance} units, the account says ${account} and the lots ${left}`);
  }
  return problems;
}

/** The end of a segment behind which the log goes on: nothing in the archive but the signature tells how. */
function cutProblems(state: ChainState, user: JsonRow | undefined, to: number): string[] {
  if (user === undefined) return ['the user is missing'];
  const problems: string[] = [];
  if (state.sequence !== to) problems.push(`the log ends at ${state.sequence}, and the manifest says ${to}`);
  const head = number(user, 'log_sequence');
  if (head <= to) problems.push(`the log is said to go on behind ${to}, and the account says ${head}`);
  return problems;
}

/** What became of the user's log. */
interface CheckedLog {
  readonly rows: number;
  /** Rows that came later and are not in the archive. */
  readonly behind: number;
  readonly problems: readonly string[];
}

/** Follows a user's log from where the archive begins to its end. */
export function checkQuotaChain(
  { subject, quota_chain: start }: Manifest,
  { user, lots, logs }: Readonly<{ user: JsonRow | undefined; lots: readonly JsonRow[]; logs: readonly JsonRow[] }>,
): CheckedLog {
  const { to_sequence: to } = start;
  const behind = to === undefined || user === undefined ? 0 : number(user, 'log_sequence') - to;
  let state: ChainState = {
    sequence: start.from_sequence - 1,
    hash: Buffer.from(start.previous_hash, 'hex'),
    balance: start.balance_before,
  };
  for (const [i, row] of logs.entries()) {
    const posting = toPosting(row);
    if (posting === undefined) return { rows: i, behind, problems: [`row ${String(row['sequence'])} can not be read`] };
    if (posting.userId !== subject.user_id) {
      return { rows: i, behind, problems: [`row ${posting.sequence} is of another user`] };
    }
    const next = checkNextRow(state, posting);
    if ('problem' in next) return { rows: i, behind, problems: [`row ${next.sequence} of the log ${next.problem}`] };
    state = next;
  }
  const problems = to === undefined ? endProblems(state, user, lots) : cutProblems(state, user, to);
  return { rows: logs.length, behind, problems };
}

function toAuditContent(row: JsonRow): AuditContent {
  return {
    id: number(row, 'id'),
    action: text(row, 'action'),
    actor: text(row, 'actor'),
    role: textOrNull(row, 'role'),
    request: textOrNull(row, 'request'),
    subjectType: text(row, 'subject_type'),
    subjectId: text(row, 'subject_id'),
    userId: textOrNull(row, 'user_id'),
    cause: text(row, 'cause'),
    beforeState: textOrNull(row, 'before_state'),
    afterState: text(row, 'after_state'),
    createTime: instant(row, 'create_time'),
  };
}

/** What is wrong with a place, beside the place before it where the archive holds that one too. */
function placeProblem(place: JsonRow, content: AuditContent, before: JsonRow | undefined): string | undefined {
  const position = number(place, 'position');
  const previous = bytes(place, 'previous_hash');
  if (number(place, 'hash_version') !== AUDIT_HASH_VERSION) return 'has an unknown hash version';
  if (position === 1 && !previous.equals(AUDIT_CHAIN_START)) return 'is the first place and follows on something';
  if (before !== undefined && !bytes(before, 'hash').equals(previous)) return 'does not follow on the place before it';
  return auditHash(previous, position, content).equals(bytes(place, 'hash')) ? undefined : 'does not match its hash';
}

/** Computes the place of each audit row again. A row without a place had not been sealed yet. */
export function checkAuditPlaces(
  logs: readonly JsonRow[],
  places: readonly JsonRow[],
): { readonly sealed: number; readonly unsealed: number; readonly problems: readonly string[] } {
  const contents = new Map(logs.map((row) => [number(row, 'id'), toAuditContent(row)]));
  const byPosition = new Map(places.map((place) => [number(place, 'position'), place]));
  const problems: string[] = [];
  for (const place of places) {
    const id = number(place, 'audit_id');
    const content = contents.get(id);
    const problem =
      content === undefined
        ? 'is sealed, but the audit row is missing'
        : placeProblem(place, content, byPosition.get(number(place, 'position') - 1));
    if (problem !== undefined) problems.push(`audit row ${id} ${problem}`);
    contents.delete(id);
  }
  return { sealed: places.length, unsealed: contents.size, problems };
}
