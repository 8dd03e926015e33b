import { rename, rm } from 'node:fs/promises';
import {
  anchorFileText,
  anchorName,
  checkSignature,
  nameOf,
  NotAnAnchor,
  readAnchorText,
} from '../../../../src/audit/anchor/anchor-document';
import { checkLinks } from '../../../../src/audit/anchor/check-links';
import { anchorPath, listAnchorFiles, writeAnchorFile } from '../../../../src/audit/anchor/anchor-files';
import { createVerifier } from '../../../../src/platform/crypto/signing';
import { anchorOf, head, newSigner, scratchDirectory } from '../../../support/anchors';

const SIGNER = newSigner();
const OTHER = newSigner();
const verifierOf = (signer: typeof SIGNER) => createVerifier(signer.publicKeyPem);
const HEADS = [head('a', 1)];

/** Design §10: an anchor is what was signed, whoever keeps it. */
describe('an anchor', () => {
  const signed = anchorOf(SIGNER, HEADS, { number: 1 });

  test('comes back from its file as it was, however the file is laid out', () => {
    const read = readAnchorText(anchorFileText(signed));
    expect(read).toEqual(signed);
    const laidOut = JSON.stringify(JSON.parse(anchorFileText(signed)), null, 2);
    expect(checkSignature(readAnchorText(laidOut), [verifierOf(SIGNER)])).toBe('good');
  });

  test('is believed by the key that signed it alone', () => {
    expect(checkSignature(signed, [verifierOf(OTHER), verifierOf(SIGNER)])).toBe('good');
    expect(checkSignature(signed, [verifierOf(OTHER)])).toBe('key unknown');
    // Naming somebody's key does not make it theirs.
    const forged = anchorOf(OTHER, HEADS, { number: 1, key_id: SIGNER.keyId });
    expect(checkSignature(forged, [verifierOf(SIGNER)])).toBe('bad');
  });

  test('with any figure changed is not what was signed', () => {
    for (const [said, changed] of [
      ['"count":1', '"count":2'],
      ['"number":1', '"number":3'],
      ['"position":0', '"position":9'],
      ['"tables":{}', '"tables":{"users":1}'],
    ] as const) {
      const forged = readAnchorText(anchorFileText(signed).replace(said, changed));
      expect(checkSignature(forged, [verifierOf(SIGNER)])).toBe('bad');
    }
  });

  test.each([
    ['no JSON', '{'],
    ['no signature', '{"anchor":{}}'],
    ['another form', anchorFileText(signed).replace('"version":1', '"version":2')],
    ['another form that has not its field', anchorFileText(signed).replace('"version":1', '"version":3')],
    ['a form with the field of another', anchorFileText(signed).replace('{"anchor":{', '{"anchor":{"believed":null,')],
    ['a field more', anchorFileText(signed).replace('"version":1', '"version":1,"extra":1')],
    ['a field less', anchorFileText(signed).replace('"tables":{},', '')],
    ['a number that is none', anchorFileText(signed).replace('"number":1', '"number":1.5')],
    ['a hash that is none', anchorFileText(signed).replace('"root":"', '"root":"x')],
  ])('is not read from %s', (_what, text) => {
    expect(() => readAnchorText(text)).toThrow(NotAnAnchor);
  });

  test('has a name by number and time, which sorts', () => {
    expect(anchorName({ number: 12, time: '2026-01-31T06:05:00.123Z' })).toBe('anchor-00000012-20260131T060500123Z');
  });
});

describe('the anchors before one', () => {
  let dir: string;
  let remove: () => Promise<void>;
  const chain = [1, 2, 3].reduce<ReturnType<typeof anchorOf>[]>((before, number) => {
    const last = before.at(-1);
    const previous = last === undefined ? null : { number: number - 1, sha256: last.hash.toString('hex') };
    return [...before, anchorOf(SIGNER, HEADS, { number, previous })];
  }, []);
  const [first, second, third] = chain as [(typeof chain)[0], (typeof chain)[0], (typeof chain)[0]];
  const links = () => checkLinks(dir, third, [verifierOf(SIGNER)]);

  beforeEach(async () => {
    ({ dir, remove } = await scratchDirectory());
    for (const signed of chain) await writeAnchorFile(dir, signed);
  });
  afterEach(() => remove());

  test('are followed to the first', async () => {
    expect(await links()).toEqual({ links: 2, oldest: 1, problems: [] });
    expect((await listAnchorFiles(dir)).map((name) => name.slice(0, 15))).toEqual([
      'anchor-00000001',
      'anchor-00000002',
      'anchor-00000003',
    ]);
  });

  test('are followed as far as they are there', async () => {
    await rm(anchorPath(dir, first.anchor));
    expect(await links()).toEqual({ links: 1, oldest: 2, problems: [] });
  });

  test('are not somebody else, though signed with our key: the next one names its bytes', async () => {
    await rm(anchorPath(dir, second.anchor));
    const replaced = anchorOf(SIGNER, [head('a', 2)], { number: 2, previous: second.anchor.previous });
    await writeAnchorFile(dir, replaced);
    const problem = 'is not the one that anchor 3 names';
    expect(await links()).toEqual({ links: 0, oldest: 3, problems: [{ subject: 'anchor 2', problem }] });
  });

  describe('that follows a row which somebody forged', () => {
    const forged = anchorOf(OTHER, HEADS, { number: 4, previous: nameOf(third) });
    const fifth = anchorOf(SIGNER, HEADS, { number: 5, version: 2, previous: nameOf(forged), believed: nameOf(third) });
    const after = (verifiers = [verifierOf(SIGNER)], from = fifth) => checkLinks(dir, from, verifiers);

    test('are followed beside it, to the first', async () => {
      expect(readAnchorText(anchorFileText(fifth))).toEqual(fifth);
      expect(await after()).toEqual({ links: 3, oldest: 1, problems: [] });
      // Even where somebody can put files there, too: what is not believed leads nowhere.
      await writeAnchorFile(dir, forged);
      expect(await after()).toEqual({ links: 3, oldest: 1, problems: [] });
    });

    test('are not somebody else either', async () => {
      await rm(anchorPath(dir, third.anchor));
      await writeAnchorFile(dir, anchorOf(SIGNER, [head('a', 2)], { number: 3, previous: third.anchor.previous }));
      const problem = 'is not the one that anchor 5 names';
      expect(await after()).toEqual({ links: 0, oldest: 5, problems: [{ subject: 'anchor 3', problem }] });
    });

    test('are followed through it by whoever has its key: it was ours, and not known', async () => {
      await writeAnchorFile(dir, forged);
      const alone = anchorOf(SIGNER, HEADS, { number: 5, version: 2, previous: nameOf(forged), believed: null });
      const keys = [verifierOf(SIGNER), verifierOf(OTHER)];
      expect(await after(keys, alone)).toEqual({ links: 4, oldest: 1, problems: [] });
      expect(await after([verifierOf(SIGNER)], alone)).toEqual({ links: 0, oldest: 5, problems: [] });
    });
  });

  test('are each under their own name: one that is not there, or holds no anchor, is told', async () => {
    await rename(anchorPath(dir, first.anchor), anchorPath(dir, { ...first.anchor, number: 9 }));
    const [name] = (await listAnchorFiles(dir)).slice(-1);
    expect(await links()).toEqual({ links: 1, oldest: 2, problems: [{ subject: name, problem: 'is not an anchor' }] });
  });
});
