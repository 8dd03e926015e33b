import { Metadata, status } from '@grpc/grpc-js';
import { reportFailure, tellRequestId } from '../../../src/cli/failure';
import { ErrorInfo } from '../../../src/gen/google/rpc/error_details.pb';
import { Status } from '../../../src/gen/google/rpc/status.pb';
import { billing } from '../../support/command';

/** An error as grpc-js hands it to a client of the service. */
function refusal(): Error {
  const value = ErrorInfo.encode({
    reason: 'QUOTA_INSUFFICIENT',
    domain: 'billing-guard',
    metadata: { amount: '511', quota_remaining: '510' },
  }).finish();
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(value) }];
  const trailer = Status.encode({ code: status.FAILED_PRECONDITION, message: 'too few', details }).finish();
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(trailer));
  return Object.assign(new Error('9: too few'), { code: status.FAILED_PRECONDITION, details: 'too few', metadata });
}

/** The exit code and what went to standard error. */
function reported(error: unknown, isJson: boolean): { code: number; text: string } {
  const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const code = reportFailure(error, isJson);
    return { code, text: write.mock.calls.map(([text]) => String(text)).join('') };
  } finally {
    write.mockRestore();
  }
}

/** What a call under a request id fails with. */
async function underRequestId(error: Error): Promise<unknown> {
  return Promise.reject(error)
    .catch(tellRequestId('cli-1'))
    .catch((failed: unknown) => failed);
}

/** Lesson 4: whoever repeats a command whose outcome is not known must do so under the same id. */
describe('the failure of a command that changes something tells its request id', () => {
  const lost = Object.assign(new Error('4: Deadline exceeded'), {
    ...{ code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded', metadata: new Metadata() },
  });

  test('beside the facts of a refusal', async () => {
    expect(JSON.parse(reported(await underRequestId(refusal()), true).text)).toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', reason: 'QUOTA_INSUFFICIENT' },
      metadata: { amount: '511', quota_remaining: '510', request_id: 'cli-1' },
    });
  });

  test('and where nobody answered', async () => {
    expect(reported(await underRequestId(lost), false)).toEqual({
      ...{ code: 1, text: 'DEADLINE_EXCEEDED: Deadline exceeded\n  request_id=cli-1\n' },
    });
  });

  test('but not where nothing was called', async () => {
    expect(reported(await underRequestId(new Error('no address given')), false).text).toBe('no address given\n');
  });
});

const PAGE_SIZES = ['abc', '0', '201', '-1', '1.5', ''];

describe('with --json a failure is one object on standard error, so that a program can read it', () => {
  test('a refusal of the service has its code, reason, message and facts', () => {
    const { code, text } = reported(refusal(), true);
    expect(code).toBe(1);
    expect(JSON.parse(text)).toEqual({
      code: 'FAILED_PRECONDITION',
      reason: 'QUOTA_INSUFFICIENT',
      message: 'too few',
      metadata: { amount: '511', quota_remaining: '510' },
    });
  });

  test('what never reached the service has the same shape', () => {
    expect(JSON.parse(reported(new Error('no address given'), true).text)).toEqual({
      code: 'UNKNOWN',
      reason: null,
      message: 'no address given',
      metadata: {},
    });
  });

  test.each([
    [['quota', 'logs', 'x', '--page-size', 'abc', '--json'], /--page-size.*'abc' is invalid.*1 to 200/],
    [['--json', 'quota', 'show'], /missing required argument 'user_id'/],
    [['--json', 'quota', 'show', 'x', '--bogus'], /unknown option '--bogus'/],
    [['--json', 'membersip', 'x'], /unknown command 'membersip'/],
  ])('a wrong command line too: %j', (words, message) => {
    const { code, stdout, stderr } = billing(words);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(JSON.parse(stderr)).toEqual({
      code: 'INVALID_ARGUMENT',
      reason: null,
      message: expect.stringMatching(message),
      metadata: {},
    });
  });
});

describe('for people', () => {
  test('a refusal is a sentence and its facts', () => {
    const { code, text } = reported(refusal(), false);
    expect(code).toBe(1);
    expect(text).toBe('FAILED_PRECONDITION / QUOTA_INSUFFICIENT: too few\n  amount=511\n  quota_remaining=510\n');
  });

  test.each(PAGE_SIZES)('a --page-size of %j is refused before anything is called, once, with the range', (size) => {
    const { code, stdout, stderr } = billing(['quota', 'logs', 'x', `--page-size=${size}`]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.match(/It must be a whole number from 1 to 200/g)).toHaveLength(1);
  });

  test('help and version are no failures', () => {
    for (const word of ['--help', '--version']) {
      const { code, stdout, stderr } = billing([word, '--json']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toBe('');
    }
  });
});
