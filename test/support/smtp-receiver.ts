import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A mail server that takes every message and keeps it as it came. */
export interface SmtpReceiver {
  readonly url: string;
  readonly messages: string[];
  close(): Promise<void>;
}

const ANSWERS: readonly (readonly [RegExp, string])[] = [
  [/^(?:EHLO|HELO)/i, '250 mail.test'],
  [/^(?:MAIL|RCPT|RSET|NOOP)/i, '250 ok'],
  [/^DATA/i, '354 go on'],
  [/^QUIT/i, '221 bye'],
];

function serve(socket: Socket, messages: string[]): void {
  let text = '';
  let isData = false;
  socket.on('error', () => undefined);
  socket.write('220 mail.test ready\r\n');
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    for (;;) {
      const end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n');
      if (end < 0) return;
      const part = text.slice(0, end);
      text = text.slice(end + (isData ? 5 : 2));
      if (isData) {
        messages.push(part);
        isData = false;
        socket.write('250 taken\r\n');
        continue;
      }
      isData = /^DATA/i.test(part);
      socket.write(`${ANSWERS.find(([pattern]) => pattern.test(part))?.[1] ?? '502 what'}\r\n`);
      if (/^QUIT/i.test(part)) socket.end();
    }
  });
}

/** Starts one on a free port. */
export async function startSmtpReceiver(): Promise<SmtpReceiver> {
  const messages: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    serve(socket, messages);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}?ignoreTLS=true`,
    messages,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
