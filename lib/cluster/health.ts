import type { ClusterCounters } from './counters';
import type { NodeId } from './brokers/broker';

/** How the broker is, as this node sees it. */
export interface BrokerHealth {
  /** Kind and address, without credentials; `local` without a broker. */
  readonly label: string;
  /** `starting` until it was up or down for the first time. `up`: this node's own probes come back. */
  readonly state: 'starting' | 'up' | 'down';
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** Why it is down, in words; holds no credentials. */
  readonly cause?: string;
}

/** What `health()` tells of the cluster. */
export interface ClusterHealth {
  /** `degraded`: pushes reach the sockets of this process, other nodes perhaps not. */
  readonly status: 'up' | 'degraded' | 'closed';
  /** The id of this node. */
  readonly node: NodeId;
  readonly broker: BrokerHealth;
  readonly counters: ClusterCounters;
}

/** How an attach or a sender is. */
export interface RealtimeHealth extends ClusterHealth {
  /** Open sessions in this process. */
  readonly sessions: number;
}

/** The message of an error without what looks like `user:password@` in an address; a password may hold `@`. */
export function causeText(cause: Error): string {
  return cause.message.replace(/\/\/[^\s/]*@/g, '//');
}
