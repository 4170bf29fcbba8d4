import type { Broker, BrokerNode, NodeId } from './broker';
import { closedError, startedError } from './publish-queue';

/**
 * Makes the broker of a process that is alone, the default: nothing leaves the process, and what its node publishes
 * comes back to it alone.
 */
export function localBroker(): Broker {
  return new LocalBroker();
}

/** Tells whether a broker is the local one, of whichever copy of this package; what it calls itself does not matter. */
export function isLocalBroker(broker: Broker): boolean {
  return LOCAL in broker;
}

const LOCAL = Symbol.for('express-realtime.local-broker');

class LocalBroker implements Broker {
  readonly label = 'local';
  readonly [LOCAL] = true;
  #node: BrokerNode | undefined;
  #isClosed = false;

  async start(node: BrokerNode): Promise<void> {
    if (this.#isClosed) throw closedError(this.label);
    if (this.#node) throw startedError(this.label);
    this.#node = node;
    node.onState('up');
  }

  async publish(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    const node = this.#node;
    if (this.#isClosed || !node) throw closedError(this.label);
    if (to !== 'all' && !to.includes(node.id)) return;
    // Never inside the caller's own turn, as with every other broker.
    queueMicrotask(() => {
      if (!this.#isClosed) node.onBytes(bytes);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
