import type { Redis } from 'ioredis';

/**
 * The stream in Redis, and beside it what it holds: the number of its last batch, the id of the last entry, and the epoch of the
 * owner who wrote it. All change in one script, so that they are lost together or not at all; whoever reads the stream needs none.
 */

/** What Redis says of the stream. */
export interface StreamState {
  /** `fenced`: another owner has been here since; nothing was written. `out-of-step`: the stream does not end where we thought. */
  readonly outcome: 'done' | 'fenced' | 'out-of-step';
  readonly epoch: number;
  /** The last batch that the stream holds; 0 when it holds none, or was emptied. */
  readonly batch: number;
}

/** The stream as the relay knows it. */
export interface EventStream {
  /** Says who writes from now on, and asks where the stream ends. */
  take(epoch: number): Promise<StreamState>;
  /** Adds events after batch `from`, up to batch `to`, and lets go of entries that came before `keepFromMs`. */
  add(epoch: number, from: number, to: number, events: readonly string[], keepFromMs: number): Promise<StreamState>;
  /** Makes the stream end earlier, as far as the relay is concerned: what came later is added again. */
  rewind(epoch: number, batch: number): Promise<StreamState>;
}

/** Of every entry of the stream: the one field, which holds the event. */
const STREAM_FIELD = 'event';

/**
 * KEYS: stream, state. ARGV: epoch of the caller, and what follows.
 * Returns {outcome, epoch, batch}; nothing is written unless the outcome is `done`.
 * A stream that is gone (DEL, eviction, FLUSHALL) ends at batch 0, whatever is left beside it, and so does one that a consumer
 * has made again with its group (MKSTREAM): its last id is lower than that of the last entry we added. Entries that were trimmed
 * do not lower it.
 */
const PREAMBLE = `
local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
local batch = tonumber(redis.call('HGET', KEYS[2], 'batch') or '0')
local entry = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then entry = info[i + 1] end end
end
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local ms, seq = parts(entry)
local ours_ms, ours_seq = parts(redis.call('HGET', KEYS[2], 'entry') or '0-1')
if ms < ours_ms or (ms == ours_ms and seq < ours_seq) then batch = 0 end
if epoch > tonumber(ARGV[1]) then return {'fenced', epoch, batch} end
epoch = tonumber(ARGV[1])
`;

/** ARGV: epoch. */
const TAKE = `${PREAMBLE}
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'batch', batch, 'entry', entry)
return {'done', epoch, batch}
`;

/** ARGV: epoch, batch before, last batch, entries older than this Unix time in ms are let go, events … */
const ADD = `${PREAMBLE}
if batch ~= tonumber(ARGV[2]) then return {'out-of-step', epoch, batch} end
for i = 5, #ARGV do entry = redis.call('XADD', KEYS[1], '*', '${STREAM_FIELD}', ARGV[i]) end
redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[4])
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'batch', ARGV[3], 'entry', entry)
return {'done', epoch, tonumber(ARGV[3])}
`;

/** ARGV: epoch, batch. */
const REWIND = `${PREAMBLE}
local before = math.min(batch, tonumber(ARGV[2]))
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'batch', before, 'entry', entry)
return {'done', epoch, before}
`;

/** What the scripts are called by on a connection. */
interface ScriptedRedis {
  billingEventsTake(stream: string, state: string, epoch: number): Promise<Answer>;
  billingEventsAdd(stream: string, state: string, ...args: readonly (string | number)[]): Promise<Answer>;
  billingEventsRewind(stream: string, state: string, epoch: number, batch: number): Promise<Answer>;
}

type Answer = readonly [StreamState['outcome'], number, number];

/** Where the state of a stream is: in the same slot of a cluster as the stream. */
export function stateKeyOf(streamKey: string): string {
  return `{${streamKey}}:relay`;
}

/** The stream at a key. Its calls fail when Redis is away or slow; then nobody knows whether they happened. */
export function openEventStream(redis: Redis, streamKey: string): EventStream {
  redis.defineCommand('billingEventsTake', { numberOfKeys: 2, lua: TAKE });
  redis.defineCommand('billingEventsAdd', { numberOfKeys: 2, lua: ADD });
  redis.defineCommand('billingEventsRewind', { numberOfKeys: 2, lua: REWIND });
  const scripted = redis as unknown as ScriptedRedis;
  const stateKey = stateKeyOf(streamKey);
  const toState = ([outcome, epoch, batch]: Answer): StreamState => ({ outcome, epoch, batch });
  return {
    take: async (epoch) => toState(await scripted.billingEventsTake(streamKey, stateKey, epoch)),
    add: async (epoch, from, to, events, keepFromMs) =>
      toState(await scripted.billingEventsAdd(streamKey, stateKey, epoch, from, to, keepFromMs, ...events)),
    rewind: async (epoch, batch) => toState(await scripted.billingEventsRewind(streamKey, stateKey, epoch, batch)),
  };
}
