import { chainOf, coveredBy, lengthOf, mergeOf, pieceName, readPieces, type Piece } from '../../../src/backup/pieces';

/** R7.4: a log file that is shipped in pieces is read without gap, while they are merged, too. */
describe('pieces of a log file', () => {
  test('are known by their names; drafts and strangers are none', () => {
    const piece = { start: 1_210, end: 5_678 };
    expect(pieceName(piece)).toBe('000000001210-000000005678.gz.sealed');
    expect(readPieces([pieceName(piece), `${pieceName(piece)}.draft`, 'state', '2-1.gz.sealed'])).toEqual([piece]);
  });

  test('follow each other up to the first gap, the longest first', () => {
    const pieces = [
      { start: 20, end: 30 },
      { start: 0, end: 10 },
      { start: 10, end: 20 },
      { start: 0, end: 20 },
      { start: 31, end: 40 },
    ];
    const chain = chainOf(pieces);
    expect(chain).toEqual([
      { start: 0, end: 20 },
      { start: 20, end: 30 },
    ]);
    expect(lengthOf(chain)).toBe(30);
    expect(coveredBy({ start: 0, end: 20 }, pieces)).toEqual([
      { start: 0, end: 10 },
      { start: 10, end: 20 },
    ]);
    expect(lengthOf(chainOf([{ start: 5, end: 9 }]))).toBe(0);
  });

  test('stay few, and no byte is written often, however long the file gets', () => {
    let chain: Piece[] = [];
    let [written, most] = [0, 0];
    const PIECES = 20_000;
    for (let count = 0; count < PIECES; count += 1) {
      const start = lengthOf(chain);
      chain.push({ start, end: start + 100 + (count % 37) });
      const merged = mergeOf(chain);
      if (merged !== undefined) {
        written += merged.end - merged.start;
        chain = [...chain.filter(({ end }) => end <= merged.start), merged];
      }
      most = Math.max(most, chain.length);
      expect(chain[0]?.start).toBe(0);
    }
    expect(most).toBeLessThanOrEqual(256);
    expect(written / lengthOf(chain)).toBeLessThan(10);
  });
});
