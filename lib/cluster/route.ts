import type { FrameText } from './relay';
import type { NodeId } from './brokers/broker';
import { RealtimeError } from '../model/errors';
import { encodeBatch } from './batch';

/** What a route asks of its publisher. */
export interface RouteHost {
  readonly node: NodeId;
  /** The one node that the route leads to; `undefined` = all. */
  readonly to: NodeId | undefined;
  readonly maxBatchBytes: number;
  readonly maxBatchFrames: number;
  readonly maxWaitBehindFailureMs: number;
  /** Whether batches stay here until {@link Route.flush}. */
  readonly isHeld: boolean;
  /** Milliseconds since 1970, as frames carry them. */
  now(): number;
  publish(bytes: Buffer): Promise<void>;
  /** Told once for each batch; `sends` is 0 for a frame about the node itself. */
  handleSettled(sends: number, bytes: number, error: RealtimeError | undefined): void;
  /** Makes the error of frames that the broker did not take. */
  notTaken(why: string, cause?: unknown): RealtimeError;
}

/** Frames that come later are not of the time that a batch carries, and are the next batch. */
const MAX_SPREAD_MS = 1000;

/**
 * How often a busy route publishes at most: what comes meanwhile shares a batch, in which a frame costs a fraction of
 * what it costs alone.
 */
const BUSY_INTERVAL_MS = 1;
/** A route is busy when a batch had so many frames, and more came while it was under way: nobody waits for nothing. */
const BUSY_FRAMES = 4;

/** Frames that leave as one broker message; all their sends share one promise. */
class Batch {
  readonly frames: FrameText[] = [];
  /** On the clock that only runs forward, and on the one that frames carry. */
  readonly openedAt = performance.now();
  readonly at: number;
  readonly promise: Promise<void>;
  /** A frame about the node itself: takes no other frame, and is no send. */
  readonly isSign: boolean;
  bytes = 0;
  isSettled = false;
  #resolve: () => void = () => undefined;
  #reject: (error: RealtimeError) => void = () => undefined;

  constructor(isSign: boolean, at: number) {
    this.at = at;
    this.isSign = isSign;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever sent waits for it; a frame about the node itself nobody waits for.
    this.promise.catch(() => undefined);
  }

  settle(error: RealtimeError | undefined): void {
    this.isSettled = true;
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }
}

/**
 * The way to all nodes, or to one: gathers frames until the callback that sends them has ended, while a publish is
 * under way, and, when busy, for the rest of a millisecond. One publish is under way at a time, which keeps the order on
 * brokers whose clients reorder overlapping sends. Not until the check phase: that is one more turn of the event loop
 * for a frame that goes alone, and what the other callbacks of a turn send waits behind its first frames anyway.
 */
export class Route {
  readonly #host: RouteHost;
  readonly #queue: Batch[] = [];
  #current: Batch | undefined;
  #currentSince = 0;
  /** How many frames the last batch had that was no sign. */
  #lastFrames = 0;
  #seq: number;
  #isFlushDue = false;

  /** @param lastSeq numbers go on from here. */
  constructor(host: RouteHost, lastSeq: number) {
    this.#host = host;
    this.#seq = lastSeq;
  }

  /** The number of the newest frame that left. */
  get lastSeq(): number {
    return this.#seq;
  }

  get isIdle(): boolean {
    return this.#current === undefined && this.#queue.length === 0;
  }

