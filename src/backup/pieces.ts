/**
 * A log file is shipped as it grows, in pieces named by the bytes they hold: `000000001210-000000005678`. Small pieces are merged
 * later; while that is done, both are there. Nothing here does I/O.
 */
const DIGITS = 12;
const NAME = /^(\d{12})-(\d{12})\.gz\.sealed$/;
/** So many pieces of a file may wait before they are merged. */
const PIECES_MAX = 256;

/** Bytes [start, end) of a log file. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

/** The name of a piece's file. */
export function pieceName({ start, end }: Piece): string {
  const digits = (offset: number): string => String(offset).padStart(DIGITS, '0');
  return `${digits(start)}-${digits(end)}.gz.sealed`;
}

/** The pieces among file names; what has another name (a draft that a crash left) is none. */
export function readPieces(names: readonly string[]): readonly Piece[] {
  return names
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map(([, start, end]) => ({ start: Number(start), end: Number(end) }))
    .filter(({ start, end }) => start < end);
}

/** The fewest pieces that follow each other from the first byte on, as far as there is no gap. */
export function chainOf(pieces: readonly Piece[]): readonly Piece[] {
  const longestFrom = new Map<number, Piece>();
  for (const piece of pieces) {
    const known = longestFrom.get(piece.start);
    if (known === undefined || known.end < piece.end) longestFrom.set(piece.start, piece);
  }
  const chain: Piece[] = [];
  let next = longestFrom.get(0);
  while (next !== undefined) {
    chain.push(next);
    next = longestFrom.get(next.end);
  }
  return chain;
}

/** How many bytes from the first on a chain holds. */
export function lengthOf(chain: readonly Piece[]): number {
  return chain.at(-1)?.end ?? 0;
}

/**
 * What to merge when a file has many pieces: the newer half of them, and each one before that is not longer than all that follow
 * it, so that a byte is written again only a few times however long the file gets. Undefined while there are few.
 */
export function mergeOf(chain: readonly Piece[]): Piece | undefined {
  const first = chain[chain.length - PIECES_MAX / 2];
  if (chain.length < PIECES_MAX || first === undefined) return undefined;
  const end = lengthOf(chain);
  let { start } = first;
  for (const piece of chain.slice(0, -PIECES_MAX / 2).reverse()) {
    if (piece.end - piece.start > end - piece.end) break;
    start = piece.start;
  }
  return { start, end };
}

/** Pieces that a merged one makes superfluous. */
export function coveredBy(merged: Piece, pieces: readonly Piece[]): readonly Piece[] {
  return pieces.filter(
    ({ start, end }) => start >= merged.start && end <= merged.end && end - start < merged.end - merged.start,
  );
}
