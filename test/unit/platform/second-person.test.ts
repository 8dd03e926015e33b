import {
  afterActivation,
  editorsOf,
  isFirstPerson,
  secondPersonRequired,
  withEditor,
} from '../../../src/platform/second-person';

/** Two people agree: persons are compared, whatever their roles. */
describe('a second person', () => {
  const [anna, bo, cy] = ['anna', 'bo', 'cy'].map((name) => `spiffe://billing/operations/${name}`) as [
    string,
    string,
    string,
  ];

  test('is nobody who is among the editors, whatever the role', () => {
    const names = ['anna', 'bo', 'ann', 'operations', 'cy'];
    expect(names.map((name) => isFirstPerson({ name }, [anna, bo]))).toEqual([true, true, false, false, false]);
    expect(isFirstPerson({ name: 'dora' }, ['spiffe://billing/finance/dora'])).toBe(true);
  });

  test('who edits joins the editors once, and stays one until somebody else has activated it', () => {
    const edited = withEditor(withEditor(withEditor([anna], bo), anna), bo);
    expect(edited).toEqual([anna, bo]);
    expect(afterActivation(edited, { name: 'anna' })).toEqual([anna, bo]);
    expect(afterActivation(edited, { name: 'cy' })).toEqual([]);
    expect(withEditor([], cy)).toEqual([cy]);
  });

  test('is told who is not, and about what', () => {
    const editors = editorsOf(JSON.stringify([anna, bo]));
    expect(secondPersonRequired({ campaign_id: 'c' }, editors)).toMatchObject({
      ...{ reason: 'SECOND_PERSON_REQUIRED', code: 'PERMISSION_DENIED' },
      metadata: { campaign_id: 'c', editors: `${anna} ${bo}` },
    });
  });
});
