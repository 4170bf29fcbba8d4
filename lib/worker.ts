import type { Broker } from './cluster/brokers/broker';
import type { OnError } from './session/report';
import type { OnEvent } from './model/events';
import type { OptionRow } from './option-table';
import type { RealtimeHealth } from './cluster/health';
import type { Sender } from './model/sender';
import { Hub } from './session/hub';
import { Revocations } from './session/revocations';
import { aRevocationStore, aBoolean, aBroker, aFunction, aLongSpan, aSize, aSpan, aText, oneOf } from './option-checks';
import { createReport, guardEvents } from './session/report';
import { createSenders } from './outbound/sender';
import type { RevocationStore } from './model/revocation';
import { keeperOf } from './cluster/kept-revocations';
import { openCluster } from './cluster/open-cluster';
import { resolveTable } from './option-table';

/** Options of `createSender`. Unknown keys and wrong types throw. */
export interface SenderOptions {
  /** The application's name, the same as on its servers. */
  readonly name: string;
  /** The application's broker, of the same kind as on its servers; a value of its own. */
  readonly broker: Broker;
  /** As on the servers; default false. */
  readonly multiTenant?: boolean;
  /** With `require`, `ready` rejects at `startTimeoutMs`; default `degrade`: it waits. */
  readonly startPolicy?: 'degrade' | 'require';
  /** Default 30,000 ms. */
  readonly startTimeoutMs?: number;
  /** As on the servers: larger content reaches nobody and throws; default 1 MiB. */
  readonly maxBufferedBytes?: number;
  /** How long a revocation is remembered: at least the longest life of your tokens; default 24 h. */
  readonly revocationMemoryMs?: number;
  /** As on the servers: where revocations are kept; what is revoked here is kept there, too. */
  readonly revocations?: RevocationStore;
  /** Gets every fault that no caller can catch; default: process warnings, rate-limited. */
  readonly onError?: OnError;
  /** Told what happens: see {@link OnEvent}. */
  readonly onEvent?: OnEvent;
}

/** A {@link Sender} of a process without sockets: `delivered` is always 0. All methods are bound. */
export interface WorkerSender extends Sender {
  /** Resolves when the broker carries what is sent; sends need not wait for it. Never an unhandled rejection. */
  readonly ready: Promise<void>;
  health(): RealtimeHealth;
  /** Sends what is on its way, then lets go of the broker. Idempotent; leaves no handle. */
  close(): Promise<void>;
}

const MEBIBYTE = 1024 * 1024;

/** Every option with its default and what it may be. */
const OPTIONS: Readonly<Record<keyof SenderOptions, OptionRow>> = {
  name: { isNeeded: true, check: aText },
  broker: { isNeeded: true, check: aBroker },
  multiTenant: { fallback: false, check: aBoolean },
  startPolicy: { fallback: 'degrade', check: oneOf('degrade', 'require') },
  startTimeoutMs: { fallback: 30_000, check: aSpan },
  maxBufferedBytes: { fallback: MEBIBYTE, check: aSize },
  revocations: { check: aRevocationStore },
  revocationMemoryMs: { fallback: 24 * 60 * 60 * 1000, check: aLongSpan },
  onError: { check: aFunction },
  onEvent: { check: aFunction },
};

/**
 * Makes a sender for a process that has no HTTP server: a worker, a cron job. It loads neither Express nor `ws`.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION` for an option that cannot be used.
 */
export function createSender(options: SenderOptions): WorkerSender {
  const resolved = resolveSenderOptions(options);
  const { multiTenant, maxBufferedBytes, revocationMemoryMs } = resolved;
  const report = createReport(resolved.onError);
  const onEvent = guardEvents(resolved.onEvent, report);
  // A node that hears nothing drops nothing for its age.
  const hub = new Hub();
  const revocations = new Revocations(hub, report);
  const cluster = openCluster({ ...resolved, hub: undefined, revocations, relayMaxAgeMs: 1, report, onEvent });
  const { sender } = createSenders({
    ...{ hub, link: cluster, revocations, revocationMemoryMs, multiTenant },
    keepRevocation: keeperOf(resolved.revocations),
    maxContentLength: maxBufferedBytes,
  });
  return {
    ...sender,
    ready: cluster.ready,
    health: () => ({ ...cluster.health(), sessions: 0 }),
    close: () => cluster.close(),
  };
}

type ResolvedSenderOptions = Required<Omit<SenderOptions, 'onError' | 'onEvent' | 'revocations'>> &
  Pick<SenderOptions, 'onError' | 'onEvent' | 'revocations'>;

function resolveSenderOptions(options: unknown): ResolvedSenderOptions {
  // Each key is checked against the table.
  return resolveTable(options, OPTIONS) as unknown as ResolvedSenderOptions;
}
