import { Readable } from 'node:stream';
import type { Connection, QueryOptions, RowDataPacket } from 'mysql2/promise';
import { auditHash, AUDIT_CHAIN_START, type AuditContent } from '../../src/audit/audit-chain';
import type { FieldCipher } from '../../src/platform/crypto/field-cipher';
import type { Posting } from '../../src/quota/account';
import { grantHash } from '../../src/quota/book';
import { CHAIN_START, chainHash } from '../../src/quota/log-chain';
import { BODIES, bodyFillers } from './bodies';
import { PROMOTION_ID, SHARES, type StoryName } from './stories';
import {
  fillerOf,
  idsOfCopy,
  userIdOfCopy,
  type Column,
  type Filled,
  type Template,
  type TemplateTable,
} from './template';

/**
 * Writes the stories again for as many users as are wanted, with chains of their own, so that a review finds nothing wrong in
 * them. Loaded table by table in the order of the primary keys, as root, without triggers: the service wrote every row once,
 * under all of them.
 */

const HASH_BYTES = 32;
const PIECE_BYTES = 128 * 1_024;
/** Copies take turns by tens: seven of one story, two of another, one of the third. */
const TURN = 10;

export interface Multiplication {
  readonly templates: readonly Template[];
  readonly shared: readonly TemplateTable[];
  readonly copies: number;
  /** Of the service that played the stories. */
  readonly cipher: FieldCipher;
}

/** Fills the empty tables of a migrated database. */
export async function multiply(
  root: Connection,
  database: string,
  { templates, shared, copies, cipher }: Multiplication,
  say: (line: string) => void,
): Promise<void> {
  const loader = new Loader(root, database, say);
  const turn = turnOf(templates);
  // Not unique_checks: without them InnoDB sorts each table by itself, which takes four times as long as rows that come in order.
  await root.query('SET SESSION foreign_key_checks = 0, check_constraint_checks = 0');
  // Nobody restores a benchmark's rows.
  await root.query('SET SESSION sql_log_bin = 0');
  const restore = await dropTriggers(root, database);
  for (const table of shared) await loader.replace(table, copies, turn);
  const heads = Buffer.alloc(copies * HASH_BYTES);
  await loadLogs(loader, turn, copies, heads);
  const tables = new Set(templates.flatMap(({ tables: owned }) => [...owned.keys()]));
  for (const name of [...tables].sort()) {
    if (['quota_logs', 'audit_logs', 'users'].includes(name)) continue;
    const fillers = name === BODIES ? fillersBy(turn, (one) => bodyFillers(one, cipher)) : fillersOf(turn, name);
    await loadTable(loader, name, { turn, copies, fillers });
  }
  await loadUsers(loader, turn, copies, heads);
  const ofNobody = namedRowsOf(shared.find(({ table }) => table === 'audit_logs'));
  await loadAudits(loader, { turn, copies, ofNobody });
  await fixCounters(root, database);
  for (const statement of restore) await root.query(statement);
  await root.query('SET SESSION foreign_key_checks = 1, check_constraint_checks = 1');
  // As a database that has been in use knows its tables.
  for (const name of [...tables, 'audit_chain']) await root.query(`ANALYZE TABLE ${database}.${name}`);
}

/** Which story each of ten copies is of. */
function turnOf(templates: readonly Template[]): readonly Template[] {
  const names = (Object.entries(SHARES) as [StoryName, number][]).flatMap(([name, share]) =>
    Array.from({ length: share }, () => name),
  );
  return names.map((name) => {
    const template = templates.find(({ story }) => story.name === name);
    if (template === undefined) throw new Error(`nobody played the story ${name}`);
    return template;
  });
}

/** The ids of each copy, in their order; its user's id sorts by its number. */
function* copiesOf(
  turn: readonly Template[],
  copies: number,
): Generator<readonly [Template, readonly string[], number]> {
  for (let copy = 0; copy < copies; copy += 1) {
    const template = turn[copy % TURN];
    if (template === undefined) continue;
    const values = idsOfCopy(template, copy).map((id, i) => (i === 0 ? userIdOfCopy(copy) : id));
    yield [template, values, copy];
  }
}

/** Loads lines into tables, in pieces. */
class Loader {
  constructor(
    readonly root: Connection,
    private readonly database: string,
    private readonly say: (line: string) => void,
  ) {}

