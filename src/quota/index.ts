/** What other domains may use of quota. Meaning and invariants: README.md. */
export type { Lot } from './account';
export { usableUnits } from './burn-order';
export { endFreeze, freezeUnits, revokeLots } from './freeze';
export { grantQuota } from './grant-quota';
export { readLotsOfOrder } from './lots-of-order';
export { insertAccount, lockUser, lockUserIfAny, openBook, writeBook } from './posting';
export { readQuota, readUser } from './quota.queries';
export { quotaErrors } from './quota.errors';
export { createQuotaService } from './quota.rpc';
export { toPosting, type QuotaLogRow } from './quota-log.model';
export { verifyChain } from './log-chain';
export { createUserLocks } from './user-locks';
export { createTaskStatusSource } from './task-status.rpc';
export { UserRow } from './user.model';
export { verifyLedger, type LedgerReport } from './verify-ledger';
export { createQuotaCommits, QUOTA_CONNECTIONS, type QuotaCommits } from './quota-commits';
export { OLD_REFUSALS_MAX, RefusalRecorder, dropOldRefusals } from './refusals';
export { DUE_CHARGES_MAX, settleDueCharges } from './settle-due-charges.job';
