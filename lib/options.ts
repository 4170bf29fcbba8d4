import type { IncomingMessage } from 'node:http';
import type { Authenticate, HandshakeSettings, Middleware, PassportLike, TokenCarrier } from './handshake/handshake';
import type { Broker } from './cluster/brokers/broker';
import type { CloseInfo, Session } from './session/session';
import type { LoginUser } from './model/login-user';
import type { OnError } from './session/report';
import type { OnEvent } from './model/events';
import { RealtimeError, describeValue } from './model/errors';
import { V1_PROTOCOL } from './wire/v1';
import { nearest } from './model/nearest';

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
  /** Which browser origins may connect: `same` host (default; also no Origin at all), `any`, or a list of origins. */
  readonly origins?: 'same' | 'any' | string | readonly string[];
  /** Lets requests without any token in as guests, who see only handlers registered for them; default false. */
  readonly anonymous?: boolean;
  /** How long authentication may take; default 10,000 ms, then 503. */
  readonly authTimeoutMs?: number;
  /** Where a token may stand, in this order; default `header`, `protocol`, `query`. */
  readonly tokenFrom?: readonly TokenCarrier[];
  /** Open sessions in this process; default 0 = no limit. Above it: 503. */
  readonly maxSessions?: number;
  /** Open sessions of one user in this process; default 0 = no limit. Above it the new one is refused (429), or, with `policy: 'replace'`, the oldest closed (4409). */
  readonly maxSessionsPerUser?: number | { readonly max: number; readonly policy: 'refuse' | 'replace' };
  /** Open sessions of one client address, as Express's `req.ip` gives it; default 0 = no limit. Above it: 429. */
  readonly maxSessionsPerAddress?: number;
  /** Handshakes under way at once; default 1,000. Above it: 503. */
  readonly maxPendingUpgrades?: number;
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
  /** Over how long `close()` spreads the closing of sessions; default 0 ms: all at once. */
  readonly drainMs?: number;
  /** Told when a session is there; the first message of the peer comes after it. */
  readonly onOpen?: (session: Session<LoginUser | null>) => void;
  /** Told once when a session is over. */
  readonly onClose?: (session: Session<LoginUser | null>, info: CloseInfo) => void;
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
    >
  > &
  Pick<RealtimeOptions, 'name' | 'broker' | 'onOpen' | 'onClose' | 'onError' | 'onEvent'>;

const MEBIBYTE = 1024 * 1024;
/** Node fires a timer above this after one millisecond. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type Check = (value: unknown) => string | undefined;

const isBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const isFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function');
const isText: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a non-empty string');
const isObject: Check = (value) =>
  (typeof value === 'object' && value !== null) || typeof value === 'function' ? undefined : 'an object';
const isCount: Check = (value) =>
  isWhole(value, 0, Number.MAX_SAFE_INTEGER) ? undefined : 'a whole number, 0 or more';
const isSize: Check = (value) => (isWhole(value, 1, 2 ** 31) ? undefined : 'a whole number from 1 to 2^31');
const isSpan: Check = (value) => (isWhole(value, 1, MAX_TIMER_MS) ? undefined : 'milliseconds from 1 to 2^31 - 1');
const isSpanOrZero: Check = (value) => (isWhole(value, 0, MAX_TIMER_MS) ? undefined : 'milliseconds, 0 to 2^31 - 1');

/** Every option with its default and what it may be; the one place for both. */
const OPTIONS: Readonly<Record<keyof RealtimeOptions, { readonly fallback?: unknown; readonly check: Check }>> = {
  path: { fallback: '/ws', check: isPath },
  app: { check: isObject },
  passport: { check: isPassport },
  strategy: { fallback: 'jwt', check: isStrategy },
  authenticate: { check: isFunction },
  toLoginUser: { check: isFunction },
  middleware: { fallback: [], check: isMiddleware },
  origins: { fallback: 'same', check: isOrigins },
  anonymous: { fallback: false, check: isBoolean },
  authTimeoutMs: { fallback: 10_000, check: isSpan },
  tokenFrom: { fallback: ['header', 'protocol', 'query'], check: isTokenFrom },
  maxSessions: { fallback: 0, check: isCount },
  maxSessionsPerUser: { fallback: 0, check: isUserLimit },
  maxSessionsPerAddress: { fallback: 0, check: isCount },
  maxPendingUpgrades: { fallback: 1000, check: isCount },
  localsKey: { fallback: 'sender', check: isText },
  enabled: { fallback: true, check: isBoolean },
  multiTenant: { fallback: false, check: isBoolean },
  name: { check: isText },
  broker: { check: isBroker },
  startPolicy: { fallback: 'degrade', check: isOneOf('degrade', 'require') },
  startTimeoutMs: { fallback: 30_000, check: isSpan },
  relayMaxAgeMs: { fallback: 30_000, check: isSpan },
  heartbeatMs: { fallback: 25_000, check: isSpan },
  maxPayloadBytes: { fallback: 64 * 1024, check: isSize },
  maxBufferedBytes: { fallback: MEBIBYTE, check: isSize },
  overflow: { fallback: 'close', check: isOneOf('close', 'drop') },
  maxQueuedMessages: { fallback: 100, check: isCount },
  maxQueuedBytes: { fallback: MEBIBYTE, check: isCount },
  maxPauseMs: { fallback: 60_000, check: isSpan },
  maxMessagesPerSecond: { fallback: 100, check: isCount },
  maxBytesPerSecond: { fallback: MEBIBYTE, check: isCount },
  handlerTimeoutMs: { fallback: 30_000, check: isSpanOrZero },
  drainMs: { fallback: 0, check: isSpanOrZero },
  onOpen: { check: isFunction },
  onClose: { check: isFunction },
  onError: { check: isFunction },
  onEvent: { check: isFunction },
};