  /** Adds a frame. @returns the promise of its batch. */
  push(frame: FrameText, isSign: boolean): Promise<void> {
    const batch = this.#batchFor(frame, isSign);
    batch.frames.push(frame);
    batch.bytes += frame.headBytes + frame.contentBytes;
    if (this.#current === undefined) this.#scheduleFlush();
    return batch.promise;
  }

  /** Sends the next batch, unless one is under way. */
  flush(): void {
    if (this.#current !== undefined || this.#host.isHeld) return;
    const batch = this.#queue.shift();
    if (batch === undefined) return;
    this.#current = batch;
    this.#currentSince = performance.now();
    if (!batch.isSign) this.#lastFrames = batch.frames.length;
    this.#publish(batch).then(
      () => this.#finish(batch, undefined),
      (cause: unknown) => this.#finish(batch, this.#errorOf(cause)),
    );
  }

  /** Rejects what was not handed to the broker yet. */
  rejectQueued(error: RealtimeError): void {
    for (const batch of this.#queue.splice(0)) this.#settle(batch, error);
  }

  /** Rejects what was queued longer than `queuedMs` ago, and gives up a publish that never ends. */
  expire(queuedMs: number, publishMs: number): void {
    const now = performance.now();
    this.#rejectOlder(now - queuedMs, 'it was not ready to take it in time; it was not sent');
    const batch = this.#current;
    if (batch === undefined || now - this.#currentSince <= publishMs) return;
    this.#finish(batch, this.#host.notTaken(`it did not answer within ${publishMs} ms`));
  }

  /** Rejects everything, what is under way too. */
  abort(error: RealtimeError): void {
    if (this.#current !== undefined) this.#settle(this.#current, error);
    this.#current = undefined;
    this.rejectQueued(error);
  }

  /** The sends that are not settled yet. */
  pending(): Promise<void>[] {
    const batches = this.#current === undefined ? this.#queue : [this.#current, ...this.#queue];
    return batches.map((batch) => batch.promise);
  }

  /** At the end of the callback that sends; at once when the first batch takes no more. */
  #scheduleFlush(): void {
    if (this.#queue.length > 1) {
      this.flush();
    } else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      process.nextTick(this.#handleFlushDue);
    }
  }

  /** Sends what came while a publish was under way. */
  #goOn(): void {
    if (!this.#isBusy()) {
      this.flush();
    } else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      setTimeout(this.#handleFlushDue, BUSY_INTERVAL_MS);
    }
  }

  #isBusy(): boolean {
    const [first, second] = this.#queue;
    if (first === undefined || first.isSign || second !== undefined || this.#lastFrames < BUSY_FRAMES) return false;
    return performance.now() - this.#currentSince < BUSY_INTERVAL_MS;
  }

  readonly #handleFlushDue = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };

  #batchFor(frame: FrameText, isSign: boolean): Batch {
    const last = this.#queue.at(-1);
    if (last !== undefined && !isSign && this.#takes(last, frame)) return last;
    const batch = new Batch(isSign, this.#host.now());
    this.#queue.push(batch);
    return batch;
  }

  #takes(batch: Batch, frame: FrameText): boolean {
    const { maxBatchBytes, maxBatchFrames } = this.#host;
    if (batch.isSign || batch.frames.length >= maxBatchFrames) return false;
    if (batch.bytes + frame.headBytes + frame.contentBytes > maxBatchBytes) return false;
    return performance.now() - batch.openedAt <= MAX_SPREAD_MS;
  }

  /** Only frames that really leave get numbers, so that those which do not are no gap. */
  async #publish({ at, frames }: Batch): Promise<void> {
    const { node, to } = this.#host;
    const seq = this.#seq + 1;
    this.#seq += frames.length;
    await this.#host.publish(encodeBatch({ node, to, seq, at, frames }));
  }

  #finish(batch: Batch, error: RealtimeError | undefined): void {
    // Given up before: what the broker says now changes nothing.
    if (this.#current !== batch) return;
    this.#current = undefined;
    this.#settle(batch, error);
    if (error !== undefined) {
      const openedBefore = performance.now() - this.#host.maxWaitBehindFailureMs;
      this.#rejectOlder(openedBefore, 'the frames before it were not taken; it was not sent');
    }
    this.#goOn();
  }

  #rejectOlder(openedBefore: number, why: string): void {
    while (this.#queue[0] !== undefined && this.#queue[0].openedAt < openedBefore) {
      const batch = this.#queue.shift();
      if (batch !== undefined) this.#settle(batch, this.#host.notTaken(why));
    }
  }

  #settle(batch: Batch, error: RealtimeError | undefined): void {
    if (batch.isSettled) return;
    batch.settle(error);
    this.#host.handleSettled(batch.isSign ? 0 : batch.frames.length, batch.bytes, error);
  }

  #errorOf(cause: unknown): RealtimeError {
    if (cause instanceof RealtimeError) return cause;
    return this.#host.notTaken(cause instanceof Error ? cause.message : 'it gave no reason', cause);
  }
}
