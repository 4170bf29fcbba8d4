/** The id of one process with an attach or a sender: random, new at each start. */
export type NodeId = string;

/** What a node hands to its broker at start. */
export interface BrokerNode {
  /** The application's name: channels, topics, exchanges and groups are built from it. */
  readonly name: string;
  readonly id: NodeId;
  /** Gets what every node of this application publishes, this one included, in each node's order. Never throws. */
  onBytes(bytes: Buffer): void;
  /** Told once per change. `cause` of a `down` is for the operator: it holds no password. Never throws. */
  onState(state: 'up' | 'down', cause?: Error): void;
}

/**
 * Carries bytes between the nodes of one application. Bytes only: who gets what is the hub's business.
 * A value of this type belongs to one node and is started once.
 */
export interface Broker {
  /** How logs, events and errors name it: kind and address, without credentials. */
  readonly label: string;
  /**
   * Connects and subscribes; resolves when what is published from then on is heard here.
   * Rejects for a set-up fault that waiting cannot mend (`ERR_REALTIME_BROKER_SETUP`: wrong password, missing topic,
   * missing driver); a broker that is merely away is `onState('down')`, tried again until `close`.
   */
  start(node: BrokerNode): Promise<void>;
  /**
   * Resolves when the broker took the bytes; rejects within the broker's own `publishTimeoutMs`.
   * A rejection means *unknown*: the bytes may still arrive. What one node publishes arrives in its order.
   * Rejects at once while the broker is down, and where the broker can tell that a node of `to` does not listen.
   *
   * @param to `'all'` nodes of the application, or some by id; a broker that cannot address nodes sends to all.
   */
  publish(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void>;
  /** Stops delivery and releases what `start` made, never a client that was handed in. Idempotent, bounded in time. */
  close(): Promise<void>;
}
