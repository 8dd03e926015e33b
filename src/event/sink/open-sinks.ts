import { createTransport } from 'nodemailer';
import type { Clock } from '../../platform/clock';
import type { EventSinkSetting } from '../../platform/event-sinks-setting';
import type { Logger } from '../../platform/log';
import type { CloudEvent } from '../envelope';
import { openHttpPost, type HttpPost } from './http-post';
import { NotDelivered, type Sink } from './sink';
import { noticeOf, type Language, type Notice } from './templates';
import { webhookHeaders } from './webhook-signature';

/** What sinks are opened with. */
export interface SinkParts {
  /** Signatures carry the machine's own time: receivers compare it with theirs. */
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeoutMs: number;
}

type Of<Kind extends EventSinkSetting['kind']> = Extract<EventSinkSetting, { readonly kind: Kind }>;

/** What an event says to people. Throws NotDelivered for one that there is no text for: it was not asked for then. */
function mustHaveNotice(event: CloudEvent, language: Language): Notice {
  const notice = noticeOf(event, language);
  if (notice === undefined) throw new NotDelivered(`there is no text for ${event.type}`, true);
  return notice;
}

const nothing = (): Promise<void> => Promise.resolve();

/** The whole event, signed: docs/events.md says how a receiver checks it. */
function webhookSink(
  { name, url, secrets, rate_per_minute: perMinute }: Of<'webhook'>,
  http: HttpPost,
  clock: Clock,
): Sink {
  return {
    ...{ name, perMinute, close: nothing },
    deliver: async (event, signal) => {
      const body = JSON.stringify(event);
      const headers = webhookHeaders(secrets, { id: event.id, body, now: clock.machineNow() });
      await http.post(url, headers, body, signal);
    },
  };
}

/** What WeCom says to a message that it took. */
const WECOM_OK = 0;

/** A robot in a WeCom group. It answers 200 to everything and says in the body what it thinks of it. */
function wecomSink({ name, url, language, rate_per_minute: perMinute }: Of<'wecom'>, http: HttpPost): Sink {
  return {
    ...{ name, perMinute, close: nothing },
    deliver: async (event, signal) => {
      const { title, text } = mustHaveNotice(event, language);
      const body = JSON.stringify({ msgtype: 'text', text: { content: `${title}\n${text}` } });
      const code = errorCodeOf(await http.post(url, {}, body, signal));
      if (code !== WECOM_OK) throw new NotDelivered(`WeCom errcode ${String(code)}`);
    },
  };
}

function errorCodeOf(answer: string): unknown {
  try {
    return (JSON.parse(answer) as { readonly errcode?: unknown }).errcode;
  } catch {
    return 'none';
  }
}

/** E-mail to people. The Message-ID is the event's, so that mail programs know a repeat. */
function smtpSink({ name, url, from, to, language, rate_per_minute: perMinute }: Of<'smtp'>, timeoutMs: number): Sink {
  const times = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
  const transport = createTransport({ url, ...times });
  return {
    ...{ name, perMinute },
    deliver: async (event, aborted) => {
      const { title, text } = mustHaveNotice(event, language);
      // The times above are between two signs of life; this one is for the whole exchange.
      const signal = AbortSignal.any([aborted, AbortSignal.timeout(timeoutMs)]);
      const messageId = `<${event.id}.${name}@billing-guard>`;
      try {
        await transport.sendMail({ from, to, subject: title, text, messageId, signal });
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      }
    },
    close: () => Promise.resolve(transport.close()),
  };
}

function logSink({ name, language, rate_per_minute: perMinute }: Of<'log'>, log: Logger): Sink {
  return {
    ...{ name, perMinute, close: nothing },
    deliver: (event) => {
      const { title, text } = mustHaveNotice(event, language);
      log.info({ sink: name, event_id: event.id, type: event.type, user_id: event.subject, title }, text);
      return Promise.resolve();
    },
  };
}

/** Opened sinks by name. */
export interface Sinks {
  readonly byName: ReadonlyMap<string, Sink>;
  close(): Promise<void>;
}

/** Opens what is configured. Nothing is connected before the first delivery. */
export function openSinks(settings: readonly EventSinkSetting[], { clock, log, timeoutMs }: SinkParts): Sinks {
  const http = openHttpPost(timeoutMs);
  const open = (setting: EventSinkSetting): Sink => {
    if (setting.kind === 'webhook') return webhookSink(setting, http, clock);
    if (setting.kind === 'wecom') return wecomSink(setting, http);
    if (setting.kind === 'smtp') return smtpSink(setting, timeoutMs);
    return logSink(setting, log);
  };
  const sinks = settings.map(open);
  return {
    byName: new Map(sinks.map((sink) => [sink.name, sink])),
    close: async () => {
      await Promise.all([http.close(), ...sinks.map((sink) => sink.close())]);
    },
  };
}
