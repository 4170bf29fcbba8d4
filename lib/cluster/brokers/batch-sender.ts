import type { NodeId } from './broker';

/** What is to go out, and to whom. */
export interface Outbound {
  readonly bytes: Buffer;
  readonly to: 'all' | readonly NodeId[];
}

/** See {@link BatchSender}. */
export interface BatchPlan {
  readonly maxCount: number;
  /** Of one batch; a single larger one goes alone. */
  readonly maxBytes: number;
  /** What has waited for so long is not sent any more. */
  readonly timeoutMs: number;
  /** Sends one batch; the next one waits for it. */
  send(batch: readonly Outbound[]): Promise<void>;
  /** Whether the next one can go with the first one of a batch. */
  canJoin(first: Outbound, next: Outbound): boolean;
  /** Whether the broker found the batch too large: then each part is sent alone. */
  isTooLarge(fault: unknown): boolean;
}

interface Waiting extends Outbound {
  readonly expiresAt: number;
  readonly resolve: () => void;
  readonly reject: (fault: unknown) => void;
}

/** Of headers and framing, per part. */
const overheadBytes = 200;

/**
 * Sends one batch at a time, made of all that piled up meanwhile: the clients of Kafka and RocketMQ reorder sends that
 * overlap, whatever their settings.
 */
export class BatchSender {
  readonly #plan: BatchPlan;
  #waiting: Waiting[] = [];
  #sendingSince: number | undefined;
  /** So many of the next ones go alone. */
  #alone = 0;
  #stopped: Error | undefined;

  constructor(plan: BatchPlan) {
    this.#plan = plan;
  }

  /** How long the send under way has been without an answer, in ms; 0 when there is none. */
  stalledMs(now: number): number {
    return this.#sendingSince === undefined ? 0 : now - this.#sendingSince;
  }

  /** The link is gone: what waits is rejected, and so is everything from now on. */
  stop(fault: Error): void {
    this.#stopped ??= fault;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#stopped);
  }

  send(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    if (this.#stopped) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, to, expiresAt: performance.now() + this.#plan.timeoutMs, resolve, reject });
      if (this.#sendingSince === undefined) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      this.#sendingSince = performance.now();
      if (batch.length > 0) await this.#sendBatch(batch);
    }
    this.#sendingSince = undefined;
  }

  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#plan.send(batch);
    } catch (fault) {
      if (this.#plan.isTooLarge(fault) && batch.length > 1) {
        this.#alone = batch.length;
        this.#waiting = [...batch, ...this.#waiting];
        return;
      }
      for (const waiting of batch) waiting.reject(fault);
      return;
    }
    for (const waiting of batch) waiting.resolve();
  }

  /** Leaves out what has expired by now: nobody waits for it any more, and it would only come late. */
  #takeBatch(): Waiting[] {
    const now = performance.now();
    const batch: Waiting[] = [];
    let [bytes, taken] = [0, 0];
    for (const waiting of this.#waiting) {
      if (!this.#fits(batch, waiting, bytes)) break;
      taken += 1;
      if (waiting.expiresAt <= now) {
        waiting.reject(new Error('it waited for too long'));
        continue;
      }
      bytes += waiting.bytes.length + overheadBytes;
      batch.push(waiting);
    }
    this.#alone = Math.max(0, this.#alone - taken);
    this.#waiting = this.#waiting.slice(taken);
    return batch;
  }

  #fits(batch: readonly Waiting[], next: Waiting, bytes: number): boolean {
    const [first] = batch;
    if (!first) return true;
    const { maxCount, maxBytes } = this.#plan;
    if (this.#alone > 0 || batch.length >= maxCount) return false;
    return bytes + next.bytes.length + overheadBytes <= maxBytes && this.#plan.canJoin(first, next);
  }
}
