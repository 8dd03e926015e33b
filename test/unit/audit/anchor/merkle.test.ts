import { createHash } from 'node:crypto';
import { MerkleTree } from '../../../../src/audit/anchor/merkle';

const sha256 = (...parts: readonly Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962 §2.1, word for word. */
function treeHash(leaves: readonly string[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(Buffer.from([0]), Buffer.from(only));
  let left = 1;
  while (2 * left < leaves.length) left *= 2;
  return sha256(Buffer.from([1]), treeHash(leaves.slice(0, left)), treeHash(leaves.slice(left)));
}

function rootOf(leaves: readonly string[]): Buffer {
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
}

/** Design §10: the root that an anchor signs. */
describe('the Merkle tree', () => {
  test('is that of RFC 6962 for any number of leaves, asked at any time', () => {
    const leaves = Array.from({ length: 130 }, (_, i) => `leaf ${i}`);
    const tree = new MerkleTree();
    expect(tree.root()).toEqual(treeHash([]));
    for (const [i, leaf] of leaves.entries()) {
      tree.add(leaf);
      expect(tree.root()).toEqual(treeHash(leaves.slice(0, i + 1)));
    }
  });

  /** The published roots of Certificate Transparency's reference tests, as far as their leaves are texts. */
  test('has the known roots of no leaf and of one empty leaf', () => {
    expect(rootOf([]).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(rootOf(['']).toString('hex')).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
  });

  test('has another root for other leaves, another order, or one leaf less', () => {
    const roots = [
      ['a', 'b', 'c'],
      ['a', 'c', 'b'],
      ['a', 'b'],
      ['a', 'b', 'c', 'c'],
      ['ab', 'c'],
      ['a', 'b', 'd'],
    ];
    expect(new Set(roots.map((leaves) => rootOf(leaves).toString('hex'))).size).toBe(roots.length);
  });

  test('takes no node for a leaf: two leaves are not one leaf of their hashes', () => {
    const pair = Buffer.concat([treeHash(['a']), treeHash(['b'])]).toString('latin1');
    expect(rootOf([pair])).not.toEqual(rootOf(['a', 'b']));
  });
});
