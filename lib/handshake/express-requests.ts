import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is used of an Express app, 4 and 5 alike. */
interface ExpressApp {
  readonly request: object;
  readonly response: object;
  get(setting: string): unknown;
}

type TrustProxy = (address: string | undefined, hop: number) => boolean;
type ParseQuery = (text: string) => unknown;

/** A request as Express's middleware and Passport's strategies know it. */
export interface ExpressLikeRequest extends IncomingMessage {
  originalUrl?: string;
  baseUrl?: string;
  query?: unknown;
  user?: unknown;
  ip?: string;
  res?: ServerResponse;
}

/** What the handshake and Passport set on every request. */
const TO_BE_SET = [
  ...['res', 'originalUrl', 'user', '_sessionManager'],
  ...['login', 'logIn', 'logout', 'logOut', 'isAuthenticated', 'isUnauthenticated'],
];

/** Makes raw requests and responses what the handlers of one Express app expect. */
export class ExpressRequests {
  readonly #app: ExpressApp;
  /** Express 4 fills `req.query` by a middleware of its own; Express 5 has a getter on the prototype. */
  readonly #fillsQuery: boolean;
  /** Own properties that requests get with their prototype, `undefined` until they are set. */
  readonly #toBeSet: Readonly<Record<string, undefined>>;

  constructor(app: ExpressApp) {
    this.#app = app;
    this.#fillsQuery = !('query' in app.request);
    // What the app's prototype has is not to be covered by an own property.
    const missing = TO_BE_SET.filter((key) => !(key in app.request));
    this.#toBeSet = Object.fromEntries(missing.map((key) => [key, undefined]));
  }

  /** Gives a request the app's prototype. Idempotent. */
  dress(req: ExpressLikeRequest): void {
    if (Object.getPrototypeOf(req) === this.#app.request) return;
    // Before the prototype: each property that is new to a request afterwards costs 5 µs and a hidden class of its own.
    Object.assign(req, this.#toBeSet);
    Object.setPrototypeOf(req, this.#app.request);
  }

  dressResponse(res: ServerResponse): void {
    Object.setPrototypeOf(res, this.#app.response);
  }

  /** Sets `req.url`, and what Express 4 keeps of it. */
  setUrl(req: ExpressLikeRequest, url: string): void {
    req.url = url;
    if (!this.#fillsQuery) return;
    const parse = this.#app.get('query parser fn');
    const start = url.indexOf('?');
    // The setting 'query parser' compiles to a function, or to false: no query then.
    req.query = typeof parse === 'function' ? (parse as ParseQuery)(start === -1 ? '' : url.slice(start + 1)) : {};
  }

  /** The peer's address as the app sees it: its setting `trust proxy` decides whom to believe. */
  addressOf(req: ExpressLikeRequest): string {
    this.dress(req);
    return req.ip ?? '';
  }

  /** The host that a trusted proxy was asked for; `undefined` when there is none. */
  forwardedHostOf(req: IncomingMessage): string | undefined {
    const forwarded = req.headers['x-forwarded-host'];
    const trust = forwarded === undefined ? undefined : this.#app.get('trust proxy fn');
    if (typeof trust !== 'function' || !(trust as TrustProxy)(req.socket.remoteAddress, 0)) return undefined;
    return String(forwarded).split(',', 1)[0]?.trim();
  }
}

/** Takes an app as Express's when it looks like one. */
export function expressRequests(app: object | undefined): ExpressRequests | undefined {
  // An Express app is a function with these members; every part is checked before use.
  const candidate = app as Partial<ExpressApp> | undefined;
  const isExpress =
    typeof candidate?.request === 'object' &&
    typeof candidate.response === 'object' &&
    typeof candidate.get === 'function';
  return isExpress ? new ExpressRequests(candidate as ExpressApp) : undefined;
}
