import { atBusinessHour } from '../platform/time';

/** What a user is told of the end of a membership, and when. Pure. */
export type MilestoneKind = 'expired' | `expiring:${number}`;

/** Something that a user is told once for each time at which a membership ends. */
export interface Milestone {
  readonly kind: MilestoneKind;
  readonly time: Date;
  /** Of a reminder: whole days of the calendar before the day on which the membership ends. */
  readonly daysLeft: number | undefined;
}

/** Reminders come at this hour of the business day, when people are awake. */
const REMINDER_HOUR = 10;

/**
 * All that is told of an end: a reminder at 10:00 in Shanghai on the day that is so many days before the day of the end, for
 * each of the numbers of days, and the end itself, at that very instant. In order of time.
 */
export function milestonesOf(expireTime: Date, reminderDays: readonly number[]): readonly Milestone[] {
  const reminders = reminderDays.map((daysLeft): Milestone => {
    return { kind: `expiring:${daysLeft}`, time: atBusinessHour(expireTime, -daysLeft, REMINDER_HOUR), daysLeft };
  });
  const end: Milestone = { kind: 'expired', time: expireTime, daysLeft: undefined };
  return [...reminders, end].sort((first, second) => first.time.getTime() - second.time.getTime());
}

/**
 * The first instant after another at which anything of an end could have to be told, whatever the numbers of days are:
 * the next time at which reminders come, or the end itself.
 */
export function firstChanceAfter(instant: Date, expireTime: Date): Date {
  const [today, tomorrow] = [0, 1].map((days) => atBusinessHour(instant, days, REMINDER_HOUR)) as [Date, Date];
  const reminders = today.getTime() > instant.getTime() ? today : tomorrow;
  return reminders.getTime() < expireTime.getTime() ? reminders : expireTime;
}

/** What is to be told at an instant, and what after it. */
export interface Due {
  /** The last that is due: one that the next has overtaken is stale, and told by nobody. Undefined: none is due. */
  readonly due: Milestone | undefined;
  readonly next: Milestone | undefined;
}

/** What of these is due at an instant, of those after another. */
export function dueOf(milestones: readonly Milestone[], after: Date, now: Date): Due {
  const open = milestones.filter(({ time }) => time.getTime() > after.getTime());
  const due = open.filter(({ time }) => time.getTime() <= now.getTime()).at(-1);
  return { due, next: open.find(({ time }) => time.getTime() > now.getTime()) };
}
