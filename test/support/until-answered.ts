import type { Client } from '@grpc/grpc-js';
import type { Reply } from './clients';

/** Codes after which nobody knows whether the call took effect, or which promise that a retry helps. */
const RETRIED: readonly string[] = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'ABORTED', 'CANCELLED'];
const RECONNECT_MS = 20_000;

/**
 * Calls again and again, as a caller does who must know, until there is an answer or a refusal that stays one; waits for
 * the connection in between. `onLost` hears of every attempt that had neither.
 */
export async function untilAnswered<Response>(
  client: Client,
  attempt: () => Promise<Reply<Response>>,
  onLost: (code: string) => void,
): Promise<Reply<Response>> {
  for (;;) {
    const reply = await attempt();
    if (reply.ok || !RETRIED.includes(reply.code)) return reply;
    onLost(reply.code);
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + RECONNECT_MS, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}
