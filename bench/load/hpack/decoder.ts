import { HeaderTable } from './header-table';
import { decodeHuffman } from './huffman';

/** Reads the pieces of one header block. */
class BlockReader {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
    private readonly end: number,
  ) {}

  get isDone(): boolean {
    return this.at >= this.end;
  }

  /** The next byte, which stays. */
  peek(): number {
    return this.bytes[this.at] ?? 0;
  }

  integer(prefixBits: number): number {
    const limit = (1 << prefixBits) - 1;
    let value = this.byte() & limit;
    if (value < limit) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
      if (shift > 28) throw new Error('HPACK: an integer is too long');
    }
  }

  text(): string {
    const isHuffman = this.peek() >= 128;
    const length = this.integer(7);
    const start = this.at;
    this.at += length;
    if (this.at > this.end) throw new Error('HPACK: a string goes beyond its block');
    return isHuffman ? decodeHuffman(this.bytes, start, this.at) : this.bytes.toString('latin1', start, this.at);
  }

  private byte(): number {
    if (this.at >= this.end) throw new Error('HPACK: a block ends too early');
    const byte = this.bytes[this.at] ?? 0;
    this.at += 1;
    return byte;
  }
}

/** Decodes one direction's header blocks, all of them in order: each may change the table that the next one needs. */
export class HpackDecoder {
  private readonly table: HeaderTable;

  constructor(private readonly maxSize = 4_096) {
    this.table = new HeaderTable(maxSize);
  }

  /** Tells every field of a block. Throws on a block that breaks the rules: the connection is then of no more use. */
  decode(bytes: Buffer, start: number, end: number, onHeader: (name: string, value: string) => void): void {
    const reader = new BlockReader(bytes, start, end);
    while (!reader.isDone) {
      const first = reader.peek();
      if (first >= 0x80) {
        const [name, value] = this.table.at(reader.integer(7));
        onHeader(name, value);
      } else if (first >= 0x40) {
        const [name, value] = this.literal(reader, 6);
        this.table.add(name, value);
        onHeader(name, value);
      } else if (first >= 0x20) {
        this.resize(reader.integer(5));
      } else {
        const [name, value] = this.literal(reader, 4);
        onHeader(name, value);
      }
    }
  }

  /** The dynamic table, newest first, for tests. */
  get dynamicEntries() {
    return this.table.dynamicEntries;
  }

  private literal(reader: BlockReader, prefixBits: number): readonly [string, string] {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.table.at(index)[0];
    return [name, reader.text()];
  }

  private resize(size: number): void {
    if (size > this.maxSize) throw new Error('HPACK: the table may not become so large');
    this.table.resize(size);
  }
}
