import type { Broker, NodeId } from './brokers/broker';
import type { ClusterSettings } from './settings';
import type { FrameText } from './relay';
import type { MutableCounters } from './counters';
import type { RouteHost } from './route';
import { RealtimeError } from '../model/errors';
import { Route } from './route';

/** Routes to single nodes are remembered, so that their numbers go on; the oldest idle ones above this are not. */
const MAX_ROUTES = 8192;

/** Whether frames may leave: they wait (`held`), leave (`open`), or are refused at once with an error. */
export type Gate = 'held' | 'open' | RealtimeError;

/** Everything that leaves a node: its routes, the bound on what waits, and the gate before them. */
export class Publisher {
  readonly #node: NodeId;
  readonly #broker: Broker;
  readonly #settings: ClusterSettings;
  readonly #counters: MutableCounters;
  readonly #all: Route;
  readonly #routes = new Map<NodeId, Route>();
  /** The highest number of a route that was forgotten: a new one must not repeat it. */
  #forgottenSeq = 0;
  #pendingBytes = 0;
  #gate: Gate = 'held';
  #closed: RealtimeError | undefined;

  constructor(node: NodeId, broker: Broker, settings: ClusterSettings, counters: MutableCounters) {
    this.#node = node;
    this.#broker = broker;
    this.#settings = settings;
    this.#counters = counters;
    this.#all = new Route(this.#hostFor(undefined), 0);
  }

  /** Queues a frame. Rejects with `ERR_REALTIME_BROKER`, or `ERR_REALTIME_CLOSED` after {@link close}. */
  push(frame: FrameText, to: NodeId | undefined): Promise<void> {
    const refusal = this.#refusal(frame);
    if (refusal === undefined) return this.#append(frame, to, false);
    this.#counters.rejected += 1;
    return Promise.reject(refusal);
  }

  /**
   * Queues a frame about the node itself: a broker message of its own, and none of the gate's business, since a probe
   * is what shows that a broker which hung is back.
   */
  pushSign(frame: FrameText, to: NodeId | undefined): Promise<void> {
    return this.#closed === undefined ? this.#append(frame, to, true) : Promise.reject(this.#closed);
  }

  setGate(gate: Gate): void {
    this.#gate = gate;
    for (const route of this.#everyRoute()) {
      if (gate === 'open') route.flush();
      else if (gate !== 'held') route.rejectQueued(gate);
    }
  }

  /** Keeps the deadlines. */
  tick(): void {
    const { startWaitMs, publishDeadlineMs } = this.#settings;
    const queuedMs = this.#gate === 'held' ? startWaitMs : publishDeadlineMs;
    for (const route of this.#everyRoute()) route.expire(queuedMs, publishDeadlineMs);
  }

  /** Refuses every frame from now on; what is queued goes its way. */
  refuseNew(error: RealtimeError): void {
    this.#closed ??= error;
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    await Promise.allSettled([...this.#everyRoute()].flatMap((route) => route.pending()));
  }

  /** Rejects what is left. */
  abort(error: RealtimeError): void {
    for (const route of this.#everyRoute()) route.abort(error);
    this.#routes.clear();
  }

  /** Makes the error of a frame that the broker did not take. */
  notTaken(why: string, cause?: unknown): RealtimeError {
    const message = `${this.#broker.label} did not take the message: ${why}`;
    return new RealtimeError('ERR_REALTIME_BROKER', message, cause === undefined ? {} : { cause });
  }

  #refusal(frame: FrameText): RealtimeError | undefined {
    if (this.#closed !== undefined) return this.#closed;
    if (typeof this.#gate !== 'string') return this.#gate;
    const bytes = frame.headBytes + frame.contentBytes;
    const { maxFrameBytes, maxQueuedBytes } = this.#settings;
    if (bytes > maxFrameBytes) return this.notTaken(`${bytes} bytes are above the limit of ${maxFrameBytes}`);
    if (this.#pendingBytes + bytes <= maxQueuedBytes) return undefined;
    return this.notTaken(`${this.#pendingBytes} bytes are waiting for it; it was not sent`);
  }

  #append(frame: FrameText, to: NodeId | undefined, isSign: boolean): Promise<void> {
    this.#pendingBytes += frame.headBytes + frame.contentBytes;
    const route = to === undefined ? this.#all : (this.#routes.get(to) ?? this.#openRoute(to));
    return route.push(frame, isSign);
  }

  #openRoute(to: NodeId): Route {
    if (this.#routes.size >= MAX_ROUTES) this.#forgetIdleRoute();
    const route = new Route(this.#hostFor(to), this.#forgottenSeq);
    this.#routes.set(to, route);
    return route;
  }

  #forgetIdleRoute(): void {
    for (const [to, route] of this.#routes) {
      if (!route.isIdle) continue;
      this.#forgottenSeq = Math.max(this.#forgottenSeq, route.lastSeq);
      this.#routes.delete(to);
      return;
    }
  }

  *#everyRoute(): Generator<Route> {
    yield this.#all;
    yield* this.#routes.values();
  }

  #hostFor(to: NodeId | undefined): RouteHost {
    const { maxBatchBytes, maxBatchFrames, maxWaitBehindFailureMs, now } = this.#settings;
    const address = to === undefined ? 'all' : [to];
    const isHeld = (): boolean => this.#gate === 'held';
    return {
      ...{ node: this.#node, to, now },
      ...{ maxBatchBytes, maxBatchFrames, maxWaitBehindFailureMs },
      get isHeld() {
        return isHeld();
      },
      publish: (bytes) => this.#broker.publish(bytes, address),
      handleSettled: (sends, bytes, error) => this.#handleSettled(sends, bytes, error),
      notTaken: (why, cause) => this.notTaken(why, cause),
    };
  }

  #handleSettled(sends: number, bytes: number, error: RealtimeError | undefined): void {
    this.#pendingBytes -= bytes;
    if (sends === 0) return;
    if (error === undefined) {
      this.#counters.sent += sends;
      this.#counters.sentBatches += 1;
    } else {
      this.#counters.rejected += sends;
    }
  }
}
