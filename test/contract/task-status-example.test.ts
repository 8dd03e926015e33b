import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createTaskStatusSource } from '../../src/quota';
import type { TaskState } from '../../src/quota/task-status';
import { readInfra } from '../support/infra';
import { freePorts } from '../../bench/runner/free-ports';
import { tlsMaterialOf } from '../support/task-service';

/** What the example finds; other tasks are not known to it. */
const TASKS = `
exports.findTask = async (userId, taskId) =>
  ({ 't-done': { state: 'done' }, 't-running': { state: 'running' }, 't-given-up': { state: 'given_up' } })[taskId];
`;

/** Whoever copies the example gets a task service that billing-guard understands. */
describe('the example in docs/task-status.md', () => {
  const { tlsDir } = readInfra();
  // Beside the certificates: within the clone, so that packages are found, and never committed.
  const directory = mkdtempSync(join(dirname(tlsDir), 'example-'));
  let address: string;
  let program: ReturnType<typeof spawn>;

  beforeAll(async () => {
    const [, code = ''] = /```js\n([^]*?)```/.exec(readFileSync('docs/task-status.md', 'utf8')) ?? [];
    writeFileSync(join(directory, 'example.cjs'), code);
    writeFileSync(join(directory, 'tasks.js'), TASKS);
    const [port = 0] = await freePorts(1);
    address = `localhost:${port}`;
    const tls = (name: string): string => join(tlsDir, name);
    const files = { TLS_CA_FILE: tls('ca.crt'), TLS_CERT_FILE: tls('server.crt'), TLS_KEY_FILE: tls('server.key') };
    const env = { ...process.env, ...files, LISTEN: `127.0.0.1:${port}` };
    program = spawn(process.execPath, [join(directory, 'example.cjs')], { env, stdio: 'inherit' });
  });
  afterAll(() => {
    program.kill();
    rmSync(directory, { recursive: true });
  });

  async function ask(identity: string, ...taskIds: string[]): Promise<readonly TaskState[]> {
    const source = createTaskStatusSource({ address, tls: tlsMaterialOf(tlsDir, identity), timeoutMs: 5_000 });
    try {
      return await source.ask(taskIds.map((taskId) => ({ userId: 'u-1', taskId })));
    } finally {
      source.close();
    }
  }

  /** Asks until the program listens. */
  async function askOnceUp(identity: string, ...taskIds: string[]): Promise<readonly TaskState[]> {
    for (;;) {
      try {
        return await ask(identity, ...taskIds);
      } catch (error) {
        if ((error as { code?: string }).code !== 'UNAVAILABLE' || program.exitCode !== null) throw error;
        await pause(50);
      }
    }
  }

  test('answers billing-guard: every state, in the order asked', async () => {
    const states = await askOnceUp('server', 't-given-up', 't-lost', 't-done', 't-running');
    expect(states).toEqual(['FAILED', 'UNKNOWN', 'SUCCEEDED', 'RUNNING']);
  });

  test('answers nobody else, whatever certificate of the CA he has', async () => {
    await expect(askOnceUp('order-service', 't-done')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});
