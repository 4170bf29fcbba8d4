import type { CreateSocket } from './socket';

/** Options of `connect`. */
export interface ClientOptions {
  /**
   * Gives the token; called for each connect and when the login is about to end. Rejecting, or taking longer than
   * `connectTimeoutMs`, is a passing fault: tried again with backoff. An empty answer means that nobody is logged in: the
   * client closes. So it does after 4401 (the login ended), unless it gets another token than the refused one; a second
   * 4401 before the server let it in is final. Leave the option out where a cookie does the login.
   */
  readonly token?: () => string | null | undefined | Promise<string | null | undefined>;
  /** Makes the socket; default: the runtime's WebSocket. */
  readonly createSocket?: CreateSocket;
  /**
   * What `send` does while there is no connection: `wait` keeps messages, at most `maxQueued` (default), `drop` forgets
   * them, `reject` throws.
   */
  readonly offline?: 'wait' | 'drop' | 'reject';
  /** How many messages may wait; default 100. */
  readonly maxQueued?: number;
  /**
   * The longest first wait before a reconnect; default 500 ms. It doubles with each failure, with full jitter; after 4408
   * and 4429 at least half of it is waited.
   */
  readonly minBackoffMs?: number;
  /** The longest wait; default 20,000 ms. */
  readonly maxBackoffMs?: number;
  /** How long a connection may take to open, `token` included; default 15,000 ms. */
  readonly connectTimeoutMs?: number;
  /** How long the line may be silent after a `ping`; default 5,000 ms. */
  readonly pongTimeoutMs?: number;
  /** How long a request waits for its reply, unless the call says more; default 10,000 ms. */
  readonly requestTimeoutMs?: number;
  /** Gets what a listener threw, and errors of the server that belong to no request; default: `console.error`. */
  readonly onError?: (error: unknown) => void;
}

/** Options with their defaults filled in. */
export type ResolvedClientOptions = ClientOptions &
  Required<Omit<ClientOptions, 'token' | 'createSocket' | 'onError'>> & {
    readonly onError: (error: unknown) => void;
  };

/** A span that `setTimeout` takes: above it, timers fire at once. */
export function timerMs(ms: number): number {
  return Math.min(ms, 2 ** 31 - 1);
}

/** The one place for the defaults. */
export function resolveClientOptions({
  offline = 'wait',
  maxQueued = 100,
  minBackoffMs = 500,
  maxBackoffMs = 20_000,
  connectTimeoutMs = 15_000,
  pongTimeoutMs = 5000,
  requestTimeoutMs = 10_000,
  // eslint-disable-next-line no-console -- a page has no other place for it
  onError = (error) => console.error(error),
  ...options
}: ClientOptions): ResolvedClientOptions {
  const times = { minBackoffMs, maxBackoffMs, connectTimeoutMs, pongTimeoutMs, requestTimeoutMs };
  return { ...options, ...times, offline, maxQueued, onError };
}
