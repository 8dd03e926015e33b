/** What evidence is exported about. */
export type EvidenceSubject =
  | { readonly type: 'order'; readonly id: string }
  | { readonly type: 'user'; readonly id: string }
  /** A task belongs to a user: another user's task may have the same id. */
  | { readonly type: 'task'; readonly id: string; readonly userId: string };
