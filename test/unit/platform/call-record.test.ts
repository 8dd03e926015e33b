import { createLogger } from '../../../src/platform/log';
import { createMetrics } from '../../../src/platform/metrics';
import { CallRecorder } from '../../../src/platform/rpc/call-record';
import { platformErrors } from '../../../src/platform/errors';

/** The line and the numbers of a call are the same whichever way they were written. */

const caller = { role: 'finance', name: 'alice', identity: 'spiffe://billing/finance/alice' } as const;
const rpc = 'billing.v1.QuotaService/ConsumeQuota';
const peer = '';

function recorder(level = 'info') {
  const lines: string[] = [];
  const log = createLogger({ level, role: 'rpc', destination: { write: (line) => void lines.push(line) } });
  const metrics = createMetrics();
  return { lines, log, metrics, calls: new CallRecorder(log, metrics) };
}

const withoutTime = (line: string | undefined): string => (line ?? '').replace(/"time":"[^"]*",/, '');

test.each([
  ['printable', 'r-1 ~!#[]'],
  ['quotes and backslashes', 'a"b\\c'],
  ['control characters', 'a\n\u0000\u007f'],
  ['other scripts', '用户👗é\u2028'],
  ['what JSON would take for its own', '","code":"INTERNAL'],
  ['nothing', ''],
])('the line of an answered call is the one that pino would write, with ids of %s', (_what, id) => {
  const { lines, log, calls } = recorder();
  const request = { requestId: id, userId: id, description: 'hush' };
  calls.record({ rpc, caller, peer, request, startedAtMs: performance.now(), refusal: undefined });
  const { durationMs } = JSON.parse(lines[0] ?? '') as { durationMs: number };
  const fields = { rpc, caller: caller.identity, code: 'OK', durationMs, requestId: id, userId: id };
  log.info(fields, 'call answered');
  expect(withoutTime(lines[0])).toBe(withoutTime(lines[1]));
  expect(JSON.parse(lines[0] ?? '')).toMatchObject(fields);
  expect((JSON.parse(lines[0] ?? '') as { time: string }).time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('a long id is cut, what is no text is left out, and no other field of a request is written', () => {
  const { lines, calls } = recorder();
  const request = { requestId: `${'x'.repeat(63)}👗`, userId: 7, taskId: 'hush' };
  calls.record({ rpc, caller, peer, request, startedAtMs: 0, refusal: undefined });
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(line['requestId']).toBe(`${'x'.repeat(63)}\ud83d`);
  expect(Object.keys(line).sort()).toEqual(
    ['caller', 'code', 'durationMs', 'level', 'msg', 'requestId', 'role', 'rpc', 'service', 'time'].sort(),
  );
});

test('a level above info silences answered calls but not refused ones that someone should see', () => {
  const { lines, calls } = recorder('warn');
  const call = { rpc, caller, peer, request: {}, startedAtMs: 0 };
  calls.record({ ...call, refusal: undefined });
  calls.record({ ...call, refusal: platformErrors.CONTENTION() });
  expect(lines.map((line) => (JSON.parse(line) as { code: string }).code)).toEqual(['ABORTED']);
});

test('calls are counted by outcome and caller, and their durations by RPC, from the first scrape to the last', async () => {
  const { metrics, calls } = recorder('fatal');
  const record = (ms: number, who: typeof caller | undefined, refusal = platformErrors.OVERLOADED()): void =>
    calls.record({ rpc, caller: who, peer, request: {}, startedAtMs: performance.now() - ms, refusal });
  record(3, caller);
  record(3, undefined, platformErrors.CALLER_UNKNOWN());
  expect(await metrics.render()).toContain(`billing_rpc_duration_seconds_count{rpc="${rpc}"} 2`);
  record(3, caller);
  record(60_000, caller, platformErrors.DEADLINE_EXCEEDED());
  const text = await metrics.render();
  const count = (code: string, reason: string, who: string, value: number): string =>
    `billing_rpc_requests_total{rpc="${rpc}",code="${code}",reason="${reason}",caller="${who}"} ${value}`;
  expect(text).toContain(count('RESOURCE_EXHAUSTED', 'OVERLOADED', 'finance/alice', 2));
  expect(text).toContain(count('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'finance/alice', 1));
  expect(text).toContain(count('UNAUTHENTICATED', 'CALLER_UNKNOWN', 'unknown', 1));
  const bucket = (le: string): number =>
    Number(new RegExp(`_bucket\\{le="${le.replace('+', '\\+')}",rpc="${rpc}"\\} (\\d+)`).exec(text)?.[1]);
  expect([bucket('0.001'), bucket('0.25'), bucket('30'), bucket('+Inf')]).toEqual([0, 3, 3, 4]);
  expect(Number(/duration_seconds_sum\{[^}]*\} (\S+)/.exec(text)?.[1])).toBeGreaterThan(60);
  expect(text).toContain('# TYPE billing_rpc_duration_seconds histogram');
});
