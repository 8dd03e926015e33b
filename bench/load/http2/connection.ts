import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { HpackDecoder } from '../hpack/decoder';
import { HpackEncoder } from '../hpack/encoder';
import type { Header } from '../hpack/header-table';
import {
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  PREFACE,
  SETTING,
  WINDOW_DEFAULT,
  WINDOW_MAX,
  frame,
  settingsPayload,
  windowPayload,
  writeFrameHeader,
} from './frames';
import { Outbox } from './outbox';

/** One unary gRPC call. The same object may make many calls, one after the other. */
export interface UnaryCall {
  /** The whole request with gRPC's prefix of five bytes. Copied before `start` returns. */
  readonly request: Buffer;
  /** The response message, within `bytes`, which are only good until this returns. */
  answered(bytes: Buffer, start: number, end: number): void;
  /** The call is over. `details` is the status in base64, for a refusal that says why. */
  ended(status: number, details: string): void;
}

/** gRPC's status UNAVAILABLE: what a call ends with when its connection does. */
const UNAVAILABLE = 14;
const GRPC_PREFIX_BYTES = 5;
/** What both tables hold unless somebody says otherwise; our seven fields need a tenth of it. */
const HEADER_TABLE_BYTES = 4_096;
/** Half of the window: the peer never waits, and updates are rare. */
const WINDOW_UPDATE_BYTES = 0x3fffffff;

interface Stream {
  readonly call: UnaryCall;
  /** A message that came in several frames, so far. */
  partial: Buffer | undefined;
  status: number;
  details: string;
}

/**
 * A client's end of one HTTP/2 connection, written for little overhead: the load generator shares two cores with what
 * it measures. It knows unary gRPC and nothing else. Call `flush` after the calls of a tick.
 */
export class Connection {
  private readonly outbox: Outbox;
  private readonly encoder = new HpackEncoder();
  private readonly decoder = new HpackDecoder();
  private readonly streams = new Map<number, Stream>();
  private waiting: UnaryCall[] = [];
  private nextStreamId = 1;
  private leftover: Buffer | undefined;
  /** The header block of a request once every field is in the peer's table. */
  private indexedBlock: Buffer | undefined;
  private sendWindow = WINDOW_DEFAULT;
  private streamWindow = WINDOW_DEFAULT;
  private receivedBytes = 0;
  private isGoingAway = false;
  private readonly onHeader: (name: string, value: string) => void;
  private current: Stream | undefined;

  private constructor(
    private readonly socket: TLSSocket,
    private readonly headers: readonly Header[],
  ) {
    this.outbox = new Outbox(socket);
    this.onHeader = (name, value) => this.readHeader(name, value);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('close', () => this.close());
    socket.on('error', () => this.close());
    this.outbox.push(PREFACE);
    const settings = settingsPayload([
      [SETTING.ENABLE_PUSH, 0],
      [SETTING.INITIAL_WINDOW_SIZE, WINDOW_MAX],
    ]);
    this.outbox.push(frame(FRAME.SETTINGS, 0, 0, settings));
    this.outbox.push(frame(FRAME.WINDOW_UPDATE, 0, 0, windowPayload(WINDOW_MAX - WINDOW_DEFAULT)));
    this.flush();
  }

