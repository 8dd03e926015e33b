import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** Log lines wait for each other in memory; however a process ends, those that it wrote are not lost. */

const LOG = join(__dirname, '..', '..', 'dist', 'src', 'platform', 'log.js');

/** Runs a program that has `log`; resolves with the messages on its standard output, whatever its exit code. */
function messagesOf(program: string): Promise<string[]> {
  const source = `const log = require(${JSON.stringify(LOG)}).createLogger({ level: 'info', role: 'rpc' }); ${program}`;
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', source], (_error, stdout) => {
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve(lines.map((line) => (JSON.parse(line) as { msg: string }).msg));
    });
  });
}

test.each([
  ['runs out of work', "log.info('a'); log.info('b');"],
  ['exits', "log.info('a'); log.info('b'); process.exit(0);"],
  ['exits while lines are being written', "log.info('a'); setTimeout(() => { log.info('b'); process.exit(1); }, 10);"],
  ['dies of an error nobody caught', "log.info('a'); log.info('b'); throw new Error('x');"],
  ['logs a fatal line and exits', "log.info('a'); log.fatal('b'); process.exit(1);"],
])('a process that %s has written every line', async (_how, program) => {
  // A write under way at the very end may come after what is written last.
  expect((await messagesOf(program)).sort()).toEqual(['a', 'b']);
});

test('a line leaves within moments, though no other follows', async () => {
  const program = "log.info('a'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000);";
  expect(await messagesOf(program)).toEqual(['a']);
});

test('many lines are written whole and in order', async () => {
  const messages = await messagesOf('for (let i = 0; i < 3000; i += 1) log.info(String(i)); process.exit(0);');
  expect(messages).toEqual(Array.from({ length: 3_000 }, (_, i) => String(i)));
});
