import { Agent, request } from 'undici';
import { NotDelivered } from './sink';

/** Posts JSON to a sink. Redirects are not followed: what is signed for one address is not for another. */
export interface HttpPost {
  /** Returns the body of a 2xx answer. Throws NotDelivered for any other, and what undici throws. */
  post(url: string, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** Connections to one host. */
const CONNECTIONS_MAX = 8;
/** Longest answer that is read. */
const ANSWER_BYTES_MAX = 65_536;

/** Opens the way out, with one time-out for a whole exchange. */
export function openHttpPost(timeoutMs: number): HttpPost {
  const dispatcher = new Agent({
    connections: CONNECTIONS_MAX,
    connect: { timeout: timeoutMs },
    maxResponseSize: ANSWER_BYTES_MAX,
  });
  return {
    post: async (url, headers, body, signal) => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const json = { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'billing-guard', ...headers };
      const answer = await request(url, { method: 'POST', headers: json, body, dispatcher, signal: limited });
      const text = await answer.body.text();
      if (answer.statusCode < 200 || answer.statusCode > 299) throw new NotDelivered(`HTTP ${answer.statusCode}`);
      return text;
    },
    close: () => dispatcher.close(),
  };
}