  /** Connects with TLS and ALPN h2. `headers` go with every call. */
  static open(options: ConnectionOptions, headers: readonly Header[]): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...options, ALPNProtocols: ['h2'] });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        socket.setNoDelay(true);
        if (socket.alpnProtocol === 'h2') resolve(new Connection(socket, headers));
        else reject(new Error('the server does not speak HTTP/2'));
      });
    });
  }

  /** Whether new calls may begin: not after the peer said that it is going away, or is gone. */
  get isOpen(): boolean {
    return !this.isGoingAway;
  }

  /** Begins a call; it leaves with the next flush. */
  start(call: UnaryCall): void {
    const { request } = call;
    if (request.length > this.streamWindow) throw new Error('HTTP/2: a request is larger than the window of a stream');
    if (this.isGoingAway) {
      // Not at once: a caller that calls again from `ended` would never return.
      setImmediate(() => call.ended(UNAVAILABLE, ''));
      return;
    }
    if (request.length > this.sendWindow) {
      this.waiting.push(call);
      return;
    }
    this.sendWindow -= request.length;
    const streamId = this.nextStreamId;
    this.nextStreamId += 2;
    this.streams.set(streamId, { call, partial: undefined, status: -1, details: '' });
    this.writeRequest(streamId, request);
  }

  /** Sends what was begun. */
  flush(): void {
    this.outbox.flush();
  }

  end(): void {
    this.isGoingAway = true;
    this.socket.destroy();
  }

  private writeRequest(streamId: number, request: Buffer): void {
    const block = this.indexedBlock ?? this.encoder.encode(this.headers);
    if (block.length === this.headers.length) this.indexedBlock = block;
    let at = this.outbox.reserve(2 * FRAME_HEADER_BYTES + block.length + request.length);
    const out = this.outbox.buffer;
    at = writeFrameHeader(out, at, block.length, FRAME.HEADERS, FLAG.END_HEADERS, streamId);
    at += block.copy(out, at);
    at = writeFrameHeader(out, at, request.length, FRAME.DATA, FLAG.END_STREAM, streamId);
    request.copy(out, at);
  }

  private receive(chunk: Buffer): void {
    const bytes = this.leftover === undefined ? chunk : Buffer.concat([this.leftover, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      this.receiveFrame(bytes, at, end);
      at = end;
    }
    this.leftover = at === bytes.length ? undefined : bytes.subarray(at);
    this.replenish();
    this.flush();
  }

  private receiveFrame(bytes: Buffer, at: number, end: number): void {
    const flags = bytes[at + 4] ?? 0;
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    const start = at + FRAME_HEADER_BYTES;
    switch (bytes[at + 3]) {
      case FRAME.DATA:
        return this.receiveData(bytes, start, end, flags, streamId);
      case FRAME.HEADERS:
        return this.receiveHeaders(bytes, start, end, flags, streamId);
      case FRAME.RST_STREAM:
        return this.endStream(streamId);
      case FRAME.SETTINGS:
        return this.receiveSettings(bytes, start, end, flags);
      case FRAME.PING:
        if ((flags & FLAG.ACK) === 0) this.outbox.push(frame(FRAME.PING, FLAG.ACK, 0, bytes.subarray(start, end)));
        return;
      case FRAME.GOAWAY:
        return this.receiveGoaway(bytes.readUInt32BE(start) & 0x7fffffff);
      case FRAME.WINDOW_UPDATE:
        if (streamId === 0) this.openWindow(bytes.readUInt32BE(start) & 0x7fffffff);
        return;
      default:
        return;
    }
  }

  private receiveData(bytes: Buffer, from: number, to: number, flags: number, streamId: number): void {
    this.receivedBytes += to - from;
    const isPadded = (flags & FLAG.PADDED) !== 0;
    const start = isPadded ? from + 1 : from;
    const end = isPadded ? to - (bytes[from] ?? 0) : to;
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    if (stream.partial !== undefined) {
      stream.partial = Buffer.concat([stream.partial, bytes.subarray(start, end)]);
      if (isWhole(stream.partial, 0, stream.partial.length)) {
        stream.call.answered(stream.partial, GRPC_PREFIX_BYTES, stream.partial.length);
      }
    } else if (isWhole(bytes, start, end)) {
      stream.call.answered(bytes, start + GRPC_PREFIX_BYTES, end);
    } else {
      stream.partial = Buffer.from(bytes.subarray(start, end));
    }
    if ((flags & FLAG.END_STREAM) !== 0) this.endStream(streamId);
  }

  private receiveHeaders(bytes: Buffer, from: number, to: number, flags: number, streamId: number): void {
    // Only headers beyond 16 KiB come in several frames: no server here sends such.
    if ((flags & FLAG.END_HEADERS) === 0) throw new Error('HTTP/2: a header block in several frames is not understood');
    const isPadded = (flags & FLAG.PADDED) !== 0;
    const start = from + (isPadded ? 1 : 0) + ((flags & FLAG.PRIORITY) !== 0 ? 5 : 0);
    const end = isPadded ? to - (bytes[from] ?? 0) : to;
    this.current = this.streams.get(streamId);
    // A block for a stream that is over must be decoded too: it changes the table.
    this.decoder.decode(bytes, start, end, this.onHeader);
    if ((flags & FLAG.END_STREAM) !== 0) this.endStream(streamId);
  }

  private readHeader(name: string, value: string): void {
    if (this.current === undefined) return;
    if (name === 'grpc-status') this.current.status = Number(value);
    else if (name === 'grpc-status-details-bin') this.current.details = value;
  }

  private endStream(streamId: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    this.streams.delete(streamId);
    stream.call.ended(stream.status < 0 ? UNAVAILABLE : stream.status, stream.details);
  }

  private receiveSettings(bytes: Buffer, from: number, to: number, flags: number): void {
    if ((flags & FLAG.ACK) !== 0) return;
    for (let at = from; at < to; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      switch (bytes.readUInt16BE(at)) {
        case SETTING.INITIAL_WINDOW_SIZE:
          this.streamWindow = value;
          break;
        case SETTING.HEADER_TABLE_SIZE:
          if (value < HEADER_TABLE_BYTES) throw new Error('HTTP/2: the server keeps too few headers');
          break;
        default:
      }
    }
    this.outbox.push(frame(FRAME.SETTINGS, FLAG.ACK, 0, Buffer.alloc(0)));
  }

  private receiveGoaway(lastStreamId: number): void {
    this.isGoingAway = true;
    for (const streamId of [...this.streams.keys()].filter((id) => id > lastStreamId)) this.endStream(streamId);
  }

  private openWindow(increment: number): void {
    this.sendWindow += increment;
    const calls = this.waiting;
    this.waiting = [];
    for (const call of calls) this.start(call);
  }

  /** Allows the peer to send more on the connection; streams are short and need no update of their own. */
  private replenish(): void {
    if (this.receivedBytes < WINDOW_UPDATE_BYTES) return;
    this.outbox.push(frame(FRAME.WINDOW_UPDATE, 0, 0, windowPayload(this.receivedBytes)));
    this.receivedBytes = 0;
  }

  private close(): void {
    this.isGoingAway = true;
    for (const streamId of [...this.streams.keys()]) this.endStream(streamId);
    for (const call of this.waiting.splice(0)) call.ended(UNAVAILABLE, '');
  }
}

/** Whether the bytes are one whole, uncompressed gRPC message. */
function isWhole(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start - GRPC_PREFIX_BYTES;
  return length >= 0 && bytes[start] === 0 && bytes.readUInt32BE(start + 1) === length;
}
