import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, open, rm, type FileHandle } from 'node:fs/promises';
import { pipeline as pipe, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, type Gzip } from 'node:zlib';
import { platformErrors } from '../../platform/errors';
import type { AnchorDocument } from './anchor-document';
import { leavesPath, listAnchorFiles, publish, readAnchorFile } from './anchor-files';
import { joinByUser } from './cursor';
import { GONE, leafOf, readLeaf, type Head } from './head';
import { MerkleTree } from './merkle';

/**
 * Files of leaves: where every log stood at an anchor, a line each, in order of user, packed. A full file has all of them, the
 * others those that changed since the anchor before. Nobody need trust them: they lead to the root that was signed, or not.
 */

/** Lines that are kept until they are packed together. */
const LINES_AT_ONCE = 1_000;

/** Writes one file of leaves: line by line, and then gives it its name. */
export class LeavesWriter {
  private lines: string[] = [];
  private count = 0;
  private isPublished = false;
  private readonly sum: Hash = createHash('sha256');
  private readonly gzip: Gzip = createGzip();
  private readonly written: Promise<void>;

  private constructor(
    private readonly dir: string,
    private readonly path: string,
    private readonly file: FileHandle,
  ) {
    const out = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        file.writeFile(chunk).then(() => done(), done);
      },
    });
    this.written = pipeline(this.gzip, out);
    // Told to whoever ends the file.
    this.written.catch(() => undefined);
  }

  private get draft(): string {
    return `${this.path}.part`;
  }

  /** Opens the file of an anchor. Throws CONTENTION when somebody else writes, or wrote, the same number at the same moment. */
  static async open(dir: string, anchor: Pick<AnchorDocument, 'number' | 'time'>): Promise<LeavesWriter> {
    const path = leavesPath(dir, anchor);
    const file = await open(`${path}.part`, 'wx', 0o640).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? platformErrors.CONTENTION({ cause: error }) : error;
    });
    const writer = new LeavesWriter(dir, path, file);
    const isTaken = await access(path).then(
      () => true,
      () => false,
    );
    if (!isTaken) return writer;
    await writer.abandon();
    throw platformErrors.CONTENTION();
  }

  /** Adds the next line. */
  async add(head: Head): Promise<void> {
    this.lines.push(`${leafOf(head)}\n`);
    this.count += 1;
    if (this.lines.length >= LINES_AT_ONCE) await this.pack();
  }

  private async pack(): Promise<void> {
    const text = this.lines.join('');
    this.lines = [];
    this.sum.update(text);
    await new Promise<void>((resolve, reject) => {
      this.gzip.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Ends the file, which then is whole and durable under its name. */
  async end(): Promise<{ readonly lines: number; readonly sha256: string }> {
    await this.pack();
    this.gzip.end();
    await this.written;
    await this.file.sync();
    await this.file.close();
    await publish(this.draft, this.path, this.dir);
    this.isPublished = true;
    return { lines: this.count, sha256: this.sum.digest('hex') };
  }

  /** Gives the file up, finished or not: nothing of it stays. */
  async discard(): Promise<void> {
    if (this.isPublished) await rm(this.path, { force: true });
    else await this.abandon();
  }

  private async abandon(): Promise<void> {
    this.gzip.destroy();
    await this.written.catch(() => undefined);
    await this.file.close().catch(() => undefined);
    await rm(this.draft, { force: true });
  }
}

/** The leaves of one file, as they stand there. */
async function* readLeavesFile(path: string): AsyncGenerator<readonly Head[]> {
  const unpacked = createGunzip();
  // A file that is not there, or is damaged, is an error of what is read here.
  pipe(createReadStream(path), unpacked, () => undefined);
  let rest = '';
  for await (const chunk of unpacked as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    yield lines.map(readLeaf);
  }
  if (rest !== '') throw new Error('the last line is cut off');
}

/** Leaves before and what changed after them: the leaves after. */
async function* applyChanges(
  before: AsyncIterable<readonly Head[]>,
  changes: AsyncIterable<readonly Head[]>,
): AsyncGenerator<readonly Head[]> {
  let page: Head[] = [];
  for await (const { found } of joinByUser<[Head, Head]>(before, changes)) {
    const [old, changed = old] = found;
    if (changed === undefined || changed.sequence === GONE) continue;
    page.push(changed);
    if (page.length < LINES_AT_ONCE) continue;
    yield page;
    page = [];
  }
  yield page;
}

/** The files that make up the leaves of an anchor, the full one first. Throws when one is not there. */
async function leafFilesOf(dir: string, anchor: AnchorDocument): Promise<readonly string[]> {
  const known = await listAnchorFiles(dir);
  const files = [leavesPath(dir, anchor)];
  let current = anchor;
  while (current.leaves.kind === 'delta') {
    const wanted = current.previous;
    const mark = `anchor-${String(wanted?.number ?? 0).padStart(8, '0')}-`;
    const before = await Promise.all(
      known.filter((name) => name.startsWith(mark)).map((name) => readAnchorFile(`${dir}/${name}`)),
    );
    const previous = before.find(({ hash }) => hash.toString('hex') === wanted?.sha256);
    if (previous === undefined) throw new Error(`anchor ${wanted?.number ?? 0} is not in ${dir}`);
    current = previous.anchor;
    files.unshift(leavesPath(dir, current));
  }
  return files;
}

/** The leaves that files make up. */
function readLeaves([full, ...changes]: readonly string[]): AsyncIterable<readonly Head[]> {
  return changes.reduce<AsyncIterable<readonly Head[]>>(
    (leaves, path) => applyChanges(leaves, readLeavesFile(path)),
    readLeavesFile(full ?? ''),
  );
}

/** Leaves that were proved to be those of an anchor: they can be read again and again. */
export interface ProvedLeaves {
  read(): AsyncIterable<readonly Head[]>;
}

/** Leaves of which nobody knows whether they are those of the anchor. */
export class LeavesUnproved extends Error {
  constructor(anchor: AnchorDocument, why: string, cause?: unknown) {
    super(`The leaves of anchor ${anchor.number} can not be used: ${why}.`, { cause });
    this.name = 'LeavesUnproved';
  }
}

/** Finds the leaves of an anchor in a directory and proves them by its root. Throws LeavesUnproved. */
export async function proveLeaves(dir: string, anchor: AnchorDocument): Promise<ProvedLeaves> {
  const tree = new MerkleTree();
  let last = '';
  let files: readonly string[];
  try {
    files = await leafFilesOf(dir, anchor);
    for await (const page of readLeaves(files)) {
      for (const head of page) {
        // Out of order, what is told of one user could hide another.
        if (head.userId <= last) throw new Error('they are not in order of user');
        last = head.userId;
        tree.add(leafOf(head));
      }
    }
  } catch (error) {
    throw new LeavesUnproved(anchor, error instanceof Error ? error.message : String(error), error);
  }
  if (tree.root().toString('hex') !== anchor.users.root) throw new LeavesUnproved(anchor, 'they have another root');
  return { read: () => readLeaves(files) };
}
