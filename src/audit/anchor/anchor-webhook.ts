import { openHttpPost, webhookHeaders } from '../../event';
import type { Clock } from '../../platform/clock';
import { anchorFileText, anchorName, type SignedAnchor } from './anchor-document';

/** Where anchors are posted, beside being written: somebody else's machine, which nobody of ours can rewrite. */
export interface AnchorWebhook {
  /** Resolves when it has taken the anchor; the same one may come again. */
  deliver(signed: SignedAnchor, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** How it is reached. */
export interface AnchorWebhookOptions {
  readonly url: string;
  /** As Standard Webhooks write them: `whsec_…`; all of them sign. */
  readonly secrets: readonly string[];
  readonly timeoutMs: number;
  /** Signatures carry the machine's own time: receivers compare it with theirs. */
  readonly clock: Pick<Clock, 'machineNow'>;
}

/** Posts the content of an anchor's file, signed like the webhooks of events; its name is the id of the message. */
export function openAnchorWebhook({ url, secrets, timeoutMs, clock }: AnchorWebhookOptions): AnchorWebhook {
  const http = openHttpPost(timeoutMs);
  return {
    deliver: async (signed, signal) => {
      const body = anchorFileText(signed);
      const headers = webhookHeaders(secrets, { id: anchorName(signed.anchor), body, now: clock.machineNow() });
      await http.post(url, headers, body, signal);
    },
    close: () => http.close(),
  };
}
