import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { webhookHeaders } from '../../src/event/sink/webhook-signature';
import { freePorts } from '../../bench/runner/free-ports';
import { until } from '../support/harness';
import { readInfra } from '../support/infra';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

/** Whoever copies the examples of docs/events.md gets consumers that are right. */
describe('the examples in docs/events.md', () => {
  const { tlsDir, redisUrl } = readInfra();
  // Within the clone, so that packages are found, and never committed.
  const directory = mkdtempSync(join(dirname(tlsDir), 'events-'));
  const running: ReturnType<typeof spawn>[] = [];
  afterAll(async () => {
    for (const program of running) {
      program.kill('SIGKILL');
      if (program.exitCode === null && program.signalCode === null) await once(program, 'exit');
    }
    rmSync(directory, { recursive: true });
  });

  /** Starts an example; returns what it says it has applied so far. */
  const start = (name: string, settings: Readonly<Record<string, string>>): string[] => {
    const examples = [...readFileSync('docs/events.md', 'utf8').matchAll(/```js\n([^]*?)```/g)].map(
      ([, code = '']) => code,
    );
    const code = examples.find((example) => example.startsWith(`// ${name}:`));
    if (code === undefined) throw new Error(`docs/events.md has no ${name}`);
    const file = join(directory, name);
    writeFileSync(file, code);
    const env = { PATH: process.env['PATH'] ?? '', ...settings };
    const program = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    running.push(program);
    const applied: string[] = [];
    const { stdout } = program;
    if (stdout === null) throw new Error('the example has no standard output');
    createInterface({ input: stdout }).on('line', (line) => {
      applied.push((JSON.parse(line) as { readonly applied: string }).applied);
    });
    return applied;
  };
  const eventOf = (id: string) =>
    JSON.stringify({ specversion: '1.0', id, type: 'order.paid', subject: 'u', data: {} });

  test('the receiver of webhooks takes what is signed and fresh, once, and nothing else', async () => {
    const [port = 0] = await freePorts(1);
    const applied = start('webhook-consumer.cjs', { PORT: String(port), WEBHOOK_SECRET: SECRET });
    const post = async (headers: Readonly<Record<string, string>>, body: string): Promise<number> => {
      try {
        return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })).status;
      } catch {
        return 0;
      }
    };
    const signed = (id: string, agoSeconds = 0, secret = SECRET): Readonly<Record<string, string>> =>
      webhookHeaders([secret], { id, body: eventOf(id), now: new Date(Date.now() - agoSeconds * 1_000) });
    await until('it listens', async () => (await post({}, 'x')) === 401);

    expect(await post(signed('1'), eventOf('1'))).toBe(204);
    expect(await post(signed('1'), eventOf('1'))).toBe(204);
    expect(await post(signed('2', 290), eventOf('2'))).toBe(204);
    // Caught and sent again later; from a clock that is wrong; forged; changed; with another secret.
    expect(await post(signed('3', 310), eventOf('3'))).toBe(401);
    expect(await post(signed('3', -310), eventOf('3'))).toBe(401);
    expect(
      await post({ ...signed('3', 310), 'webhook-timestamp': String(Math.floor(Date.now() / 1_000)) }, eventOf('3')),
    ).toBe(401);
    expect(await post(signed('3'), eventOf('4'))).toBe(401);
    expect(await post({ ...signed('3'), 'webhook-id': '4' }, eventOf('3'))).toBe(401);
    expect(await post(signed('3', 0, `whsec_${Buffer.alloc(24, 8).toString('base64')}`), eventOf('3'))).toBe(401);
    const both = webhookHeaders([`whsec_${Buffer.alloc(24, 8).toString('base64')}`, SECRET], {
      ...{ id: '5', body: eventOf('5'), now: new Date() },
    });
    expect(await post(both, eventOf('5'))).toBe(204);
    await until('it has said so', () => Promise.resolve(applied.length >= 3));
    expect(applied).toEqual(['1', '2', '5']);
  });

  test('the reader of the stream applies each event once, in order, also after the stream was emptied', async () => {
    const redis = new Redis(redisUrl);
    const stream = `example-${process.pid}.events`;
    const add = (id: string) => redis.xadd(stream, '*', 'event', eventOf(id));
    try {
      await add('1');
      const applied = start('stream-consumer.cjs', { REDIS_URL: redisUrl, STREAM: stream, GROUP: 'crm' });
      await until('it has read the first', () => Promise.resolve(applied.length === 1));
      await add('2');
      await until('it has read the second', () => Promise.resolve(applied.length === 2));
      await redis.del(stream);
      for (const id of ['1', '2', '3']) await add(id);
      await until('it has read the third', () => Promise.resolve(applied.length >= 3));
      expect(applied).toEqual(['1', '2', '3']);
    } finally {
      await redis.del(stream);
      redis.disconnect();
    }
  });
});
