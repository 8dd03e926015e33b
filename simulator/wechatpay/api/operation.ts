import type { Clock } from '../../../src/platform/clock';
import type { Books } from '../books';
import type { Material } from '../material';

/** What every operation works on. */
export interface ApiContext {
  readonly books: Books;
  readonly material: Material;
  readonly clock: Clock;
}

/** A request whose signature was verified. */
export interface ApiCall {
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

export interface ApiAnswer {
  readonly status: 200 | 204;
  readonly body: object | undefined;
}

/** One endpoint of the API. `perform` refuses by throwing an ApiError and has then changed nothing. */
export interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly perform: (context: ApiContext, call: ApiCall) => ApiAnswer;
}
