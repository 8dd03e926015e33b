/** A private Redis with an append-only file, which never evicts. */
import net from 'node:net';
import { symlinkSync, rmSync } from 'node:fs';
import { tailOf } from '../files.mjs';
import { programPath } from '../prepare/programs.mjs';
import { findProcesses, startInBackground, stopProcesses, waitFor } from '../processes.mjs';
import { Failure, step } from '../terminal.mjs';
import { commandUnder, makeOwnedDirectory, writeOwnedFile } from './account.mjs';
import { startOnFreePorts } from './ports.mjs';

const START_TIMEOUT_MS = 60_000;
const HEALTH_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 1_000;
const STOP_GRACE_MS = 15_000;

/**
 * Redis replaces its command line by the path it was started with and its address. Started through a link in our own
 * folder, it stays recognisable.
 */
function programLink(stack) {
  return stack.within('redis', 'redis-server');
}

function findRedis(stack) {
  const link = programLink(stack);
  return findProcesses(([name]) => name === link || name.startsWith(`${link} `));
}

/** Whether Redis, asked with our password, answers PONG: not so while it still loads its file. */
async function answers(stack) {
  const port = stack.state.ports.redis;
  if (port === undefined) return false;
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let text = '';
    const finish = () => {
      socket.destroy();
      resolve(text === '+OK\r\n+PONG\r\n');
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, finish);
    socket.on('connect', () => socket.write(`AUTH ${stack.secrets.redis}\r\nPING\r\n`));
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.split('\r\n').length > 2) finish();
    });
    socket.on('error', finish);
  });
}

function configuration(stack) {
  return [
    'bind 127.0.0.1',
    `port ${stack.state.ports.redis}`,
    `requirepass ${stack.secrets.redis}`,
    `dir "${stack.within('redis', 'data')}"`,
    'daemonize no',
    'logfile ""',
    'appendonly yes',
    'save ""',
    'maxmemory-policy noeviction',
    '',
  ].join('\n');
}

async function launch(stack, account) {
  for (const names of [['redis'], ['redis', 'data']]) makeOwnedDirectory(account, stack.within(...names));
  const configFile = stack.within('redis', 'redis.conf');
  writeOwnedFile(account, configFile, configuration(stack));
  rmSync(programLink(stack), { force: true });
  symlinkSync(programPath('redis-server'), programLink(stack));
  const { command, commandArguments } = commandUnder(account, programLink(stack), [configFile]);
  const logFile = stack.within('log', 'redis.log');
  const env = { PATH: process.env.PATH, TZ: 'UTC' };
  const server = startInBackground(command, commandArguments, { env, cwd: '/', logFile });
  await waitFor(async () => server.hasExited || (await answers(stack)), START_TIMEOUT_MS);
  if (server.hasExited || !(await answers(stack))) {
    await stopProcesses(findRedis(stack), STOP_GRACE_MS);
    throw new Failure(`Redis did not start. The end of ${logFile}:\n${tailOf(logFile)}`);
  }
  return server.pid;
}

/** Makes sure Redis runs with our password. Returns its process id. */
export async function startRedis(stack, account) {
  const running = findRedis(stack);
  if (running.length === 1 && (await waitFor(() => answers(stack), HEALTH_TIMEOUT_MS, 250))) return running[0].pid;
  await stopRedis(stack);
  return startOnFreePorts(stack, ['redis'], () => step('Starting Redis', () => launch(stack, account)));
}

/** Stops Redis; harmless when it does not run. */
export function stopRedis(stack) {
  return stopProcesses(findRedis(stack), STOP_GRACE_MS);
}

export function redisUrl(stack) {
  return `redis://:${stack.secrets.redis}@127.0.0.1:${stack.state.ports.redis}/0`;
}
