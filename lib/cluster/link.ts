import type { Addressed } from '../model/audience';
import type { EndRenewal } from '../model/renewal';
import type { Revocation } from '../model/revocation';
import type { ClusterHealth } from './health';
import type { CloseSpec } from '../model/close-codes';
import type { NodeId } from './brokers/broker';
import type { Outgoing } from '../wire/outgoing';
import { createCounters } from './counters';

/** How a sender reaches the other nodes. `undefined` = there is nobody else to tell. */
export interface ClusterLink {
  readonly nodeId: NodeId;
  /** From the end of `close` on nothing is sent any more, not even here. */
  readonly isClosed: boolean;
  /** Publishes a message for the other nodes; rejects with `ERR_REALTIME_BROKER` when the broker did not take it. */
  publishMessage(addressed: Addressed, outgoing: Outgoing, id: string): Promise<void> | undefined;
  /** Publishes the order to close sessions. */
  publishDisconnect(addressed: Addressed, close: CloseSpec, id: string): Promise<void> | undefined;
  publishRevocation(revocation: Revocation, id: string): Promise<void> | undefined;
  /** Publishes a new end to the one node that holds the session; `undefined` when that can only be this one. */
  publishRenewal(renewal: EndRenewal): Promise<void> | undefined;
}

/** The part of an attach or a sender that knows the other nodes. */
export interface Cluster extends ClusterLink {
  /** Resolves when pushes of other nodes are heard here. Never an unhandled rejection. */
  readonly ready: Promise<void>;
  /** Whether it has been ready once. */
  readonly isReady: boolean;
  health(): ClusterHealth;
  /** Lets go of the broker after what is on its way. Idempotent, bounded in time; never rejects. */
  close(): Promise<void>;
}

/** The cluster of a process that is alone. */
export function localCluster(nodeId: NodeId): Cluster {
  const sinceMs = Date.now();
  let isClosed = false;
  return {
    nodeId,
    get isClosed() {
      return isClosed;
    },
    publishMessage: () => undefined,
    publishDisconnect: () => undefined,
    publishRevocation: () => undefined,
    publishRenewal: () => undefined,
    ready: Promise.resolve(),
    isReady: true,
    health: () => ({
      status: isClosed ? 'closed' : 'up',
      node: nodeId,
      broker: { label: 'local', state: 'up', sinceMs },
      counters: createCounters(),
    }),
    close: async () => {
      isClosed = true;
    },
  };
}
