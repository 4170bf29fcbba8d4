import type { Broker } from '../cluster/brokers/broker';

/** Which node of which application a broker is made for. */
export interface BrokerPlace {
  readonly name: string;
  /** 0 for the first node of the application, and so on: a slot, for a broker that needs one. */
  readonly index: number;
}

/** Faults of the server itself. Each is called once, after all other cases. */
export interface BrokerFaults {
  /** Ends the server without a goodbye (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data and address; resolves when it serves. */
  restart(): Promise<void>;
  /** Stops the server in its tracks (SIGSTOP): connections stay open, nobody answers. */
  freeze(): void | Promise<void>;
  /** Lets it go on (SIGCONT). */
  thaw(): void | Promise<void>;
}

/** A spoiled network between nodes and server, such as a TCP proxy. */
export interface BrokerNetwork {
  /** As `create` of the set-up, but through this network. */
  create(place: BrokerPlace): Broker;
  /** Cuts all connections and refuses new ones. */
  cut(): void | Promise<void>;
  /** Lets all through again, at once. */
  heal(): void | Promise<void>;
  /** Delays everything by so many milliseconds, each way. */
  slow(ms: number): void | Promise<void>;
  /** Holds back what the server sends, while what the nodes send still arrives. */
  stall(): void | Promise<void>;
}

/** Bounds in milliseconds, and sizes; what the README of a broker promises. */
export interface BrokerContractLimits {
  /** `start`, with the server there. Default 10,000. */
  readonly startMs: number;
  /** Any `publish`, whatever happens. Default 5,000. */
  readonly publishMs: number;
  /** From an accepted publish to the last node. Default 10,000. */
  readonly deliverMs: number;
  /** `close`, whatever happens. Default 5,000. */
  readonly closeMs: number;
  /** From a fault to `onState('down')`. Default 10,000. */
  readonly noticeMs: number;
  /** From the end of a fault to `onState('up')`. Default 5,000. */
  readonly recoverMs: number;
  /** A message that must pass whole. Default 256 KiB. */
  readonly bigBytes: number;
  /** Frames that each of two nodes publishes in the case on order. Default 10,000. */
  readonly frames: number;
}

/** What `brokerContract` needs to know of a broker. */
export interface BrokerContractSetup {
  /** Makes the broker of one more node; called once per node. */
  create(place: BrokerPlace): Broker;
  /** Provisions an application that has not been seen before: topics, exchanges, rights. */
  prepare?(name: string): Promise<void>;
  /** Names what an application whose nodes are all closed left on the server, such as queues or groups. */
  leftovers?(name: string): Promise<readonly string[]>;
  /** The broker never leaves the process: cases with several nodes are left out. Default false. */
  readonly isLocal?: boolean;
  /** What goes to some nodes reaches those alone. Default true. */
  readonly addressesNodes?: boolean;
  readonly faults?: BrokerFaults;
  readonly network?: BrokerNetwork;
  readonly limits?: Partial<BrokerContractLimits>;
  /** Gets one line of counts from each fault case. */
  report?(line: string): void;
}

/** One case of the contract. Run them one at a time, in the order given. */
export interface BrokerContractCase {
  /** The outcome, as seen from outside. */
  readonly title: string;
  /** A bound for a test runner; the case itself fails earlier. */
  readonly timeoutMs: number;
  /** Rejects with an AssertionError or Error when the broker breaks the contract. Closes what it opened. */
  run(): Promise<void>;
}
