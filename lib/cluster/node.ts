import type { EndRenewal } from '../model/renewal';
import type { Revocation } from '../model/revocation';
import type { Addressed } from '../model/audience';
import type { Broker, NodeId } from './brokers/broker';
import type { BrokerHealth, ClusterHealth } from './health';
import type { CloseSpec } from '../model/close-codes';
import type { Cluster } from './link';
import type { ClusterSettings } from './settings';
import type { FrameReceiver } from './intake';
import type { OnEvent } from '../model/events';
import type { Outgoing } from '../wire/outgoing';
import type { ProbeRoute } from './probes';
import type { Report } from '../session/report';
import { FrameSender } from './frame-sender';
import { Intake } from './intake';
import { Learning } from './learning';
import { Probes } from './probes';
import { Publisher } from './publisher';
import { Readiness } from './readiness';
import { RealtimeError } from '../model/errors';
import { causeText } from './health';
import { createCounters } from './counters';
import { settleWithin } from './settle-within';

/** What a node is made of. */
export interface NodeParts {
  readonly nodeId: NodeId;
  /** The application's name. */
  readonly name: string;
  readonly broker: Broker;
  readonly multiTenant: boolean;
  /** Where frames of other nodes go; `undefined` for a node that only sends. */
  readonly receiver: FrameReceiver | undefined;
  /** How long `ready` may take before it rejects; `undefined` = for ever. */
  readonly startTimeoutMs: number | undefined;
  readonly settings: ClusterSettings;
  readonly report: Report;
  readonly onEvent: OnEvent;
}

