import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExpressLikeRequest, ExpressRequests } from './express-requests';
import { LateResponse } from './late-response';
import { detachResponse, isAnsweringPeer, linesFor101, muteResponse, openResponse } from './middleware';
import { maskUrl } from './token';

const NO_LINES: readonly string[] = [];

/** The response of an upgrade request, as middleware and strategies see it, and the target beside it. */
export class UpgradeResponse {
  readonly #req: ExpressLikeRequest;
  readonly #socket: Duplex;
  readonly #express: ExpressRequests | undefined;
  readonly #url: string;
  /** The one that middleware saw. */
  #res: ServerResponse | undefined;
  /** The one that strategies get where there is no middleware. */
  #late: LateResponse | undefined;

  constructor(req: ExpressLikeRequest, socket: Duplex, express: ExpressRequests | undefined) {
    this.#req = req;
    this.#socket = socket;
    this.#express = express;
    this.#url = req.url ?? '';
  }

  /** Tells whether a middleware began an answer on the socket. */
  get isAnswering(): boolean {
    return this.#res !== undefined && isAnsweringPeer(this.#res);
  }

  /** Opens it on the socket, for middleware. */
  open(): ServerResponse {
    // Loggers write the target down: they see no token, neither now nor when the response ends.
    const masked = maskUrl(this.#url);
    this.#setUrl(masked);
    this.#req.originalUrl = masked;
    this.#res = openResponse(this.#req, this.#socket, this.#express);
    this.#req.res = this.#res;
    return this.#res;
  }

  /**
   * Takes it off the socket: middleware is through.
   *
   * @param onAnswer told when it was to be ended after all.
   */
  detach(onAnswer?: () => void): void {
    if (this.#res === undefined) return;
    detachResponse(this.#res, this.#socket);
    muteResponse(this.#res, onAnswer);
  }

  /** Shows the whole target, for the login. */
  showTarget(): void {
    this.#setUrl(this.#url);
  }

  /**
   * The one that strategies get.
   *
   * @param onAnswer told when a strategy answers instead of deciding.
   */
  forLogin(onAnswer: () => void): ServerResponse {
    if (this.#res !== undefined) return this.#res;
    this.#late = new LateResponse(this.#req, this.#express, onAnswer);
    this.#req.res = this.#late.proxy;
    this.#req.originalUrl = this.#url;
    return this.#late.proxy;
  }

  /** What was set on it, as lines of the 101. Runs hooks of middleware, which may throw. */
  headerLines(): readonly string[] {
    const opened = this.#res ?? this.#late?.opened;
    return opened === undefined ? NO_LINES : linesFor101(opened);
  }

  /**
   * Ends its time on the socket.
   *
   * @returns what observers of it are to be told through, when anybody may have some.
   */
  close(): ServerResponse | undefined {
    if (this.#res === undefined) return this.#late?.opened;
    this.detach();
    this.#setUrl(maskUrl(this.#url));
    return this.#res;
  }

  #setUrl(url: string): void {
    if (this.#express === undefined) this.#req.url = url;
    else this.#express.setUrl(this.#req, url);
  }
}
