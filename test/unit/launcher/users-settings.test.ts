import { join } from 'node:path';
import { runModule } from '../../support/command';

/** What the launcher hands through of an environment, besides the settings of its own. */
function handedThrough(own: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>>): unknown {
  const { stdout, stderr } = runModule(`
    import { usersSettings } from './scripts/lib/stack/users-settings.mjs';
    process.stdout.write(JSON.stringify(usersSettings(${JSON.stringify(own)}, ${JSON.stringify(environment)})));
  `);
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('`npm run up` hands the service the settings of its environment', () => {
  test('and nothing that is no setting', () => {
    const environment = { ORDER_EXPIRE_MINUTES: '1', LOG_LEVEL: '', PATH: '/bin', NODE_OPTIONS: '--bad', ORDER: 'x' };
    expect(handedThrough({}, environment)).toEqual({ ORDER_EXPIRE_MINUTES: '1', LOG_LEVEL: '' });
  });

  test('but for what the stack decides itself, by value or by file', () => {
    const own = { GRPC_PORT: '1', TLS_CA_FILE: '/stack/ca.crt' };
    const environment = { GRPC_PORT: '2', GRPC_PORT_FILE: '/two', TLS_CA: 'other', TLS_CA_FILE: '/other' };
    expect(handedThrough(own, environment)).toEqual({});
  });

  test('with paths that mean the same in every directory', () => {
    const root = join(__dirname, '..', '..', '..');
    expect(handedThrough({}, { ORDER_EXPIRE_MINUTES_FILE: 'minutes' })).toEqual({
      ORDER_EXPIRE_MINUTES_FILE: join(root, 'minutes'),
    });
  });
});
