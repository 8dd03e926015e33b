const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

/** `2018-06-08T10:34:56+08:00`, the only form in which WeChat Pay writes an instant. */
export function shanghaiRfc3339(at: Date): string {
  return `${shanghaiIso(at).slice(0, 19)}+08:00`;
}

/** `20180608103456` in Shanghai, as WeChat Pay's own identifiers embed it. */
export function shanghaiDigits(at: Date): string {
  return shanghaiIso(at).slice(0, 19).replace(/\D/g, '');
}

/** `2018-06-08 10:34:56` in Shanghai, as bills write an instant. */
export function shanghaiDateTime(at: Date): string {
  return shanghaiIso(at).slice(0, 19).replace('T', ' ');
}

/** `2018-06-08` in Shanghai: the business day of an instant. */
export function shanghaiDay(at: Date): string {
  return shanghaiIso(at).slice(0, 10);
}

/** The first instant of a business day; NaN when the day does not exist, such as 30 February. */
export function startOfShanghaiDay(day: string): number {
  const startMs = Date.parse(`${day}T00:00:00Z`) - SHANGHAI_OFFSET_MS;
  return Number.isNaN(startMs) || shanghaiDay(new Date(startMs)) !== day ? NaN : startMs;
}

/** Unix seconds, the unit of every signed timestamp. */
export function unixSeconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}

function shanghaiIso(at: Date): string {
  return new Date(at.getTime() + SHANGHAI_OFFSET_MS).toISOString();
}
