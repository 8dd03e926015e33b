import { ulid } from 'ulid';

/**
 * Ids minted by this service: 26 characters [0-9A-Z], sortable by the time they were made. They fit WeChat Pay's
 * out_trade_no (6–32 of [0-9A-Za-z_-]).
 */
export function mintId(now: Date): string {
  return ulid(now.getTime());
}