  async load(table: string, columns: readonly Column[], lines: Iterable<string>): Promise<void> {
    const names = columns.map(({ name, isBinary }) => (isBinary ? `@${name}` : `\`${name}\``));
    const binary = columns.filter(({ isBinary }) => isBinary).map(({ name }) => `\`${name}\` = UNHEX(@${name})`);
    const set = binary.length === 0 ? '' : ` SET ${binary.join(', ')}`;
    const sql = `LOAD DATA LOCAL INFILE 'generated' INTO TABLE ${this.database}.${table} CHARACTER SET utf8mb4 (${names.join(', ')})${set}`;
    const options = { sql, infileStreamFactory: () => Readable.from(inPieces(lines)) };
    const startMs = performance.now();
    await this.root.query(options as QueryOptions);
    this.say(`loaded ${table} in ${Math.round((performance.now() - startMs) / 100) / 10} s`);
  }

  /** Rows that belong to nobody: the migrations' own are replaced by those of the stories. */
  async replace({ table, columns, rows }: TemplateTable, copies: number, turn: readonly Template[]): Promise<void> {
    if (table === 'audit_logs') return;
    await this.root.query(`DELETE FROM ${this.database}.${table}`);
    const claims = Array.from({ length: copies }, (_, i) => turn[i % TURN]).filter(
      (template) => template?.story.name === 'coupon',
    ).length;
    const lines = rows.map((row) =>
      columns
        .map(({ name }, i) => {
          const isCounter =
            table === 'promotions' && row.includes(PROMOTION_ID) && /^(?:claimed_count|total_quota)$/.test(name);
          return escaped(isCounter ? String(Math.max(claims, 1)) : (row[i] ?? null));
        })
        .join('\t'),
    );
    await this.load(table, columns, lines);
  }
}

function* inPieces(lines: Iterable<string>): Generator<Buffer> {
  let piece = '';
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < PIECE_BYTES) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}

