import type { Clock } from '../../../src/platform/clock';
import type { Books } from '../books';
import type { KeyRing } from '../key-ring';
import type { Material } from '../material';
import type { RefundDesk } from '../refund-desk';

/** What every operation works on. */
export interface ApiContext {
  readonly books: Books;
  readonly material: Material;
  readonly keys: KeyRing;
  readonly refunds: RefundDesk;
  readonly clock: Clock;
}

/** A request whose signature was verified. */
export interface ApiCall {
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  /** Where the merchant reached us: `http://127.0.0.1:8090`. */
  readonly origin: string;
  /** The request's Wechatpay-Serial. */
  readonly serial: string | undefined;
}

/** Bytes that are sent as they are, without a signature. */
export interface FileContent {
  readonly contentType: string;
  readonly bytes: Buffer;
}

export interface ApiAnswer {
  readonly status: 200 | 204;
  readonly body: object | undefined;
  /** Instead of a body. */
  readonly file?: FileContent;
}

/** One endpoint of the API. `perform` refuses by throwing an ApiError and has then changed nothing. */
export interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly perform: (context: ApiContext, call: ApiCall) => ApiAnswer;
}
