/**
 * The ids of everything that a subject leads to: found once, then each table is asked for the rows that name them. Whose they
 * are is always one user.
 */
export interface Scope {
  readonly userId: string;
  /** Everything of the user is asked for, not one order or task of theirs. */
  readonly isWholeUser: boolean;
  readonly ids: Readonly<Record<IdKind, readonly (string | number | Buffer)[]>>;
}

/** Kinds of ids, each the key of something. */
export const ID_KINDS = [
  'order',
  'task',
  'payment',
  'refund',
  'coupon',
  'promotion',
  'campaign',
  'notification',
  'plan',
  'planPrice',
  'taskType',
  'identity',
  /** Rows of the user's log that the subject is about. */
  'sequence',
  'audit',
  'event',
] as const;

export type IdKind = (typeof ID_KINDS)[number];

/** A scope that has only its user yet. */
export function emptyScope(userId: string, isWholeUser: boolean): Scope {
  const ids = Object.fromEntries(ID_KINDS.map((kind) => [kind, []])) as unknown as Scope['ids'];
  return { userId, isWholeUser, ids };
}

/** A scope with more ids of some kinds, each once, in the order they were found. */
export function withIds(scope: Scope, more: Partial<Scope['ids']>): Scope {
  const merged = ID_KINDS.map((kind) => {
    const found = [...scope.ids[kind], ...(more[kind] ?? [])];
    const byText = new Map(found.map((id) => [Buffer.isBuffer(id) ? id.toString('hex') : String(id), id]));
    return [kind, [...byText.values()]] as const;
  });
  return { ...scope, ids: Object.fromEntries(merged) as unknown as Scope['ids'] };
}