/** A value as LOAD DATA reads it. */
function escaped(cell: string | null): string {
  if (cell === null) return '\\N';
  return cell.replace(/[\\\t\n]/g, (sign) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n' })[sign] ?? sign);
}

async function dropTriggers(root: Connection, database: string): Promise<readonly string[]> {
  await root.query(`USE ${database}`);
  const [triggers] = await root.query<RowDataPacket[]>('SHOW TRIGGERS');
  const statements: string[] = [];
  for (const { Trigger: name, sql_mode: sqlMode } of triggers as { Trigger: string; sql_mode: string }[]) {
    const [[made]] = await root.query<RowDataPacket[]>(`SHOW CREATE TRIGGER ${name}`);
    statements.push(`SET SESSION sql_mode = '${sqlMode}'`, String(made?.['SQL Original Statement']));
    await root.query(`DROP TRIGGER ${name}`);
  }
  return statements;
}

/** Rows of a table of which the database numbers the rows itself: each copy goes on where the one before ended. */
async function loadTable(
  loader: Loader,
  name: string,
  { turn, copies, fillers }: { readonly turn: readonly Template[]; readonly copies: number; readonly fillers: Fillers },
): Promise<void> {
  const columns = columnsOf(turn, name);
  const lines = function* (): Generator<string> {
    for (const [template, values] of copiesOf(turn, copies)) {
      for (const fill of fillers.get(template) ?? []) yield fill(values);
    }
  };
  await loader.load(name, columns, lines());
}

function columnsOf(turn: readonly Template[], name: string): readonly Column[] {
  const table = turn.map(({ tables }) => tables.get(name)).find((found) => found !== undefined);
  if (table === undefined) throw new Error(`no story wrote to ${name}`);
  return table.columns;
}

type Fillers = ReadonlyMap<Template, readonly Filled[]>;

function fillersBy(turn: readonly Template[], fillers: (template: Template) => readonly Filled[]): Fillers {
  return new Map(turn.map((template) => [template, fillers(template)]));
}

function fillersOf(turn: readonly Template[], name: string): Fillers {
  return fillersBy(turn, ({ tables }) =>
    (tables.get(name)?.rows ?? []).map((row) => fillerOf(row.map(escaped).join('\t'))),
  );
}

/** A row of a table by the names of its columns. */
type NamedRow = Readonly<Record<string, string | null>>;

function namedRows(template: Template, name: string): readonly NamedRow[] {
  return namedRowsOf(template.tables.get(name));
}

function namedRowsOf(table: TemplateTable | undefined): readonly NamedRow[] {
  return (table?.rows ?? []).map((row) =>
    Object.fromEntries((table?.columns ?? []).map(({ name: column }, i) => [column, row[i] ?? null])),
  );
}

const numberOf = (cell: string | null | undefined): number => Number(cell ?? 0);
const textOf = (cell: string | null | undefined): string => cell ?? '';
const timeOf = (cell: string | null | undefined): Date => new Date(`${textOf(cell).replace(' ', 'T')}Z`);

/** A log row with its blanks, and the lot that it makes. */
interface LogTemplate {
  readonly fill: Filled;
  readonly posting: (values: readonly string[]) => Posting;
}

function logTemplates(template: Template): readonly LogTemplate[] {
  const lots = namedRows(template, 'quota_grants');
  const columns = template.tables.get('quota_logs')?.columns ?? [];
  return namedRows(template, 'quota_logs').map((row) => {
    const lot = row['type'] === 'GRANT' ? lots.find(({ grant_id: id }) => id === row['sequence']) : undefined;
    const [requestId, sourceRef] = [fillerOf(textOf(row['request_id'])), fillerOf(textOf(lot?.['source_ref']))];
    const known = {
      sequence: numberOf(row['sequence']),
      origin: textOf(row['origin']) as Posting['origin'],
      type: textOf(row['type']) as Posting['type'],
      amount: numberOf(row['amount']),
      units: numberOf(row['units']),
      quotaRemaining: numberOf(row['quota_remaining']),
      lots: JSON.parse(textOf(row['lots'])) as Posting['lots'],
      consumeSequence: row['consume_sequence'] === null ? null : numberOf(row['consume_sequence']),
      taskId: textOf(row['task_id']),
      taskType: textOf(row['task_type']),
      description: textOf(row['description']),
      actor: textOf(row['actor']),
      createTime: timeOf(row['create_time']),
      hashVersion: 1,
      hash: CHAIN_START,
    };
    const requestHash = Buffer.from(textOf(row['request_hash']), 'hex');
    const hashOf = (values: readonly string[]): Buffer =>
      lot === undefined
        ? requestHash
        : grantHash({
            source: textOf(lot['source']) as 'registration',
            sourceRef: sourceRef(values),
            units: numberOf(lot['amount']),
            expireTime: lot['expire_time'] === null ? null : timeOf(lot['expire_time']),
          });
    const cells = columns.map(({ name }) =>
      /^(?:request_hash|hash)$/.test(name) ? `\u0002${name}\u0002` : escaped(row[name] ?? null),
    );
    return {
      fill: fillerOf(cells.join('\t')),
      posting: (values) => ({
        ...known,
        userId: values[0] ?? '',
        requestId: requestId(values),
        requestHash: hashOf(values),
      }),
    };
  });
}

async function loadLogs(loader: Loader, turn: readonly Template[], copies: number, heads: Buffer): Promise<void> {
  const templates = new Map(turn.map((template) => [template, logTemplates(template)]));
  const lines = function* (): Generator<string> {
    for (const [template, values, copy] of copiesOf(turn, copies)) {
      let hash: Buffer = CHAIN_START;
      for (const { fill, posting } of templates.get(template) ?? []) {
        const row = posting(values);
        hash = chainHash(hash, row);
        yield fill(values)
          .replace('\u0002request_hash\u0002', row.requestHash.toString('hex'))
          .replace('\u0002hash\u0002', hash.toString('hex'));
      }
      hash.copy(heads, copy * HASH_BYTES);
    }
  };
  await loader.load('quota_logs', columnsOf(turn, 'quota_logs'), lines());
}

async function loadUsers(loader: Loader, turn: readonly Template[], copies: number, heads: Buffer): Promise<void> {
  const columns = columnsOf(turn, 'users');
  const at = columns.findIndex(({ name }) => name === 'log_hash');
  const fillers = new Map(
    turn.map((template) => {
      const [row = []] = template.tables.get('users')?.rows ?? [];
      return [template, fillerOf(row.map((cell, i) => (i === at ? '\u0002' : escaped(cell))).join('\t'))];
    }),
  );
  const lines = function* (): Generator<string> {
    for (const [template, values, copy] of copiesOf(turn, copies)) {
      const head = heads.toString('hex', copy * HASH_BYTES, (copy + 1) * HASH_BYTES);
      yield (fillers.get(template)?.(values) ?? '').replace('\u0002', head);
    }
  };
  await loader.load('users', columns, lines());
}

/** An audit row with its blanks. */
type AuditFiller = (values: readonly string[], id: number) => AuditContent;

function auditFillers(rows: readonly NamedRow[]): readonly AuditFiller[] {
  return rows.map((row) => {
    const fill = (name: string): Filled => fillerOf(textOf(row[name]));
    const fillOrNull = (name: string): ((values: readonly string[]) => string | null) =>
      row[name] === null ? () => null : fill(name);
    const parts = { subjectId: fill('subject_id'), cause: fill('cause'), afterState: fill('after_state') };
    const [request, userId, beforeState] = ['request', 'user_id', 'before_state'].map(fillOrNull);
    const known = {
      action: textOf(row['action']),
      actor: textOf(row['actor']),
      role: row['role'] ?? null,
      subjectType: textOf(row['subject_type']),
      createTime: timeOf(row['create_time']),
    };
    return (values, id) => ({
      ...{ ...known, id, request: request?.(values) ?? null, userId: userId?.(values) ?? null },
      ...{ subjectId: parts.subjectId(values), cause: parts.cause(values) },
      ...{ beforeState: beforeState?.(values) ?? null, afterState: parts.afterState(values) },
    });
  });
}

const AUDIT_COLUMNS: readonly Column[] = [
  ...['id', 'action', 'actor', 'role', 'request', 'subject_type', 'subject_id', 'user_id', 'cause'],
  ...['before_state', 'after_state', 'create_time'],
].map((name) => ({ name, isBinary: false }));

/** The audit log with its chain: one for all, so its places are in the order of the copies. */
async function loadAudits(
  loader: Loader,
  wanted: {
    readonly turn: readonly Template[];
    readonly copies: number;
    /** What was done for no user comes first. */
    readonly ofNobody: readonly NamedRow[];
  },
): Promise<void> {
  const { turn, copies, ofNobody } = wanted;
  const fillers = new Map(turn.map((template) => [template, auditFillers(namedRows(template, 'audit_logs'))]));
  const rows = function* (): Generator<AuditContent> {
    let id = 0;
    for (const fill of auditFillers(ofNobody)) yield fill([], (id += 1));
    for (const [template, values] of copiesOf(turn, copies)) {
      for (const fill of fillers.get(template) ?? []) yield fill(values, (id += 1));
    }
  };
  const lines = function* (): Generator<string> {
    for (const row of rows()) {
      const time = row.createTime.toISOString().slice(0, -1).replace('T', ' ');
      const cells = [String(row.id), row.action, row.actor, row.role, row.request, row.subjectType, row.subjectId];
      yield [...cells, row.userId, row.cause, row.beforeState, row.afterState, time].map(escaped).join('\t');
    }
  };
  await loader.load('audit_logs', AUDIT_COLUMNS, lines());
  let [hash, position] = [AUDIT_CHAIN_START, 0];
  const places = function* (): Generator<string> {
    for (const row of rows()) {
      position += 1;
      hash = auditHash(hash, position, row);
      yield `${position}\t${row.id}\t1\t${hash.toString('hex')}`;
    }
  };
  const columns = ['position', 'audit_id', 'hash_version', 'hash'].map((name) => ({ name, isBinary: name === 'hash' }));
  await loader.load('audit_chain', columns, places());
  const head = [position, hash, position];
  await loader.root.query(
    "UPDATE audit_chain_head SET position = ?, hash = ?, reached_id = ?, gaps = '[]' WHERE id = 1",
    head,
  );
}

/** What counts rows is counted anew. */
async function fixCounters(root: Connection, database: string): Promise<void> {
  await root.query(`DELETE FROM ${database}.registration_grant_days`);
  await root.query(
    `UPDATE ${database}.promotions p SET budget_used = (
      SELECT COALESCE(SUM(c.discount_amount), 0) FROM ${database}.user_coupons c
      WHERE c.promotion_id = p.id AND c.status IN ('locked', 'used')) WHERE p.budget > 0`,
  );
}
