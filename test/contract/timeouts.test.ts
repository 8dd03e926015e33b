import { readFileSync } from 'node:fs';
import { loadConfig, SETTING_NAMES } from '../../src/platform/config';
import { tableUnder } from '../support/doc-tables';
import { readSources } from '../support/sources';
import { requiredSettings } from '../support/settings';

const PAGE = readFileSync('docs/timeouts.md', 'utf8');

/** Settings whose name says that they bound something. */
const BOUND = /_(MS|SECONDS|MINUTES|DAYS|MAX|ATTEMPTS|SIZE|UNITS|LIMIT|FEN|PER_USER|PER_CALLER|PER_PERSON)$/;

/** `const NAME = 1_000;` and `'grpc.name': 1_000,` of constants that bound something. */
const CONSTANT = /^(?:export )?const (\w+_(?:MS|SECONDS|MAX|SIZE|DEFAULT)) = ([\d_]+);$/gm;
const GRPC_OPTION = /^ +'(grpc\.\w+)': ([\d_]+),$/gm;

/** Whatever waits, queues or grows has a documented number, and the number is true. */
describe('the documented bounds', () => {
  test('name every setting that is a bound, with its default', () => {
    const config: Readonly<Record<string, unknown>> = loadConfig(requiredSettings());
    const defaults = SETTING_NAMES.filter((name) => BOUND.test(name)).map((name) => `${name} ${String(config[name])}`);
    expect(defaults.length).toBeGreaterThan(20);
    expect(
      tableUnder(PAGE, 'Settings')
        .map(([name, value]) => `${name} ${value}`)
        .sort(),
    ).toEqual(defaults.sort());
  });

  test('name every constant of src that is a bound, with its file and value', () => {
    const constants = readSources(['src']).flatMap(({ path, text }) =>
      [...text.matchAll(CONSTANT), ...text.matchAll(GRPC_OPTION)].map(
        ([, name, value = '']) => `${name} ${path} ${Number(value.replaceAll('_', ''))}`,
      ),
    );
    expect(constants.length).toBeGreaterThan(30);
    const documented = tableUnder(PAGE, 'Constants').map(([name, path, value]) => `${name} ${path} ${value}`);
    expect(documented.sort()).toEqual(constants.sort());
  });

  test('hold one another: what is inside ends before what is outside', () => {
    const config = loadConfig(requiredSettings());
    const growing = [
      config.REDIS_TIMEOUT_MS,
      config.LOCK_WAIT_TIMEOUT_MS,
      config.STATEMENT_TIMEOUT_MS,
      config.TRANSACTION_TIMEOUT_MS,
      config.RPC_DEADLINE_MAX_MS,
    ];
    expect([...growing].sort((first, second) => first - second)).toEqual(growing);
    expect(config.RPC_DEADLINE_DEFAULT_MS).toBeLessThanOrEqual(config.RPC_DEADLINE_MAX_MS);
    expect(config.WECHATPAY_TOTAL_TIMEOUT_MS).toBeLessThan(config.RPC_DEADLINE_MAX_MS);
    expect(config.DRAIN_NOTICE_MS + config.DRAIN_TIMEOUT_MS).toBeLessThanOrEqual(10_000);
  });
});
