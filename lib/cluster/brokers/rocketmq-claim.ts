import { RealtimeError } from '../../model/errors';
import type { NodeId } from './broker';
import { pause } from './pause';
import type { RocketmqHead, RocketmqNews } from './rocketmq-message';

/** Who claims which slot, and how it talks to whoever else reads there. */
export interface ClaimPlan {
  readonly nodeId: NodeId;
  readonly slot: string;
  /** Sends a message that only this slot's group gets. */
  send(head: RocketmqNews): Promise<void>;
  /** The slot is not ours. */
  handleShared(error: RealtimeError): void;
}

/**
 * So many probes must come back one after the other: two readers of one group get about every second message each, so
 * that both would have to be lucky once in 4,096 times. A probe takes some milliseconds.
 */
const wantedInARow = 12;
const echoMs = 1000;
/** Behind a backlog the first echo takes its time. */
const firstEchoMs = 25_000;
const proofMs = 15_000;
/** A `taken` that its addressee does not get is passed on so often. */
const maxHops = 8;

/**
 * Proves that this node hears itself and is alone on its slot, and defends it: RocketMQ splits a group's messages among
 * its readers without a word, so each of two nodes on one slot would silently miss half of all.
 */
export class SlotClaim {
  readonly #plan: ClaimPlan;
  #count = 0;
  #echoedAt: number | undefined;
  #isProven = false;
  #lastEchoed = 0;
  #inARow = 0;
  #hasGaps = false;
  #handleEcho: (count: number) => void = () => {};

  constructor(plan: ClaimPlan) {
    this.#plan = plan;
  }

  /** Whether a probe of this node has come back: what lies before it in the queue is history. */
  get hasEchoed(): boolean {
    return this.#echoedAt !== undefined;
  }

  /**
   * Resolves once enough probes in a row have come back. Rejects when none does in time, when a send fails, and with
   * ERR_REALTIME_GROUP_SHARED when some do and others vanish.
   */
  async prove(signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    while (this.#inARow < wantedInARow && !signal.aborted) {
      const tookMs = performance.now() - startedAt;
      if (this.#lastEchoed === 0 && tookMs > firstEchoMs) throw noEcho(tookMs);
      // A slow proxy brings all of them back, late: only where some vanish does somebody else read them.
      if (tookMs > firstEchoMs + proofMs) throw this.#hasGaps ? sharedError(this.#plan.slot) : noEcho(tookMs);
      await this.#probe(echoMs, signal);
    }
    this.#isProven = !signal.aborted;
  }

  /** Resolves when this node has heard itself a moment ago, or when a probe is back; stays pending while none comes. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#echoedAt !== undefined && performance.now() - this.#echoedAt < 2500) return;
    while (!signal.aborted) if (await this.#probe(echoMs, signal)) return;
  }

  /** Notes that something this node has published came back. */
  heardSelf(): void {
    this.#echoedAt = performance.now();
  }

  /**
   * @param isFirstDelivery false for what comes again because an earlier reader died over it: that says nothing about now.
   */
  handle(head: RocketmqHead, isFirstDelivery: boolean): void {
    if (head.kind === 'probe') this.#handleProbe(head, isFirstDelivery);
    if (head.kind === 'taken') this.#handleTaken(head);
  }

  #handleProbe(head: RocketmqHead, isFirstDelivery: boolean): void {
    const { node, slot, count = 0 } = head;
    if (node === this.#plan.nodeId) {
      this.heardSelf();
      this.#noteEcho(count);
      return;
    }
    if (slot !== this.#plan.slot || !this.hasEchoed || !isFirstDelivery) return;
    if (this.#yieldsTo(head)) this.#plan.handleShared(sharedError(slot));
    else this.#tell(node, 0);
  }

  /** The queue keeps the order: a number that was passed over has gone to another reader. */
  #noteEcho(count: number): void {
    this.#handleEcho(count);
    if (count <= this.#lastEchoed) return;
    const isNext = this.#lastEchoed === 0 || count === this.#lastEchoed + 1;
    this.#inARow = isNext ? this.#inARow + 1 : 1;
    this.#hasGaps ||= !isNext;
    this.#lastEchoed = count;
  }

  #handleTaken(head: RocketmqHead): void {
    const { to, count = 0 } = head;
    const [node] = to ?? [];
    if (node === this.#plan.nodeId) {
      if (this.#yieldsTo(head)) this.#plan.handleShared(sharedError(this.#plan.slot));
    } else if (node !== undefined && count < maxHops) {
      this.#tell(node, count + 1);
    }
  }

  /** Whoever holds the slot stays; of two that claim it at once, the lower id. */
  #yieldsTo({ node, isProven = false }: RocketmqHead): boolean {
    return isProven === this.#isProven ? node < this.#plan.nodeId : isProven;
  }

  #tell(node: NodeId, count: number): void {
    this.#send({ kind: 'taken', to: [node], count }).catch(() => {});
  }

  #send(news: RocketmqNews): Promise<void> {
    return this.#plan.send({ ...news, isProven: this.#isProven });
  }

  async #probe(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    this.#count += 1;
    const count = this.#count;
    const waiting = new AbortController();
    let isBack = false;
    this.#handleEcho = (echoed) => {
      if (echoed !== count) return;
      isBack = true;
      waiting.abort();
    };
    await this.#send({ kind: 'probe', count });
    await pause(timeoutMs, AbortSignal.any([signal, waiting.signal]));
    return isBack;
  }
}

function noEcho(ms: number): Error {
  const seconds = Math.round(ms / 1000);
  return new Error(
    `probes of this node did not come back within ${seconds} s: its group still reads what piled up, or is slow`,
  );
}

function sharedError(slot: string): RealtimeError {
  const message = `slot ${slot} is in use by another live process: give every process its own slot`;
  return new RealtimeError('ERR_REALTIME_GROUP_SHARED', message);
}
