/**
 * Rows by which a user took units that a check of the log remembers. Most users have a few; of one with more the database is asked
 * once the log is read, which it answers from the keys of that user, and nothing of his log is kept here.
 */
export const TAKES_REMEMBERED_MAX = 10_000;
