import { RealtimeError } from '../../model/errors';
import type { RealtimeErrorCode } from '../../model/errors';
import type { Broker, BrokerNode, NodeId } from './broker';
import { LinkScope } from './link-scope';
import { closedError, PublishQueue, startedError } from './publish-queue';
import type { SendBytes } from './publish-queue';

/** What an adapter adds to {@link LinkedBroker}. */
export interface LinkPlan {
  /** Kind and address, without credentials. */
  readonly label: string;
  readonly publishTimeoutMs: number;
  readonly maxInFlight: number;
  /** An attempt to open a link is given up after this time. Default 5,000. */
  readonly openTimeoutMs?: number;
  /** Closing a link may take so long. Default 1,000. */
  readonly endTimeoutMs?: number;
  /**
   * Opens one link: connects, subscribes, proves that it hears itself. Whatever it makes it registers with
   * `scope.onEnd` at once; whatever goes wrong later it tells with `scope.lose`.
   *
   * @returns how bytes are sent over this link.
   * @throws ERR_REALTIME_BROKER_SETUP or ERR_REALTIME_GROUP_SHARED for a fault that waiting cannot mend; any other
   *   error is tried again.
   */
  open(node: BrokerNode, scope: LinkScope): Promise<SendBytes>;
}

const defaults = { openTimeoutMs: 5000, endTimeoutMs: 1000 };
const setupCodes: readonly RealtimeErrorCode[] = ['ERR_REALTIME_BROKER_SETUP', 'ERR_REALTIME_GROUP_SHARED'];
const maxPendingBytes = 64 * 1024 * 1024;
/** Between attempts: doubled from the first to the second, plus up to 50 ms. */
const backoffMs = { first: 50, most: 500, afterSetupFault: 2000 };

/**
 * A broker that keeps one link open: a link that breaks, hangs or is refused is thrown away whole and opened anew,
 * so that no state of a driver outlives a fault. Publishes pass only while the link is up.
 */
export class LinkedBroker implements Broker {
  readonly label: string;
  readonly #plan: LinkPlan;
  readonly #queue: PublishQueue;
  #node: BrokerNode | undefined;
  #scope: LinkScope | undefined;
  #state: 'up' | 'down' | undefined;
  #wasUp = false;
  #isClosed = false;
  #running: Promise<void> | undefined;
  #settleStart: { resolve(): void; reject(error: Error): void } | undefined;
  #wake: () => void = () => {};

  constructor(plan: LinkPlan) {
    this.label = plan.label;
    this.#plan = plan;
    this.#queue = new PublishQueue({
      ...{ label: plan.label, timeoutMs: plan.publishTimeoutMs, maxInFlight: plan.maxInFlight },
      maxPendingBytes,
    });
  }

  start(node: BrokerNode): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError(this.label));
    if (this.#node) return Promise.reject(startedError(this.label));
    this.#node = node;
    return new Promise((resolve, reject) => {
      this.#settleStart = { resolve, reject };
      this.#running = this.#run(node);
    });
  }

  publish(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    return this.#queue.publish(bytes, to);
  }

  async close(): Promise<void> {
    if (!this.#isClosed) this.#stop(closedError(this.label));
    await this.#running;
  }

  /** Opens one link after the other until closed. Never rejects. */
  async #run(node: BrokerNode): Promise<void> {
    const { endTimeoutMs = defaults.endTimeoutMs } = this.#plan;
    let failures = 0;
    while (!this.#isClosed) {
      const scope = this.#makeScope(node);
      const cause = await this.#live(node, scope, () => {
        failures = 0;
      });
      const isSetup = cause instanceof RealtimeError && setupCodes.includes(cause.code);
      this.#queue.shut(cause.message);
      if (isSetup && !this.#wasUp) {
        await scope.end(cause, endTimeoutMs);
        this.#settleStart?.reject(cause);
        return;
      }
      this.#tell('down', cause);
      await scope.end(cause, endTimeoutMs);
      failures += 1;
      if (!this.#isClosed) await this.#pause(isSetup ? backoffMs.afterSetupFault : backoff(failures));
    }
  }

  /** One link from its opening to its loss; resolves with the reason. */
  async #live(node: BrokerNode, scope: LinkScope, handleUp: () => void): Promise<Error> {
    try {
      const send = await openInTime(this.#plan, node, scope);
      if (this.#isClosed) return closedError(this.label);
      this.#queue.open(send);
      handleUp();
      this.#tell('up');
      if (scope.whyHeld !== undefined) this.#handleHeld(scope.whyHeld);
      return await scope.lost;
    } catch (fault) {
      return fault instanceof Error ? fault : new Error(String(fault));
    }
  }

  #makeScope(node: BrokerNode): LinkScope {
    this.#scope = new LinkScope({
      deliver: (bytes) => node.onBytes(bytes),
      tellHeld: (why) => this.#handleHeld(why),
    });
    return this.#scope;
  }

  #handleHeld(why: string | undefined): void {
    // While a link is being opened the queue is shut anyway.
    if (this.#isClosed || !this.#wasUp) return;
    if (why === undefined) {
      this.#queue.release();
      this.#tell('up');
      return;
    }
    this.#queue.hold(why);
    this.#tell('down', new Error(why));
  }

  #tell(state: 'up' | 'down', cause?: Error): void {
    if (this.#isClosed) return;
    if (state === 'up') {
      this.#wasUp = true;
      this.#settleStart?.resolve();
    }
    if (this.#state === state) return;
    this.#state = state;
    this.#node?.onState(state, cause);
  }

  #stop(reason: Error): void {
    this.#isClosed = true;
    this.#queue.close();
    this.#settleStart?.reject(reason);
    this.#scope?.lose(reason);
    this.#wake();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function openInTime(plan: LinkPlan, node: BrokerNode, scope: LinkScope): Promise<SendBytes> {
  const { openTimeoutMs = defaults.openTimeoutMs } = plan;
  const timer = setTimeout(() => {
    scope.lose(new Error(`${plan.label} did not answer within ${openTimeoutMs} ms`));
  }, openTimeoutMs);
  const broken = scope.lost.then((cause) => Promise.reject(cause));
  broken.catch(() => {});
  try {
    return await Promise.race([plan.open(node, scope), broken]);
  } finally {
    clearTimeout(timer);
  }
}

function backoff(failures: number): number {
  const { first, most } = backoffMs;
  return Math.min(first * 2 ** (failures - 1), most) + Math.random() * 50;
}
