/** Huffman code of RFC 7541, appendix B. */

/**
 * Code lengths of the 256 bytes and of the end mark, one base-36 digit each. The code is canonical: its words follow
 * from the lengths, so that the table of words need not be written down.
 */
const CODE_LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u';
const END_MARK = 256;
/** Room for the two children of each of the 256 inner nodes. */
const tree = new Int16Array(2 * 257);

/** Puts a symbol into the tree; leaves are stored as -1 - symbol, inner nodes as their number, 0 is nothing yet. */
function plant(symbol: number, word: number, length: number, nodes: { count: number }): void {
  let node = 0;
  for (let bit = length - 1; bit > 0; bit -= 1) {
    const at = node * 2 + ((word >>> bit) & 1);
    if (tree[at] === 0) tree[at] = nodes.count++;
    node = tree[at] ?? 0;
  }
  tree[node * 2 + (word & 1)] = -1 - symbol;
}

function plantAll(): void {
  const lengths = Array.from(CODE_LENGTHS, (digit) => parseInt(digit, 36));
  const symbols = lengths.map((length, symbol) => ({ length, symbol }));
  symbols.sort((first, second) => first.length - second.length || first.symbol - second.symbol);
  const nodes = { count: 1 };
  let word = 0;
  let lengthBefore = 0;
  for (const { length, symbol } of symbols) {
    word = (word << (length - lengthBefore)) >>> 0;
    lengthBefore = length;
    plant(symbol, word, length, nodes);
    word += 1;
  }
}

plantAll();

/** Decodes a Huffman-coded string. Throws when the code holds the end mark or its padding is not made of ones. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  let text = '';
  let node = 0;
  let onesSinceSymbol = 0;
  let bitsSinceSymbol = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    for (let shift = 7; shift >= 0; shift -= 1) {
      const bit = (byte >>> shift) & 1;
      const next = tree[node * 2 + bit] ?? 0;
      bitsSinceSymbol += 1;
      onesSinceSymbol += bit;
      if (next >= 0) {
        node = next;
        continue;
      }
      const symbol = -1 - next;
      if (symbol === END_MARK) throw new Error('HPACK: a string holds the end mark');
      text += String.fromCharCode(symbol);
      node = 0;
      bitsSinceSymbol = 0;
      onesSinceSymbol = 0;
    }
  }
  if (bitsSinceSymbol > 7 || onesSinceSymbol !== bitsSinceSymbol) throw new Error('HPACK: wrong padding');
  return text;
}
