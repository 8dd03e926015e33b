import type { ValueRow } from '../platform/db/statements';
import type { ReadBeside } from './account-reader';
import type { Book } from './book';
import type { ConsumeCommand, HoldCommand, QuotaCommand } from './commands';
import type { Entitlements, EntitlementSource, Tariff, TariffSource, Terms } from './tariffs';

/** The two sources of what listed commands are asked. */
export interface TermsSources {
  readonly tariffs: TariffSource;
  readonly entitlements: EntitlementSource;
}

/** What is known of a command's tariff: its terms; or that its task type is not listed; or that nothing was read for it. */
export type TermsFound = Terms | 'unlisted' | 'unread';

/**
 * The commands of a batch whose task types are listed. Before the users are locked it says what has to be read for them;
 * afterwards, what each is asked at the instant it is decided. A batch without any reads nothing for it.
 */
export class ListedCommands {
  /** The users and features that the batch reads for, by their key. */
  private readonly features = new Map<string, readonly [userId: string, feature: string]>();
  private results: readonly (readonly ValueRow[])[] = [];
  private readonly held = new Map<string, Entitlements>();

  constructor(
    private readonly sources: TermsSources,
    commands: readonly QuotaCommand[],
    private readonly notBefore: Date,
  ) {
    for (const command of commands) {
      const tariff = isTaking(command) ? this.tariffOf(command, notBefore) : undefined;
      if (tariff !== undefined) this.features.set(keyOf(command, tariff), [command.userId, tariff.feature]);
    }
  }

  /** What is to be read beside the accounts. */
  get beside(): ReadBeside {
    const features = [...this.features.values()];
    if (features.length === 0) return { features, reads: [] };
    const userIds = [...new Set(features.map(([userId]) => userId))];
    return { features, reads: this.sources.entitlements.reads(userIds, this.notBefore) };
  }

  /** Takes the results of these reads. */
  take(results: readonly (readonly ValueRow[])[]): void {
    this.results = results;
  }

  /**
   * What a command is asked at `now`. A tariff may have come into force since the batch was read for, while it waited for
   * locks: then nothing was read for it.
   */
  termsOf(command: ConsumeCommand | HoldCommand, book: Book, now: Date): TermsFound {
    const tariff = this.tariffOf(command, now);
    if (tariff === undefined) return 'unlisted';
    if (!this.features.has(keyOf(command, tariff))) return 'unread';
    return { tariff, entitlements: this.heldBy(book) };
  }

  /** What a user holds; the instant of his book is the same for all his commands. */
  private heldBy({ userId, now }: Book): Entitlements {
    const known = this.held.get(userId);
    if (known !== undefined) return known;
    const held = this.sources.entitlements.entitlementsOf(this.results, userId, now);
    this.held.set(userId, held);
    return held;
  }

  private tariffOf({ taskType }: ConsumeCommand | HoldCommand, now: Date): Tariff | undefined {
    return taskType === '' ? undefined : this.sources.tariffs.tariffOf(taskType, now);
  }
}

/** Whether a command takes units or sets them aside: what tariffs are for. */
export function isTaking(command: QuotaCommand): command is ConsumeCommand | HoldCommand {
  return command.kind === 'ConsumeQuota' || command.kind === 'HoldQuota';
}

function keyOf({ userId }: QuotaCommand, { feature }: Tariff): string {
  return `${userId}\n${feature}`;
}
