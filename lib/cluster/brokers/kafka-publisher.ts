import type { IHeaders, Message, Producer } from 'kafkajs';
import type { NodeId } from './broker';

/** Where and as whom a node publishes. */
export interface KafkaRoute {
  readonly topic: string;
  /** The application: nodes of another one skip the message. */
  readonly app: string;
  readonly nodeId: NodeId;
}

interface Waiting {
  readonly message: Message;
  readonly size: number;
  readonly expiresAt: number;
  readonly resolve: () => void;
  readonly reject: (fault: unknown) => void;
}

/** Of one send; Kafka's own limit is 1,048,588 bytes for the whole batch (`message.max.bytes`). */
const maxBatch = { messages: 500, bytes: 900_000 };
const noAnswer = new Error('it did not answer in time');

/**
 * Sends one batch at a time, made of all that piled up meanwhile: kafkajs reorders sends that overlap, whatever
 * `maxInFlightRequests` says. One key per node keeps a node's messages in one partition, and so in order.
 */
export class KafkaPublisher {
  readonly #producer: Producer;
  readonly #route: KafkaRoute;
  readonly #timeoutMs: number;
  #waiting: Waiting[] = [];
  #sendingSince: number | undefined;
  /** So many of the next messages go alone, for the broker found their batch too large. */
  #alone = 0;

  constructor(producer: Producer, route: KafkaRoute, timeoutMs: number) {
    this.#producer = producer;
    this.#route = route;
    this.#timeoutMs = timeoutMs;
  }

  /** How long the send under way has been without an answer, in ms; 0 when there is none. */
  stalledMs(now: number): number {
    return this.#sendingSince === undefined ? 0 : now - this.#sendingSince;
  }

  send(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const message = { key: this.#route.nodeId, value: bytes, headers: headersFor(this.#route.app, to) };
      const expiresAt = performance.now() + this.#timeoutMs;
      this.#waiting.push({ message, size: bytes.length + 200, expiresAt, resolve, reject });
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
    const messages = batch.map((waiting) => waiting.message);
    try {
      await this.#producer.send({ topic: this.#route.topic, acks: 1, messages });
    } catch (fault) {
      if (isTooLarge(fault) && batch.length > 1) {
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
    let bytes = 0;
    let taken = 0;
    const most = this.#alone > 0 ? 1 : maxBatch.messages;
    for (const waiting of this.#waiting) {
      if (batch.length >= most || (batch.length > 0 && bytes + waiting.size > maxBatch.bytes)) break;
      taken += 1;
      if (this.#alone > 0) this.#alone -= 1;
      if (waiting.expiresAt <= now) {
        waiting.reject(noAnswer);
        continue;
      }
      bytes += waiting.size;
      batch.push(waiting);
    }
    this.#waiting = this.#waiting.slice(taken);
    return batch;
  }
}

function headersFor(app: string, to: 'all' | readonly NodeId[]): IHeaders {
  return to === 'all' ? { app } : { app, to: to.join(',') };
}

function isTooLarge(fault: unknown): boolean {
  return (fault as { readonly type?: unknown } | null)?.type === 'MESSAGE_TOO_LARGE';
}

/** Whether a message is for this node: of this application, and to all or to this node by name. */
export function isFor(headers: IHeaders | undefined, app: Buffer, nodeId: NodeId): boolean {
  const ofApp = headers?.['app'];
  if (!Buffer.isBuffer(ofApp) || !app.equals(ofApp)) return false;
  const to = headers?.['to'];
  return to === undefined || (Buffer.isBuffer(to) && to.toString('utf8').split(',').includes(nodeId));
}
