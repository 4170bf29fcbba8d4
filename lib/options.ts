import type { RevocationStore } from './model/revocation';
import type { TicketStore } from './model/tickets';
import type { MessageContract } from './model/messages';
import type { IncomingMessage } from 'node:http';
import type { Authenticate, HandshakeSettings, Middleware, PassportLike, TokenCarrier } from './handshake/handshake';
import type { Broker } from './cluster/brokers/broker';
import type { CloseInfo, Session } from './session/session';
import type { LoginUser } from './model/login-user';
import type { OnError } from './session/report';
import type { OnEvent } from './model/events';
import type { OptionRow } from './option-table';
import { V1_PROTOCOL } from './wire/v1';
import { isLocalBroker } from './cluster/brokers/local';
import { failOption, resolveTable } from './option-table';
import {
  aBoolean,
  aBroker,
  aContract,
  aCount,
  aFunction,
  aLongSpan,
  aPassport,
  aPath,
  aSize,
  aSpan,
  aSpanOrZero,
  aStrategy,
  aText,
  aRevocationStore,
  aTicketStore,
  aUserLimit,
  anObject,
  middlewares,
  oneOf,
  origins,
  tokenCarriers,
} from './option-checks';

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
  /** Length of a beat; a session silent for two is terminated; default 25,000 ms. */
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

/** All options with their defaults filled in. */
export type ResolvedOptions = HandshakeSettings &
  Required<
    Pick<
      RealtimeOptions,
      | 'localsKey'
      | 'enabled'
      | 'startPolicy'
      | 'startTimeoutMs'
      | 'relayMaxAgeMs'
      | 'heartbeatMs'
      | 'maxBufferedBytes'
      | 'overflow'
      | 'maxQueuedMessages'
      | 'maxQueuedBytes'
      | 'maxPauseMs'
      | 'maxMessagesPerSecond'
      | 'maxBytesPerSecond'
      | 'handlerTimeoutMs'
      | 'drainMs'
      | 'expiryWarningMs'
      | 'expiryGraceMs'
      | 'revocationMemoryMs'
    >
  > &
  Pick<RealtimeOptions, 'name' | 'broker' | 'messages' | 'revocations' | 'onOpen' | 'onClose' | 'onError' | 'onEvent'>;

const MEBIBYTE = 1024 * 1024;

/** Every option with its default and what it may be; the one place for both. */
const OPTIONS: Readonly<Record<keyof RealtimeOptions, OptionRow>> = {
  path: { fallback: '/ws', check: aPath },
  app: { check: anObject },
  passport: { check: aPassport },
  strategy: { fallback: 'jwt', check: aStrategy },
  authenticate: { check: aFunction },
  toLoginUser: { check: aFunction },
  middleware: { fallback: [], check: middlewares },
  origins: { fallback: 'same', check: origins },
  anonymous: { fallback: false, check: aBoolean },
  authTimeoutMs: { fallback: 10_000, check: aSpan },
  tokenFrom: { fallback: ['header', 'protocol', 'query'], check: tokenCarriers },
  tickets: { check: aTicketStore },
  revocations: { check: aRevocationStore },
  maxSessions: { fallback: 0, check: aCount },
  maxSessionsPerUser: { fallback: 0, check: aUserLimit },
  maxSessionsPerAddress: { fallback: 0, check: aCount },
  maxPendingUpgrades: { fallback: 1000, check: aCount },
  maxUpgradesPerSecond: { fallback: 0, check: aCount },
  localsKey: { fallback: 'sender', check: aText },
  enabled: { fallback: true, check: aBoolean },
  multiTenant: { fallback: false, check: aBoolean },
  name: { check: aText },
  broker: { check: aBroker },
  startPolicy: { fallback: 'degrade', check: oneOf('degrade', 'require') },
  startTimeoutMs: { fallback: 30_000, check: aSpan },
  relayMaxAgeMs: { fallback: 30_000, check: aSpan },
  heartbeatMs: { fallback: 25_000, check: aSpan },
  maxPayloadBytes: { fallback: 64 * 1024, check: aSize },
  maxBufferedBytes: { fallback: MEBIBYTE, check: aSize },
  overflow: { fallback: 'close', check: oneOf('close', 'drop') },
  maxQueuedMessages: { fallback: 100, check: aCount },
  maxQueuedBytes: { fallback: MEBIBYTE, check: aCount },
  maxPauseMs: { fallback: 60_000, check: aSpan },
  maxMessagesPerSecond: { fallback: 100, check: aCount },
  maxBytesPerSecond: { fallback: MEBIBYTE, check: aCount },
  handlerTimeoutMs: { fallback: 30_000, check: aSpanOrZero },
  drainMs: { fallback: 0, check: aSpanOrZero },
  expiryWarningMs: { fallback: 60_000, check: aSpanOrZero },
  expiryGraceMs: { fallback: 0, check: aSpanOrZero },
  revocationMemoryMs: { fallback: 24 * 60 * 60 * 1000, check: aLongSpan },
  messages: { check: aContract },
  onOpen: { check: aFunction },
  onClose: { check: aFunction },
  onError: { check: aFunction },
  onEvent: { check: aFunction },
};

/** The subprotocols that this server speaks beside plain. */
const PROTOCOLS: readonly string[] = [V1_PROTOCOL];

/**
 * Checks options and fills in the defaults.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION`, naming key, wanted and got, and the nearest known key for a typo.
 */
export function resolveOptions(options: unknown): ResolvedOptions {
  const values = resolveTable(options, OPTIONS);
  // An object by now; what the application gave, without the defaults.
  checkTogether(options as Readonly<Record<string, unknown>>);
  // Each key was checked against the table.
  return { ...values, ...normalised(values) } as unknown as ResolvedOptions;
}

function checkTogether({
  passport,
  authenticate,
  strategy,
  enabled,
  broker,
  name,
}: Readonly<Record<string, unknown>>): void {
  if (passport !== undefined && authenticate !== undefined) failOption('give passport or authenticate, not both');
  if (passport === undefined && authenticate === undefined && enabled !== false) {
    failOption('give passport (your Passport instance), or authenticate (a function that returns a LoginUser)');
  }
  if (strategy !== undefined && passport === undefined) failOption('option strategy goes with passport');
  if (broker !== undefined && name === undefined && !isLocal(broker as Broker)) {
    failOption('option name is needed with a broker: the application’s name, the same on all its nodes');
  }
}

/** Options with more than one spelling, in the one that the rooms know. */
function normalised(values: Readonly<Record<string, unknown>>): Partial<HandshakeSettings> {
  const { path, middleware, maxSessionsPerUser } = values;
  const perUser =
    typeof maxSessionsPerUser === 'number' ? { max: maxSessionsPerUser, policy: 'refuse' } : maxSessionsPerUser;
  const { max, policy } = perUser as { readonly max: number; readonly policy: 'refuse' | 'replace' };
  return {
    path: withoutTrailingSlash(path as string),
    // Checked above: a middleware or a list of them.
    middleware: (Array.isArray(middleware) ? middleware : [middleware]) as readonly Middleware[],
    origins: originsOf(values['origins'] as string | readonly string[]),
    maxSessionsPerUser: max,
    maxSessionsPerUserPolicy: policy,
    protocols: PROTOCOLS,
  };
}

/** Tells whether pushes stay in this process. */
export function isLocal(broker: Broker | undefined): boolean {
  return broker === undefined || isLocalBroker(broker);
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function originsOf(given: string | readonly string[]): HandshakeSettings['origins'] {
  if (given === 'same' || given === 'any') return given;
  return typeof given === 'string' ? [given] : given;
}
