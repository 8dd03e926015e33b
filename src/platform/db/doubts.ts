import { DomainError, platformErrors } from '../errors';

/**
 * What attempts of a batch may have committed, because the answer to their COMMIT was lost: by command, marks of the
 * effects that the attempt had written. The next attempt finds such an effect, and by its mark knows it for its own.
 */
export class Doubts<Command extends object> {
  private readonly marks = new WeakMap<Command, Set<string>>();

  /** Remembers the effect of a command that may have been committed. */
  note(command: Command, mark: string): void {
    this.marks.set(command, (this.marks.get(command) ?? new Set()).add(mark));
  }

  /** Whether an effect that was found is the command's own: then it is no replay. */
  isOwn(command: Command, mark: string): boolean {
    return this.marks.get(command)?.has(mark) === true;
  }

  /** CONTENTION and OVERLOADED promise that nothing happened: nobody can promise that of a command in doubt. */
  refusalOf(command: Command, error: unknown): unknown {
    const isPromise = error instanceof DomainError && ['CONTENTION', 'OVERLOADED'].includes(error.reason);
    return isPromise && this.marks.has(command) ? platformErrors.DATABASE_UNAVAILABLE({ cause: error }) : error;
  }
}
