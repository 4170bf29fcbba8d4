import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExpressRequests } from './express-requests';
import { detachedResponse, muteResponse } from './middleware';

/**
 * A response that is made when it is first touched. Most strategies (passport-jwt, bearer) never do, and making one
 * costs more than checking the request.
 */
export class LateResponse {
  readonly #req: IncomingMessage;
  readonly #express: ExpressRequests | undefined;
  readonly #onAnswer: () => void;
  #opened: ServerResponse | undefined;
  /** To be handed out in place of a response. */
  readonly proxy: ServerResponse;

  constructor(req: IncomingMessage, express: ExpressRequests | undefined, onAnswer: () => void) {
    this.#req = req;
    this.#express = express;
    this.#onAnswer = onAnswer;
    // Every trap goes to the real response, so the target is never seen.
    this.proxy = new Proxy(this as unknown as ServerResponse, FORWARD);
  }

  /** The response, when somebody touched it. */
  get opened(): ServerResponse | undefined {
    return this.#opened;
  }

  open(): ServerResponse {
    if (this.#opened === undefined) {
      this.#opened = detachedResponse(this.#req, this.#express);
      muteResponse(this.#opened, this.#onAnswer);
    }
    return this.#opened;
  }
}

const FORWARD: ProxyHandler<ServerResponse> = {
  get: (late, key) => Reflect.get(responseOf(late), key) as unknown,
  set: (late, key, value) => Reflect.set(responseOf(late), key, value),
  has: (late, key) => Reflect.has(responseOf(late), key),
  getPrototypeOf: (late) => Reflect.getPrototypeOf(responseOf(late)),
};

function responseOf(late: ServerResponse): ServerResponse {
  // The proxy's target, see the constructor.
  return (late as unknown as LateResponse).open();
}
