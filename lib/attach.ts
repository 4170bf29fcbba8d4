import type { Server } from 'node:http';
import type { Handshake } from './handshake/handshake';
import type { OpenedSocket } from './session/open-session';
import type { CloseSpec } from './model/close-codes';
import type { Cluster } from './cluster/link';
import type { InboundHost } from './inbound/session-inbox';
import type { LiveSession } from './session/live-session';
import type { RealtimeHealth } from './cluster/health';
import type { RealtimeOptions } from './realtime-options';
import type { ResolvedOptions } from './options';
import type { OnEvent } from './model/events';
import type { Registry } from './inbound/registry';
import type { RenewEnd } from './model/renewal';
import type { Report } from './session/report';
import type { Sender } from './model/sender';
import type { SessionHost } from './session/host';
import type { SessionView } from './session/session-view';
import { CloseCode, closeSpec } from './model/close-codes';
import { describeValue } from './model/errors';
import { aSpanOrZero } from './option-checks';
import { ExpiryClock } from './session/expiry';
import { Flusher } from './session/outbox';
import { HandlerClock } from './inbound/handler-clock';
import { HandlerMap, registryOf } from './inbound/registry';
import { Heartbeat } from './session/heartbeat';
import { Hub } from './session/hub';
import { SessionInbox } from './inbound/session-inbox';
import { Revocations } from './session/revocations';
import { callHook, createReport, guardEvents } from './session/report';
import { createSenders } from './outbound/sender';
import { drain } from './session/drain';
import { failOption } from './option-table';
import { findApp, mountSender } from './http/app';
import { outboundCheck } from './model/outbound-check';
import type { KeptRevocations } from './cluster/kept-revocations';
import { bothReady, keptRevocations } from './cluster/kept-revocations';
import { openCluster } from './cluster/open-cluster';
import { openHandshake } from './handshake/open-handshake';
import { openSession } from './session/open-session';
import { isLocal, resolveOptions } from './options';
import { renewerOf } from './outbound/renew-anywhere';
import { sessionCounts, viewOf } from './session/session-view';
import { warnOfSeveralProcesses } from './several-processes';

/** How an attach is closed. */
export interface CloseOptions {
  /** Over how long the closing of sessions is spread; default: the option `drainMs`. */
  readonly drainMs?: number;
  /** What clients are told: 1001 (default, the server goes away) or 1012 (it restarts). Both mean: come back. */
  readonly code?: 1001 | 1012;
}

/** What `attachRealtime` gives: a {@link Sender} with the other parts beside. All methods are bound. */
export interface Realtime extends Sender {
  readonly sender: Sender;
  readonly registry: Registry;
  /** The sessions of this process. */
  readonly hub: SessionView;
  /**
   * Resolves when pushes of other nodes are heard here; at once without a broker. Never an unhandled rejection.
   * Rejects with `ERR_REALTIME_START_TIMEOUT` (only `startPolicy: 'require'`), `ERR_REALTIME_BROKER_SETUP`,
   * `ERR_REALTIME_GROUP_SHARED`, or `ERR_REALTIME_CLOSED`.
   */
  readonly ready: Promise<void>;
  /** How this node and its broker are, with every counter; holds no credentials. */
  health(): RealtimeHealth;
  /**
   * Refuses upgrades (503), ends all sessions, then releases everything. Idempotent; leaves no handle.
   *
   * @throws RealtimeError `ERR_REALTIME_CLOSE_CODE`, `ERR_REALTIME_OPTION`; nothing has changed then.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Gives an HTTP server realtime: hooks its upgrade path, logs sockets in with the app's own Passport strategy, and
 * mounts the sender on `app.locals`.
 *
 * @param server what `app.listen()` or `http(s).createServer(app)` returned; it stays the app's own.
 * @throws RealtimeError `ERR_REALTIME_OPTION` for an option that cannot be used; `ERR_REALTIME_ATTACH` when the server
 *   is none, no Express app was found, or the path or the place on `app.locals` is taken.
 */
export function attachRealtime(server: Server, options: RealtimeOptions): Realtime {
  const resolved = resolveOptions(options);
  const app = findApp(server, resolved.app);
  if (resolved.enabled && isLocal(resolved.broker)) warnOfSeveralProcesses();
  return new Attach(server, { ...resolved, app }).realtime;
}

/** What the parts around the sessions' host share with it. */
interface HostParts extends Pick<SessionHost, 'hub' | 'onEvent' | 'checkOutbound' | 'senderFor'> {
  readonly revocations: Revocations;
  readonly handlers: HandlerMap;
}

/** Builds the parts of one attach and wires them. */
class Attach {
  readonly realtime: Realtime;
  readonly #options: ResolvedOptions;
  readonly #report: Report;
  readonly #host: SessionHost;
  readonly #cluster: Cluster;
  readonly #kept: KeptRevocations | undefined;
  readonly #clock: HandlerClock;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #handshake: Handshake | undefined;
  readonly #unmount: () => void;
  #isClosing = false;
  #closed: Promise<void> | undefined;

