import type { Socket } from 'node:net';

/** Enough for the requests of one tick; more are written in several pieces. */
const CAPACITY_BYTES = 256 * 1_024;

/** Collects what is sent within one tick, so that it leaves in one write and mostly in one TLS record. */
export class Outbox {
  private bytes = Buffer.allocUnsafeSlow(CAPACITY_BYTES);
  private used = 0;

  constructor(private readonly socket: Socket) {}

  /** Room for this many bytes at `offset` of `buffer`; what is not written there must not be reserved. */
  reserve(length: number): number {
    if (this.used + length > CAPACITY_BYTES) this.flush();
    const at = this.used;
    this.used += length;
    return at;
  }

  get buffer(): Buffer {
    return this.bytes;
  }

  push(piece: Buffer): void {
    piece.copy(this.bytes, this.reserve(piece.length));
  }

  /** Hands everything to the socket. The copy is needed: TLS may keep the bytes until the peer takes them. */
  flush(): void {
    if (this.used === 0) return;
    const piece = Buffer.from(this.bytes.subarray(0, this.used));
    this.used = 0;
    this.socket.write(piece);
  }
}
