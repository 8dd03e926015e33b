/** Something that contradicts an anchor. */
export interface Problem {
  /** What it is about: a user, a table, `audit log`, an anchor. */
  readonly subject: string;
  readonly problem: string;
}

/** More than this many are counted, not kept. */
const KEPT_MAX = 20;

/** The first problems, and how many there are in all. */
export class Problems {
  readonly first: Problem[] = [];
  count = 0;

  add(subject: string, problem: string): void {
    this.count += 1;
    if (this.first.length < KEPT_MAX) this.first.push({ subject, problem });
  }
}
