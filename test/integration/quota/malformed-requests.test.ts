import { BILLING_RPCS } from '../../../src/access-matrix';
import { QUIET, registerUser, startHarness, type Harness } from '../../support/harness';
import { MALFORMED_CALLS } from '../../support/malformed-requests';
import { countAllRows, readUserRows } from '../../support/user-rows';

let h: Harness;
let userId: string;
/** What no call of a malformed request may change: what the user has, and how many rows there are. */
const state = async () => [await readUserRows(h.db, userId), await countAllRows(h.db)];
let before: Awaited<ReturnType<typeof state>>;
beforeAll(async () => {
  h = await startHarness(QUIET);
  userId = await registerUser(h);
  before = await state();
});
afterAll(() => h.stop());

const ASK_NOTHING = ['billing.v1.EventService/GetEventStatus', 'billing.v1.JobService/ListJobs'];

const protoName = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Must show 9: every field of every RPC, one fault at a time; lesson 1: nothing has changed afterwards. */
describe('a malformed request', () => {
  test('is looked for in every RPC that the services have, but for those that ask for nothing', () => {
    const looked = new Set([...MALFORMED_CALLS.map(({ rpc }) => `billing.v1.${rpc}`), ...ASK_NOTHING]);
    expect([...looked].sort()).toEqual([...BILLING_RPCS].sort());
  });

  describe.each(MALFORMED_CALLS)('of $rpc', ({ valid, faults, send }) => {
    test.each(Object.entries(faults))('with a bad %s is refused and names the field', async (field, list) => {
      for (const [what, value] of list) {
        const reply = await send(h, { ...valid(userId), [field]: value });
        const seen = reply.ok ? 'ok' : { code: reply.code, reason: reply.reason, fields: [...new Set(reply.fields)] };
        const wanted = { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: [protoName(field)] };
        expect({ what, ...Object(seen) }).toEqual({ what, ...wanted });
      }
    });

    // After all of its fields: every row is counted, which takes longer than all the calls.
    test('changes nothing, whichever field is bad', async () => {
      expect(await state()).toEqual(before);
    });
  });

  test('with several bad fields has all of them named at once', async () => {
    const consume = MALFORMED_CALLS.find(({ rpc }) => rpc.endsWith('ConsumeQuota'));
    const reply = await consume?.send(h, { requestId: '', userId: ' ', amount: 0, description: '\u0000' });
    expect(reply).toMatchObject({ ok: false, fields: ['request_id', 'user_id', 'amount', 'description'] });
  });

  test('is told from the longest well-formed one', async () => {
    const consume = MALFORMED_CALLS.find(({ rpc }) => rpc.endsWith('ConsumeQuota'));
    const printable = ` ${'~'.repeat(62)}`.trim().padEnd(64, '!');
    const fields = { requestId: printable, taskId: printable, taskType: printable, description: '衣'.repeat(256) };
    expect(await consume?.send(h, { ...fields, userId, amount: 1 })).toMatchObject({ ok: true });
    expect(await consume?.send(h, { requestId: 'huge', userId, amount: Number.MAX_SAFE_INTEGER })).toMatchObject({
      reason: 'QUOTA_INSUFFICIENT',
    });
  });
});
