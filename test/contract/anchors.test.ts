import { readFileSync } from 'node:fs';
import { TABLE_PRIVILEGES } from '../../migrations/privileges';
import { readAnchorText, signAnchor } from '../../src/audit/anchor/anchor-document';
import { UNCOUNTED_TABLES } from '../../src/audit/anchor/counted-tables';
import { leafOf, readLeaf } from '../../src/audit/anchor/head';
import { MerkleTree } from '../../src/audit/anchor/merkle';
import { signerOfSeed } from '../support/anchors';

const PAGE = readFileSync('docs/anchors.md', 'utf8');
/** The blocks of the test vector, in order. */
const BLOCKS = [...PAGE.split('**Test vector**')[1]!.matchAll(/```\w+\n([^]*?)\n```/g)].map(([, text = '']) => text);

/** Whoever verifies an anchor without this program follows docs/anchors.md: its test vector is what the program does. */
describe('the documented form of anchors', () => {
  const [leaves = '', root = '', document = '', sums = ''] = BLOCKS;

  test('leads from the leaves to the root', () => {
    const tree = new MerkleTree();
    for (const line of leaves.split('\n')) tree.add(leafOf(readLeaf(line)));
    expect(tree.root().toString('hex')).toBe(root);
    expect(document).toContain(root);
  });

  test('is canonical, and signed as it stands there', () => {
    const [hash = '', signature = ''] = sums.split('\n');
    const read = readAnchorText(`{"anchor":${document},"signature":"${signature}"}`);
    expect(read.document).toBe(document);
    // RFC 8032, 7.1, test 1.
    const signer = signerOfSeed('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    const signed = signAnchor(signer, read.anchor);
    expect(signed.hash.toString('hex')).toBe(hash);
    expect(signed.signature.toString('base64')).toBe(signature);
    expect(read.anchor.key_id).toBe(signer.keyId);
  });

  test('names every field of the document', () => {
    const fields = PAGE.split('## Form')[1]!.split('A leaf is')[0]!;
    for (const name of Object.keys(JSON.parse(document) as object)) expect(fields).toContain(`\`${name}\``);
  });
});

/** An anchor counts every table that never loses a row and that the report account may read, so that it can check. */
test('the tables that are not counted are those that lose rows or are kept from the report account', () => {
  const kept = Object.entries(TABLE_PRIVILEGES).filter(
    ([, { delete: mayDelete, report }]) => mayDelete === true || !report,
  );
  expect([...UNCOUNTED_TABLES].sort()).toEqual(kept.map(([table]) => table).sort());
});
