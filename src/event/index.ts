/** What others may use of events. Meaning: README.md. */
export { deliverEvents } from './deliver-events.job';
export { envelopesOf, type CloudEvent } from './envelope';
export { createEventService } from './event.rpc';
export { openEventStream } from './event-stream';
export { startEventRelay } from './relay';
export { KEEP_DAYS, TRIMMED_MAX, trimOutbox } from './trim-outbox.job';
export { openHttpPost } from './sink/http-post';
export { openSinks } from './sink/open-sinks';
export { wantsOf } from './sink/wants';
export { webhookHeaders } from './sink/webhook-signature';