/** One node of a cluster: starts the broker, publishes, receives, and watches that both work. */
export class ClusterNode implements Cluster {
  readonly nodeId: NodeId;
  readonly #parts: NodeParts;
  readonly #counters = createCounters();
  readonly #publisher: Publisher;
  readonly #frames: FrameSender;
  readonly #intake: Intake;
  readonly #probes: Probes;
  readonly #readiness: Readiness;
  readonly #learning: Learning;
  #broker: BrokerHealth;
  #isDriverUp = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: NodeParts) {
    const { nodeId, broker, multiTenant, receiver, settings, report, onEvent } = parts;
    this.nodeId = nodeId;
    this.#parts = parts;
    this.#publisher = new Publisher(nodeId, broker, settings, this.#counters);
    this.#frames = new FrameSender(nodeId, multiTenant, this.#publisher);
    this.#readiness = new Readiness(parts.startTimeoutMs, broker.label);
    this.#learning = new Learning({
      withinMs: settings.learnWithinMs,
      revoked: () => receiver?.revoked() ?? [],
      sendAsk: (id) => this.#frames.sign('ask', id),
      sendAnswer: (content, parts, id, to) => this.#frames.answer(content, parts, id, to),
    });
    this.#broker = { label: broker.label, state: 'starting', sinceMs: Date.now() };
    this.#intake = new Intake({
      ...{ node: nodeId, multiTenant, receiver, settings, report, onEvent, counters: this.#counters },
      handleOwn: (route, id) => this.#handleOwn(route, id),
      handleHello: () => this.#probes.wantClock(),
      handleAsk: (asking, id) => {
        // One that is not ready does not know yet itself.
        if (this.isReady && this.#closing === undefined) this.#learning.answer(asking, id);
      },
      handleAnswer: (frame) => this.#learning.handleAnswer(frame),
    });
    this.#probes = new Probes({
      settings,
      routes: receiver === undefined ? ['all'] : ['all', 'self'],
      sendProbe: (route, id) => this.#sendProbe(route, id),
      handleConfirmed: () => this.#handleConfirmed(),
      handleDeaf: () => this.#handleDeaf(),
      handleShared: () => this.#handleShared(),
    });
    this.#start();
  }

  get ready(): Promise<void> {
    return this.#readiness.promise;
  }

  get isReady(): boolean {
    return this.#readiness.isReached;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  publishMessage(addressed: Addressed, outgoing: Outgoing, id: string): Promise<void> | undefined {
    return this.#frames.message(addressed, outgoing, id);
  }

  publishDisconnect(addressed: Addressed, close: CloseSpec, id: string): Promise<void> | undefined {
    return this.#frames.disconnect(addressed, close, id);
  }

  publishRevocation(revocation: Revocation, id: string): Promise<void> {
    return this.#frames.revocation(revocation, id);
  }

  publishRenewal(renewal: EndRenewal): Promise<void> | undefined {
    return this.#frames.renewal(renewal);
  }

  health(): ClusterHealth {
    this.#counters.peers = this.#intake.peers;
    return {
      status: this.#isClosed ? 'closed' : this.#broker.state === 'up' ? 'up' : 'degraded',
      node: this.nodeId,
      broker: this.#broker,
      counters: { ...this.#counters, dropped: { ...this.#counters.dropped } },
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown());
  }

  #start(): void {
    this.#schedule();
    this.#startBroker().then(
      () => this.#handleStarted(),
      (cause: unknown) => this.#handleStartFailed(cause),
    );
  }

  /** Async, so that a broker of the application's own that throws at once is a rejection like any other. */
  async #startBroker(): Promise<void> {
    const { broker, name } = this.#parts;
    await broker.start({
      name,
      id: this.nodeId,
      onBytes: (bytes) => {
        if (!this.#isClosed) this.#intake.handleBytes(bytes);
      },
      onState: (state, cause) => this.#handleState(state, cause),
    });
  }

  /** Brokers tell their state themselves; one that only resolves `start` is up then, too. */
  #handleStarted(): void {
    if (!this.#isDriverUp && this.#broker.state === 'starting') this.#handleState('up', undefined);
  }

  #handleStartFailed(cause: unknown): void {
    if (this.#closing !== undefined) return;
    const error = cause instanceof RealtimeError ? cause : this.#publisher.notTaken('it could not be started', cause);
    this.#handleState('down', error);
    this.#readiness.fail(error);
    this.#parts.report(error, { node: this.nodeId });
  }

  #handleState(state: 'up' | 'down', cause: Error | undefined): void {
    if (this.#closing !== undefined) return;
    this.#isDriverUp = state === 'up';
    if (state === 'up') {
      this.#publisher.setGate('open');
      this.#probes.restart();
      this.#schedule();
      return;
    }
    this.#probes.stop();
    this.#goDown(cause ?? new Error('the broker is away'));
  }

  #handleOwn(route: ProbeRoute, id: string | undefined): void {
    if (id !== undefined) this.#counters.probesBack += 1;
    this.#probes.handleOwn(route, id);
  }

  #handleConfirmed(): void {
    if (!this.#isDriverUp || this.#closing !== undefined) return;
    this.#publisher.setGate('open');
    const { label } = this.#broker;
    this.#broker = { label, state: 'up', sinceMs: Date.now() };
    if (this.isReady) this.#tellUp();
    else this.#frames.sign('hello', this.nodeId);
    // While the broker was away others may have revoked logins; a node that starts is ready when it knows.
    if (this.#parts.receiver === undefined) this.#handleLearned();
    else this.#learning.begin(() => this.#handleLearned());
  }

  #handleLearned(): void {
    if (this.isReady || this.#broker.state !== 'up' || this.#closing !== undefined) return;
    this.#readiness.reach();
    this.#tellUp();
  }

  #tellUp(): void {
    this.#parts.onEvent({ name: 'broker.up', broker: this.#broker.label });
  }

  #handleDeaf(): void {
    this.#goDown(new Error(`nothing that this node published came back for ${this.#parts.settings.deafAfterMs} ms`));
  }

  #handleShared(): void {
    const message = `some of this node's own probes come back and some do not: another node takes them; give each node a consumer group (slot) of its own on ${this.#broker.label}`;
    const error = new RealtimeError('ERR_REALTIME_GROUP_SHARED', message);
    this.#readiness.fail(error);
    this.#parts.report(error, { node: this.nodeId });
  }

  #goDown(cause: Error): void {
    const { label, state } = this.#broker;
    this.#publisher.setGate(this.#publisher.notTaken(`it is down (${causeText(cause)}); it was not sent`, cause));
    if (state === 'down') return;
    this.#broker = { label, state: 'down', sinceMs: Date.now(), cause: causeText(cause) };
    this.#parts.onEvent({ name: 'broker.down', broker: label, cause });
  }

  #sendProbe(route: ProbeRoute, id: string): Promise<void> {
    this.#counters.probesSent += 1;
    return this.#frames.probe(id, route === 'self' ? this.nodeId : undefined);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#handleTick, this.#probes.nextTickMs);
  }

  readonly #handleTick = (): void => {
    this.#probes.tick();
    this.#publisher.tick();
    this.#intake.sweep();
    this.#schedule();
  };

  async #shutDown(): Promise<void> {
    const { broker, settings, report } = this.#parts;
    const closed = new RealtimeError('ERR_REALTIME_CLOSED', 'the cluster node has been closed');
    if (this.#broker.state === 'up') this.#frames.sign('bye', this.nodeId);
    this.#publisher.refuseNew(closed);
    await settleWithin(this.#publisher.drained(), settings.closeDrainMs);
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#learning.stop();
    this.#readiness.fail(closed);
    this.#publisher.abort(closed);
    try {
      await settleWithin(broker.close(), settings.closeBrokerMs);
    } catch (fault) {
      report(fault, { node: this.nodeId });
    }
    clearTimeout(this.#timer);
  }
}
