import type { UnaryCall } from './http2/connection';
import { PreparedRequest } from './prepared-request';
import type { Recorder } from './recorder';
import { ANSWER } from './responses';
import { RPCS, type Rpc } from './rpcs';
import { claimantOf, type LoadSettings } from './settings';

/** How many acknowledged commands a caller remembers, to repeat one of them. */
const MEMORY = 32;
/** The status of an item that a batch refused; its reason is not read. */
const ITEM_REFUSED = 9;

/** One caller: one call at a time, some of them repeats of earlier ones. Making a call allocates nothing. */
export class Caller implements UnaryCall {
  readonly request: Buffer;
  /** How many different commands it has sent. */
  issued = 0;
  private readonly rpc: Rpc;
  private readonly itemCount: number;
  private readonly message: PreparedRequest;
  private readonly sequences: Int32Array;
  private readonly users: Int32Array;
  private readonly isRepeat: Uint8Array;
  private readonly answers: Uint8Array;
  private readonly knownSequences = new Int32Array(MEMORY);
  private readonly knownUsers = new Int32Array(MEMORY);
  private known = 0;
  private startedAtMs = 0;
  private randomState: number;

  constructor(
    readonly number: number,
    private readonly settings: LoadSettings,
    private readonly recorder: Recorder,
    /** Told when a call is over and the caller may make its next. */
    private readonly onFree: (caller: Caller) => void,
  ) {
    this.rpc = RPCS[settings.rpc];
    this.itemCount = Math.max(1, settings.batchSize);
    this.message = new PreparedRequest(this.rpc.templateOf(settings.tag, number), settings.batchSize);
    this.request = this.message.bytes;
    this.sequences = new Int32Array(this.itemCount);
    this.users = new Int32Array(this.itemCount);
    this.isRepeat = new Uint8Array(this.itemCount);
    this.answers = new Uint8Array(this.itemCount);
    // Any number but 0, different for each caller and run, the same in every run of the same name.
    this.randomState = Math.imul(number + 1, 0x9e3779b1) ^ Number.parseInt(settings.tag.slice(1), 10) || 1;
  }

  /** Makes the next call's bytes. `startedAtMs` is what its latency counts from. */
  prepare(startedAtMs: number): void {
    this.startedAtMs = startedAtMs;
    for (let index = 0; index < this.itemCount; index += 1) this.prepareItem(index);
  }

  private prepareItem(index: number): void {
    const repeats = this.known > 0 && this.random(1_000) < this.settings.repeatsPerMille;
    let sequence: number;
    let user: number;
    if (repeats) {
      const which = this.random(Math.min(this.known, MEMORY));
      sequence = this.knownSequences[which] ?? 0;
      user = this.knownUsers[which] ?? 0;
    } else {
      sequence = this.issued;
      this.issued += 1;
      user = this.userOf(sequence);
    }
    this.isRepeat[index] = repeats ? 1 : 0;
    this.sequences[index] = sequence;
    this.users[index] = user;
    this.message.set(index, sequence, user);
  }

  /** Whom a new command is for. */
  private userOf(sequence: number): number {
    const { userCount, callers } = this.settings;
    if (!this.rpc.isOncePerUser) return userCount === 0 ? 0 : 1 + this.random(userCount);
    const user = claimantOf(callers, this.number, sequence);
    if (user > userCount) throw new Error(`all ${userCount} users have had their turn`);
    return user;
  }

  answered(bytes: Buffer, start: number, end: number): void {
    const count = this.rpc.read(bytes, start, end, this.answers);
    if (count !== this.itemCount) throw new Error(`${count} of ${this.itemCount} items were answered`);
  }

  ended(status: number, details: string): void {
    if (status === 0) this.settle();
    else this.fail(status, details);
    this.onFree(this);
  }

  private settle(): void {
    let done = 0;
    for (let index = 0; index < this.itemCount; index += 1) {
      const answer = this.answers[index];
      const repeats = this.isRepeat[index] === 1;
      if (answer === ANSWER.REFUSED) {
        this.failItem(index);
        this.recorder.failed(ITEM_REFUSED, '');
        continue;
      }
      done += 1;
      const isReplay = answer === ANSWER.REPLAYED;
      if (isReplay) this.recorder.replayed += 1;
      if (isReplay !== repeats) this.recorder.wronglyReplayed += 1;
      if (!repeats) this.remember(index);
    }
    this.recorder.answered(performance.now() - this.startedAtMs, done);
  }

  private fail(status: number, details: string): void {
    this.recorder.failed(status, details);
    for (let index = 0; index < this.itemCount; index += 1) this.failItem(index);
  }

  private failItem(index: number): void {
    if (this.isRepeat[index] === 0) this.recorder.unacknowledged.push([this.number, this.sequences[index] ?? 0]);
  }

  private remember(index: number): void {
    const at = this.known % MEMORY;
    this.knownSequences[at] = this.sequences[index] ?? 0;
    this.knownUsers[at] = this.users[index] ?? 0;
    this.known += 1;
  }

  /** A whole number below the limit: xorshift, because the machine's own generator is slower and can not be repeated. */
  private random(limit: number): number {
    let state = this.randomState;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.randomState = state;
    return (state >>> 0) % limit;
  }
}
