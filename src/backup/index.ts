/** What the command line makes backups with. Meaning: README.md. */
export { createBackupKeys, type BackupKeys } from './backup-keys';
export { BackupError } from './backup.errors';
export { chooseBackup } from './choose-backup';
export type { Drill, Manifest, StreamState } from './documents';
export { readBackupFacts, recordDrill } from './drill-store';
export { createFullBackup } from './full-backup';
export { listFulls, readManifest, readReaches } from './full-store';
export type { ProgramSettings } from './programs';
export { prune } from './prune';
export { restore, type Restored } from './restore';
export { startScratchServer } from './scratch-server';
export { shipLog } from './ship-log';
export type { ShipProgress } from './stream-metrics';
export { listStreams, newestStream, orFault, readStreamState, type SealedReader } from './stream-store';
export { verifyTarget } from './verify-backups';
