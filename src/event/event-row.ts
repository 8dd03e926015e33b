/** An event as the outbox holds it: one row may tell of many users. */
export interface EventRow {
  readonly id: number;
  readonly type: string;
  /** Null: the payload names the users, or nobody in particular. */
  readonly userId: string | null;
  /** JSON. */
  readonly payload: string;
  readonly createTime: Date;
}

/** The columns of an EventRow, in the order that `toEventRow` reads. */
export const EVENT_COLUMNS = 'id, type, user_id, payload, create_time';

/** A row of EVENT_COLUMNS. */
export function toEventRow(values: readonly unknown[]): EventRow {
  const [id, type, userId, payload, createTime] = values as [number, string, string | null, string, Date];
  return { id, type, userId, payload, createTime };
}
