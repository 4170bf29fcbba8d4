import type { RevocationStore } from './model/revocation';
import type { TicketStore } from './model/tickets';
import type { MessageContract } from './model/messages';
import type { IncomingMessage } from 'node:http';
import type { Authenticate, Middleware, PassportLike, TokenCarrier } from './handshake/handshake';
import type { Broker } from './cluster/brokers/broker';
import type { CloseInfo, Session } from './session/session';
import type { LoginUser } from './model/login-user';
import type { OnError } from './session/report';
import type { OnEvent } from './model/events';

/** Options of `attachRealtime`. Unknown keys, wrong types and values out of range throw at attach. */
export interface RealtimeOptions {
  /** The path of the WebSocket; default `/ws`. One trailing slash is tolerated. */
  readonly path?: string;
  /** The Express app; default: found among the server's request listeners. */
  readonly app?: object;
  /** The app's own Passport instance. Exactly one of `passport` and `authenticate` is given. */
  readonly passport?: PassportLike;
  /** A strategy's name, several names, or a Strategy; default `jwt`. */
  readonly strategy?: string | readonly string[] | object;
  /** Decides who a request is, for an app without Passport; `null` refuses with 401. */
  readonly authenticate?: Authenticate;
  /**
   * Makes a LoginUser of what the strategy gave; default: id = `user.id ?? user.sub`, `userType ?? 0`, `tenantId`,
   * `info`, `scopes`, `expiresAtMs`.
   */
  readonly toLoginUser?: (user: never, req: IncomingMessage, info: unknown) => unknown;
  /** The app's own middleware that must run before authentication: cookie sessions, rate limiters, loggers. */
  readonly middleware?: Middleware | readonly Middleware[];
  /** Which browser origins may connect: `same` host (default; also no Origin at all), `any`, or a list of origins, `same` among them or not. */
  readonly origins?: string | readonly string[];
  /** Lets requests without any token in as guests, who see only handlers registered for them; default false. */
  readonly anonymous?: boolean;
  /** How long authentication may take; default 10,000 ms, then 503. */
  readonly authTimeoutMs?: number;
  /** Where a token may stand, in this order; default `header`, `protocol`, `query`. */
  readonly tokenFrom?: readonly TokenCarrier[];
  /** Where one-time tickets are kept: `memoryTickets()` or `redisTickets(redis)`, the same as `ticketRoute` sells from. */
  readonly tickets?: TicketStore;
  /** Where revocations are kept over a restart of all processes: `redisRevocations(redis)`; default: in memory only. */
  readonly revocations?: RevocationStore;
  /** Open sessions in this process; default 0 = no limit. Above it: 503. */
  readonly maxSessions?: number;
  /** Open sessions of one user in this process; default 0 = no limit. Above it the new one is refused (429), or, with `policy: 'replace'`, the oldest closed (4409). */
  readonly maxSessionsPerUser?: number | { readonly max: number; readonly policy: 'refuse' | 'replace' };
  /** Open sessions of one client address, as Express's `req.ip` gives it, or of one IPv6 network (/64); default 0 = no limit. Above it: 429. */
  readonly maxSessionsPerAddress?: number;
  /** Handshakes under way at once; default 1,000. Above it: 503. */
  readonly maxPendingUpgrades?: number;
  /** Upgrade requests a second, one second's worth at once; default 0 = no limit. Above it: 503. */
  readonly maxUpgradesPerSecond?: number;
  /** Under which name the sender stands on `app.locals`; default `sender`. */
  readonly localsKey?: string;
  /** False hooks nothing: the sender is there and reaches nobody. Default true. */
  readonly enabled?: boolean;
  /** Whether every LoginUser belongs to a tenant; default false. */
  readonly multiTenant?: boolean;
  /** The application's name; needed with a broker: two apps on one broker never hear each other. */
  readonly name?: string;
  /** Carries pushes between processes; default: this process only. */
  readonly broker?: Broker;
  /** What to do while the broker is away: serve what can be served (`degrade`, default), or refuse with 503 until it was there once (`require`). */
  readonly startPolicy?: 'degrade' | 'require';
  /** With `require`: how long until `ready` rejects; default 30,000 ms. */
  readonly startTimeoutMs?: number;
  /** Frames of other nodes older than this are dropped; default 30,000 ms. */
  readonly relayMaxAgeMs?: number;
  /** Length of a beat: each pings; a session without a sign of life since the last is terminated; default 25,000 ms. */
  readonly heartbeatMs?: number;
  /** The largest message of a peer; default 65,536 bytes. Above it: 1009. */
  readonly maxPayloadBytes?: number;
  /** How many bytes may wait for one socket; default 1 MiB. */
  readonly maxBufferedBytes?: number;
  /** What happens above that: `close` the session with 4408 (default), or `drop` the frame. */
  readonly overflow?: 'close' | 'drop';
  /** Messages of one session that may wait behind a running handler; default 100; 0 = no limit. */
  readonly maxQueuedMessages?: number;
  /** Above this many waiting bytes a socket is not read; default 1 MiB; 0 = no limit. */
  readonly maxQueuedBytes?: number;
  /** How long a socket may stay unread; default 60,000 ms, then 4429. */
  readonly maxPauseMs?: number;
  /** Messages a second of one session, twice that in a burst; default 100; 0 = no limit. */
  readonly maxMessagesPerSecond?: number;
  /** Bytes a second of one session, twice that in a burst; default 1 MiB; 0 = no limit. */
  readonly maxBytesPerSecond?: number;
  /** How long a handler may take before its signal is aborted and the next message runs; default 30,000 ms; 0 = no limit. */
  readonly handlerTimeoutMs?: number;
  /** How long before its login ends a v1 client is warned, so that it can renew; default 60,000 ms. */
  readonly expiryWarningMs?: number;
  /** How long after its end a login still counts; default 0 ms. */
  readonly expiryGraceMs?: number;
  /**
   * How long `sender.revoke` is remembered: at least the longest life of your tokens, else a revoked one is good again;
   * default 24 h.
   */
  readonly revocationMemoryMs?: number;
  /** Over how long `close()` spreads the closing of sessions; default 0 ms: all at once. */
  readonly drainMs?: number;
  /** The message contract of `defineMessages`: validates what comes in, and in development what goes out. */
  readonly messages?: MessageContract;
  /**
   * Told when a session is there; the first message of the peer comes after it. A promise is not waited for; what it
   * rejects with goes to `onError`.
   */
  readonly onOpen?: (session: Session<LoginUser | null>) => unknown;
  /** Told once when a session is over. A promise as with `onOpen`. */
  readonly onClose?: (session: Session<LoginUser | null>, info: CloseInfo) => unknown;
  /** Gets every fault that no caller can catch; default: process warnings, rate-limited. */
  readonly onError?: OnError;
  /** Told what happens: see {@link OnEvent}. */
  readonly onEvent?: OnEvent;
}
