import type { Posting } from '../../quota';
import type { Finding, LogListener, StoredAccount, UnreadableRow } from './check';

/** What a check of the log does with what it remembers of one user. */
export interface UserListener<State> {
  /** What is known of a user before the first row. */
  start(): State;
  row?(state: State, row: Posting): Finding | undefined;
  unreadable?(state: State, row: UnreadableRow): Finding | undefined;
  endUser?(state: State, stored: StoredAccount): readonly Finding[] | Finding | undefined;
}

/** A listener that remembers one user at a time, and starts afresh with the next. */
export function perUser<State>(listener: UserListener<State>): LogListener {
  let state = listener.start();
  const told = (found: readonly Finding[] | Finding | undefined): readonly Finding[] | undefined =>
    found === undefined || Array.isArray(found) ? (found as readonly Finding[] | undefined) : [found as Finding];
  return {
    row: (row) => told(listener.row?.(state, row)),
    unreadable: (row) => told(listener.unreadable?.(state, row)),
    endUser: (stored) => {
      const found = told(listener.endUser?.(state, stored));
      state = listener.start();
      return found;
    },
  };
}
