import { createVerify, type KeyObject } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it reached the server, with its raw body. */
export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How the server treats one request; not ending the response leaves the caller waiting. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

/** A real HTTP server that answers the n-th request by the n-th answer, and by the last one from then on. */
export interface AnsweringServer {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  answerWith(...answers: Answer[]): void;
  close(): Promise<void>;
}

/** Starts the server on a free loopback port. */
export async function startAnsweringServer(): Promise<AnsweringServer> {
  const received: ReceivedRequest[] = [];
  let answers: Answer[] = [];
  const server = createServer((message: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const { method = '', url = '', headers } = message;
      const request = { method, url, headers, body: Buffer.concat(chunks) };
      received.push(request);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === undefined) response.destroy();
      else answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answerWith(...next) {
      received.length = 0;
      answers = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The items of an Authorization header by name, `scheme` among them. */
export function authorizationItems(request: ReceivedRequest): Record<string, string> {
  const [scheme = '', list = ''] = (request.headers.authorization ?? '').split(' ');
  const items = list.split(',').map((item) => /^(\w+)="([^"]*)"$/.exec(item)?.slice(1) ?? []);
  return { scheme, ...(Object.fromEntries(items) as Record<string, string>) };
}

/** Whether the merchant's signature covers exactly what arrived; written from the documentation, apart from src. */
export function isSignedBy(merchantKey: KeyObject, request: ReceivedRequest): boolean {
  const { timestamp, nonce_str: nonce, signature = '' } = authorizationItems(request);
  return createVerify('sha256')
    .update(`${request.method}\n${request.url}\n${timestamp}\n${nonce}\n`)
    .update(request.body)
    .update('\n')
    .verify(merchantKey, signature, 'base64');
}
