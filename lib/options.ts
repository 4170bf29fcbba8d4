import type { Broker } from './cluster/brokers/broker';
import type { HandshakeSettings, Middleware } from './handshake/handshake';
import type { RealtimeOptions } from './realtime-options';
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
