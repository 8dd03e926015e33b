import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

/** A Redis of one test's own, which it may kill. It keeps nothing on disk: started again it is empty. */
export interface PrivateRedis {
  readonly url: string;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** `kill -STOP`: it takes connections and answers nothing, until it is killed. */
  hang(): void;
  /** Starts it, on the same port. */
  start(): Promise<void>;
}

/** Servers live in sbin, which an ordinary user's PATH leaves out. */
const PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

/** Starts a Redis on a port of 127.0.0.1. */
export async function startPrivateRedis(port: number): Promise<PrivateRedis> {
  let kill = async (): Promise<void> => undefined;
  let hang = (): void => undefined;
  const start = async (): Promise<void> => {
    const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const server = spawn('redis-server', words, { cwd: tmpdir(), env: { PATH }, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(server, 'exit');
    hang = () => void server.kill('SIGSTOP');
    kill = async () => {
      server.kill('SIGKILL');
      await ended;
    };
    await new Promise<void>((resolve, reject) => {
      const refuse = (): void => reject(new Error(`redis-server did not start on port ${port}`));
      server.once('error', refuse).once('exit', refuse);
      createInterface({ input: server.stdout }).on('line', (line) => {
        if (line.includes('Ready to accept connections')) resolve();
      });
    });
  };
  await start();
  return { url: `redis://127.0.0.1:${port}/0`, start, kill: () => kill(), hang: () => hang() };
}
