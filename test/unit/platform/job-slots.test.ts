import { scheduleText } from '../../../src/platform/jobs/job-entry';
import { slotWork } from '../../../src/platform/jobs/job-work';
import { latestHour } from '../../../src/platform/time';
import { MemoryLetters, MemorySlots } from '../../support/job-memory';
import { TestClock } from '../../support/test-clock';

const at = (text: string): Date => new Date(text);

/** Lesson 50: hours are cut in Asia/Shanghai, in one place. */
describe('the hours of hourly jobs', () => {
  test.each([
    ['2026-01-31T06:05:00.000Z', '2026-01-31T14'],
    ['2026-01-31T06:04:59.999Z', '2026-01-31T13'],
    ['2026-01-31T16:04:59.999Z', '2026-01-31T23'],
    ['2026-01-31T16:05:00.000Z', '2026-02-01T00'],
    ['2026-12-31T16:30:00.000Z', '2027-01-01T00'],
  ])('at %s the last to have begun is %s', (instant, slot) => {
    expect(latestHour(at(instant), 5)).toBe(slot);
  });

  test('are said in words', () => {
    expect(scheduleText({ minute: 5 })).toBe('hourly at minute 05');
    expect(scheduleText({ hour: 3, minute: 20 })).toBe('daily at 03:20 Asia/Shanghai');
  });

  test('have their work done once each, the last missed one too, and it is told which one it is', async () => {
    const clock = new TestClock();
    clock.stopAt(at('2026-01-31T06:10:00.000Z'));
    const ran: string[] = [];
    const run = (_signal: AbortSignal, slot: string) => Promise.resolve(ran.push(slot) * 0);
    const stores = { letters: new MemoryLetters(), slots: new MemorySlots(clock), clock };
    const work = slotWork({ name: 'test-hourly', run }, { minute: 5 }, stores);
    const runDue = async () => {
      for (const { id } of await work.findDue(10)) await work.run(id, new AbortController().signal);
    };
    await runDue();
    await runDue();
    expect(ran).toEqual(['2026-01-31T14']);
    clock.advanceMs(3 * 3_600_000);
    await runDue();
    expect(ran).toEqual(['2026-01-31T14', '2026-01-31T17']);
  });
});