/** The subprotocols that this server speaks beside plain. */
const PROTOCOLS: readonly string[] = [V1_PROTOCOL];

/**
 * Checks options and fills in the defaults.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION`, naming key, wanted and got, and the nearest known key for a typo.
 */
export function resolveOptions(options: unknown): ResolvedOptions {
  const given = checkKeys(options);
  const values: Record<string, unknown> = {};
  for (const [key, { fallback, check }] of Object.entries(OPTIONS)) {
    const value = given[key];
    if (value === undefined) {
      values[key] = fallback;
      continue;
    }
    const wanted = check(value);
    if (wanted !== undefined) fail(`option ${key} must be ${wanted}, got ${describeValue(value)}`);
    values[key] = value;
  }
  checkTogether(given);
  return { ...values, ...normalised(values) } as unknown as ResolvedOptions;
}

function checkKeys(options: unknown): Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null) {
    fail(`options must be an object, got ${describeValue(options)}`);
  }
  const known = Object.keys(OPTIONS);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    fail(`unknown option ${JSON.stringify(key)}${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  return options as Readonly<Record<string, unknown>>;
}

function checkTogether({
  passport,
  authenticate,
  strategy,
  enabled,
  broker,
  name,
}: Readonly<Record<string, unknown>>): void {
  if (passport !== undefined && authenticate !== undefined) fail('give passport or authenticate, not both');
  if (passport === undefined && authenticate === undefined && enabled !== false) {
    fail('give passport (your Passport instance), or authenticate (a function that returns a LoginUser)');
  }
  if (strategy !== undefined && passport === undefined) fail('option strategy goes with passport');
  if (broker !== undefined && name === undefined) {
    fail('option name is needed with a broker: the application’s name, the same on all its nodes');
  }
}

/** Options with more than one spelling, in the one that the rooms know. */
function normalised(values: Readonly<Record<string, unknown>>): Partial<HandshakeSettings> {
  const { path, middleware, origins, maxSessionsPerUser } = values;
  const perUser =
    typeof maxSessionsPerUser === 'number' ? { max: maxSessionsPerUser, policy: 'refuse' } : maxSessionsPerUser;
  const { max, policy } = perUser as { readonly max: number; readonly policy: 'refuse' | 'replace' };
  return {
    path: withoutTrailingSlash(path as string),
    // Checked above: a middleware or a list of them.
    middleware: (Array.isArray(middleware) ? middleware : [middleware]) as readonly Middleware[],
    origins: isOriginWord(origins) ? origins : typeof origins === 'string' ? [origins] : (origins as readonly string[]),
    maxSessionsPerUser: max,
    maxSessionsPerUserPolicy: policy,
    protocols: PROTOCOLS,
  };
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function isOriginWord(value: unknown): value is 'same' | 'any' {
  return value === 'same' || value === 'any';
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function isOneOf(...words: readonly string[]): Check {
  return (value) => (words.includes(value as string) ? undefined : words.map((word) => `'${word}'`).join(' or '));
}

function isPath(value: unknown): string | undefined {
  const isGood = typeof value === 'string' && value.startsWith('/') && !/[?#\s]/.test(value);
  return isGood ? undefined : 'a path that begins with / and has no ?, # or space';
}

function isPassport(value: unknown): string | undefined {
  const isGood = isObject(value) === undefined && isFunction((value as PassportLike).authenticate) === undefined;
  return isGood ? undefined : 'a Passport instance (it has authenticate())';
}

function isStrategy(value: unknown): string | undefined {
  const names = Array.isArray(value) ? value : [value];
  const isGood = names.length > 0 && names.every((name) => isText(name) === undefined || isObject(name) === undefined);
  return isGood ? undefined : 'a strategy name, an array of names, or a Strategy';
}

function isMiddleware(value: unknown): string | undefined {
  const list = Array.isArray(value) ? value : [value];
  return list.every((entry) => typeof entry === 'function') ? undefined : 'a middleware function or an array of them';
}

function isOrigins(value: unknown): string | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isGood =
    list.length > 0 && list.every((entry) => (isOriginWord(entry) ? !Array.isArray(value) : isOrigin(entry)));
  return isGood
    ? undefined
    : `'same', 'any', or origins such as 'https://app.example.com' (scheme, host, port; no path)`;
}

function isOrigin(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const url = new URL(value);
  return url.host !== '' && (url.pathname === '/' || url.pathname === '') && url.search === '' && !value.endsWith('/');
}

function isTokenFrom(value: unknown): string | undefined {
  const carriers = ['header', 'protocol', 'query'];
  const isGood = Array.isArray(value) && value.every((carrier) => carriers.includes(carrier as string));
  return isGood ? undefined : `an array of 'header', 'protocol', 'query'`;
}

function isUserLimit(value: unknown): string | undefined {
  if (isCount(value) === undefined) return undefined;
  const { max, policy } = (isObject(value) === undefined ? value : {}) as {
    readonly max?: unknown;
    readonly policy?: unknown;
  };
  const isGood = isCount(max) === undefined && (policy === 'refuse' || policy === 'replace');
  return isGood ? undefined : `a whole number, or { max, policy: 'refuse' | 'replace' }`;
}

function isBroker(value: unknown): string | undefined {
  const broker = (isObject(value) === undefined ? value : {}) as Partial<Broker>;
  const isGood = [broker.start, broker.publish, broker.close].every((method) => typeof method === 'function');
  return isGood ? undefined : 'a broker such as redisBroker({ url })';
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', message);
}