  constructor(server: Server, options: ResolvedOptions) {
    this.#options = options;
    this.#report = createReport(options.onError);
    this.#clock = new HandlerClock(options.handlerTimeoutMs);
    const hub = new Hub();
    const handlers = new HandlerMap(options.messages);
    const onEvent = guardEvents(options.onEvent, this.#report);
    const revocations = new Revocations(hub, this.#report);
    const cluster = (this.#cluster = this.#openCluster(hub, revocations, onEvent));
    const { multiTenant, maxBufferedBytes: maxContentLength, revocationMemoryMs } = options;
    this.#kept = keptRevocations(options, revocations, this.#report);
    const checkOutbound = outboundCheck(options.messages);
    const { sender, boundTo } = createSenders({
      hub,
      link: cluster,
      revocations,
      revocationMemoryMs,
      keepRevocation: this.#kept?.keep,
      multiTenant,
      maxContentLength,
      checkOutbound,
    });
    const senderFor: SessionHost['senderFor'] = (session) => boundTo(session.tenant);
    this.#host = this.#createHost({ hub, revocations, handlers, onEvent, checkOutbound, senderFor });
    this.realtime = {
      ...sender,
      sender,
      registry: registryOf(handlers),
      hub: viewOf(hub, multiTenant),
      ready: this.#kept === undefined ? cluster.ready : bothReady(cluster.ready, this.#kept.loaded),
      health: () => ({ ...cluster.health(), sessions: hub.size }),
      close: (closeOptions?: CloseOptions) => this.#close(closeOptions),
    };
    this.#unmount = this.#mount(sender, renewerOf({ hub, link: cluster, revocations }));
    if (!options.enabled) return;
    this.#handshake = this.#openDoor(server, revocations);
    this.#heartbeat = new Heartbeat(this.#host, options.heartbeatMs, options.maxPauseMs);
  }

  /** Nothing is hooked without `enabled`, the broker neither. */
  #openCluster(hub: Hub, revocations: Revocations, onEvent: OnEvent): Cluster {
    const { enabled, broker } = this.#options;
    const carrier = enabled && !isLocal(broker) ? broker : undefined;
    const { name, multiTenant, startPolicy, startTimeoutMs, relayMaxAgeMs, maxBufferedBytes } = this.#options;
    const limits = { startPolicy, startTimeoutMs, relayMaxAgeMs, maxBufferedBytes };
    const parts = { broker: carrier, name, multiTenant, hub, revocations, report: this.#report, onEvent };
    return openCluster({ ...limits, ...parts });
  }

  #mount(sender: Sender, renewEnd: RenewEnd): () => void {
    try {
      return mountSender(this.#options.app, this.#options.localsKey, sender, renewEnd);
    } catch (error) {
      this.#kept?.close();
      void this.#cluster.close();
      throw error;
    }
  }

  #createHost({ revocations, handlers, ...shared }: HostParts): SessionHost {
    const options = this.#options;
    const inbound: InboundHost = {
      handlers,
      limits: options,
      clock: this.#clock,
      report: this.#report,
      onEvent: shared.onEvent,
      // The door is opened after the parts behind it, and before anybody can come through.
      renewLogin: async (token) => (await this.#handshake?.renewLogin(token)) ?? { kind: 'refused' },
      isRevoked: (loginUser) => revocations.isRevoked(loginUser),
    };
    return {
      ...shared,
      nodeId: this.#cluster.nodeId,
      flusher: new Flusher(this.#report),
      expiry: new ExpiryClock(options),
      limits: options,
      pingIntervalMs: options.heartbeatMs,
      beat: 0,
      openInbox: (session: LiveSession) => new SessionInbox(inbound, session),
      handleClosed: (session, info) => callHook(() => options.onClose?.(session, info), this.#report),
    };
  }

  #openDoor(server: Server, revocations: Revocations): Handshake {
    try {
      return openHandshake(server, this.#options, {
        sessions: sessionCounts(this.#host.hub),
        isServing: () => this.#options.startPolicy === 'degrade' || this.#cluster.isReady,
        isRevoked: (loginUser) => revocations.isRevoked(loginUser),
        onAdmitted: (admitted) => this.#admit(admitted),
        onEvent: this.#host.onEvent,
        onError: (error) => this.#report(error),
      });
    } catch (error) {
      this.#unmount();
      this.#kept?.close();
      void this.#cluster.close();
      throw error;
    }
  }

  #admit(admitted: OpenedSocket): void {
    const session = openSession(this.#host, admitted);
    callHook(() => this.#options.onOpen?.(session), this.#report);
    // Authenticated while the door was closing: told as all others are.
    if (this.#isClosing) session.end('shutdown', CloseCode.goingAway, '');
  }

  /** A mistake in the call throws before anything is closed. */
  #close({ drainMs = this.#options.drainMs, code = CloseCode.goingAway }: CloseOptions = {}): Promise<void> {
    const spec = closeSpec(code);
    if (!aSpanOrZero.accepts(drainMs)) {
      failOption(`option drainMs must be ${aSpanOrZero.wanted}, got ${describeValue(drainMs)}`);
    }
    return (this.#closed ??= this.#shutDown(drainMs, spec));
  }

  async #shutDown(drainMs: number, spec: CloseSpec): Promise<void> {
    this.#isClosing = true;
    this.#handshake?.refuseNew();
    await drain(this.#host.hub, drainMs, spec);
    this.#heartbeat?.stop();
    this.#host.expiry.stop();
    this.#clock.close();
    this.#kept?.close();
    this.#handshake?.close();
    this.#unmount();
    await this.#cluster.close();
  }
}
