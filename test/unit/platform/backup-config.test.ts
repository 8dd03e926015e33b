import { loadBackupConfig } from '../../../src/platform/config';
import { ConfigError } from '../../../src/platform/read-settings';

const KEY = Buffer.alloc(32, 1).toString('base64');
const OLD_KEY = Buffer.alloc(32, 2).toString('base64');

/** R11.5: a backup is never made with half of one place's settings and half of another's. */
describe('the configuration of backups', () => {
  test('holds a ring of keys and the documented defaults', () => {
    const config = loadBackupConfig({}, { BACKUP_DIR: '/target', BACKUP_KEY: `${KEY},${OLD_KEY}` });
    expect(config.BACKUP_KEY.map((key) => key.toString('base64'))).toEqual([KEY, OLD_KEY]);
    expect(config.BACKUP_STREAM_INTERVAL_MS).toBe(250);
  });

  test('names every problem at once, and repeats no secret', () => {
    const load = (): unknown => loadBackupConfig({}, { BACKUP_KEY: 'secret', RESTORE_DATABASE_URL: 'http://x' });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(/BACKUP_DIR is not set/);
    expect(load).toThrow(/BACKUP_KEY must be base64 of 32 bytes/);
    expect(load).toThrow(/RESTORE_DATABASE_URL/);
    expect(load).not.toThrow(/secret/);
  });

  test("takes the local stack's only where the environment names no place of its own", () => {
    const local = { BACKUP_DIR: '/local', BACKUP_KEY: KEY };
    expect(loadBackupConfig(local, {}).BACKUP_DIR).toBe('/local');
    expect(() => loadBackupConfig(local, { BACKUP_DIR: '/target' })).toThrow(/BACKUP_KEY is not set/);
    expect(() => loadBackupConfig(local, { BACKUP_KEY_FILE: '/nowhere' })).toThrow(/BACKUP_DIR is not set/);
  });
});
