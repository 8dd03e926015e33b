/** One header field. */
export type Header = readonly [name: string, value: string];

/** RFC 7541, appendix A: name, or name=value where there is one; the order is the index. */
const STATIC_FIELDS = [
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204',
  ':status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate',
  'accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control',
  'content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type',
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since',
  'last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after',
  'server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate',
]
  .join('|')
  .split('|');

const STATIC_TABLE: readonly Header[] = STATIC_FIELDS.map((field) => {
  const [name = '', value = ''] = field.split('=');
  return [name, value];
});

/** RFC 7541, section 4.1: what an entry counts beside its text. */
const ENTRY_OVERHEAD = 32;

/** The static table and one direction's dynamic table. Indexes begin at 1, the newest dynamic entry is 62. */
export class HeaderTable {
  private entries: Header[] = [];
  private size = 0;

  constructor(private maxSize = 4_096) {}

  /** The field with an index. Throws when there is none. */
  at(index: number): Header {
    const staticCount = STATIC_TABLE.length;
    const found = index <= staticCount ? STATIC_TABLE[index - 1] : this.entries[index - staticCount - 1];
    if (found === undefined) throw new Error(`HPACK: there is no field ${index}`);
    return found;
  }

  /** The lowest index of a field with this name, and with this value if there is one; 0 for none. */
  find(name: string, value: string): { readonly field: number; readonly name: number } {
    const all = [...STATIC_TABLE, ...this.entries];
    return {
      field: all.findIndex((entry) => entry[0] === name && entry[1] === value) + 1,
      name: all.findIndex((entry) => entry[0] === name) + 1,
    };
  }

  /** Adds a field as the newest one; the oldest make room. */
  add(name: string, value: string): void {
    this.entries.unshift([name, value]);
    this.size += name.length + value.length + ENTRY_OVERHEAD;
    this.evict();
  }

  /** Follows a change of the table's size. */
  resize(maxSize: number): void {
    this.maxSize = maxSize;
    this.evict();
  }

  /** The dynamic entries, newest first, for tests. */
  get dynamicEntries(): readonly Header[] {
    return this.entries;
  }

  private evict(): void {
    while (this.size > this.maxSize) {
      const [name, value] = this.entries.pop() ?? ['', ''];
      this.size -= name.length + value.length + ENTRY_OVERHEAD;
    }
  }
}
