import { chooseBackup, expiredBackups, firstNeeded } from '../../../src/backup/choose-backup';
import type { Manifest } from '../../../src/backup/documents';

/** A full backup that took a minute. */
function full(id: string, day: number, fields: Partial<Manifest> = {}): Manifest {
  const at = (minute: string): string => `2026-11-${String(day).padStart(2, '0')}T02:${minute}:00.000Z`;
  return {
    kind: 'billing-guard full backup 1',
    id,
    database: 'billing',
    charset: 'utf8mb4',
    collation: 'utf8mb4_bin',
    server: { version: '10.11', hostname: 'db', port: 3306, serverId: 1 },
    startTime: at('00'),
    endTime: at('01'),
    log: { file: `binlog.${String(day).padStart(6, '0')}`, position: 4 },
    stream: 's-1',
    tables: 1,
    triggers: 0,
    routines: 0,
    dumpBytes: 1,
    files: [],
    madeBy: 'test',
    ...fields,
  };
}

const ALL = [full('f-1', 1), full('f-3', 3), full('f-2', 2)];

/** R7.4, R11.5: which backup a restoration begins with, and which ones retention leaves. */
describe('choosing among backups', () => {
  test('takes the newest that had ended at the wanted moment, among those that reach as far', () => {
    const streamed = ALL.map((manifest) => ({ manifest, reachTime: new Date('2026-11-05T00:00:00Z') }));
    expect(chooseBackup(streamed, undefined).id).toBe('f-3');
    expect(chooseBackup(streamed, new Date('2026-11-03T02:00:30Z')).id).toBe('f-2');
    expect(chooseBackup(streamed, new Date('2026-11-03T02:01:00Z')).id).toBe('f-3');
    expect(() => chooseBackup(streamed, new Date('2026-11-01T02:00:59Z'))).toThrow('no full backup is from before');
    expect(() => chooseBackup([], undefined)).toThrow('there is no full backup');
  });

  test('takes an older one whose stream goes on beyond a newer one that has none', () => {
    const [first, alone] = [full('f-1', 1), full('f-3', 3, { stream: null })];
    const reach = (day: number) => new Date(`2026-11-0${day}T02:01:00Z`);
    const backups = [
      { manifest: first, reachTime: reach(5) },
      { manifest: alone, reachTime: reach(3) },
    ];
    expect(chooseBackup(backups, undefined).id).toBe('f-1');
    expect(chooseBackup(backups, reach(4)).id).toBe('f-1');
    expect(chooseBackup(backups, reach(3)).id).toBe('f-3');
  });

  test('lets go what is too old, never the newest', () => {
    const idsAt = (limit: string): readonly string[] => expiredBackups(ALL, new Date(limit)).map(({ id }) => id);
    expect(idsAt('2026-11-01T00:00:00Z')).toEqual([]);
    expect(idsAt('2026-11-02T02:00:00Z')).toEqual(['f-1']);
    expect(idsAt('2027-01-01T00:00:00Z')).toEqual(['f-1', 'f-2']);
    expect(expiredBackups([], new Date())).toEqual([]);
  });

  test('keeps the log from the oldest backup on that a stream continues', () => {
    expect(firstNeeded(ALL, 's-1')).toBe('binlog.000001');
    expect(firstNeeded([full('f-9', 9), full('f-7', 7, { stream: 's-0' })], 's-1')).toBe('binlog.000009');
    expect(firstNeeded(ALL, 's-2')).toBeUndefined();
  });
});
