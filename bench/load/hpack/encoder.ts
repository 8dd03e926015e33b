import { HeaderTable, type Header } from './header-table';

/** RFC 7541, section 5.1. */
function pushInteger(bytes: number[], prefixBits: number, flags: number, value: number): void {
  const limit = (1 << prefixBits) - 1;
  if (value < limit) {
    bytes.push(flags | value);
    return;
  }
  bytes.push(flags | limit);
  let rest = value - limit;
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
}

function pushText(bytes: number[], text: string): void {
  const raw = Buffer.from(text, 'latin1');
  pushInteger(bytes, 7, 0, raw.length);
  bytes.push(...raw);
}

/**
 * Encodes header blocks without Huffman coding. Every field enters the dynamic table, so the second block of the same
 * fields is one byte a field: a load that always sends the same block encodes twice and then copies.
 */
export class HpackEncoder {
  private readonly table = new HeaderTable();

  encode(headers: readonly Header[]): Buffer {
    const bytes: number[] = [];
    for (const [name, value] of headers) {
      const found = this.table.find(name, value);
      if (found.field > 0) {
        pushInteger(bytes, 7, 0x80, found.field);
        continue;
      }
      pushInteger(bytes, 6, 0x40, found.name);
      if (found.name === 0) pushText(bytes, name);
      pushText(bytes, value);
      this.table.add(name, value);
    }
    return Buffer.from(bytes);
  }
}
