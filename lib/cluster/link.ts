import type { Addressed } from '../model/audience';
import type { CloseSpec } from '../model/close-codes';
import type { Outgoing } from '../wire/outgoing';

/** How a sender reaches the other nodes. `undefined` = there is nobody else to tell. */
export interface ClusterLink {
  readonly nodeId: string;
  /** Publishes a message for the other nodes; rejects with `ERR_REALTIME_BROKER` when the broker did not take it. */
  publishMessage(addressed: Addressed, outgoing: Outgoing, id: string): Promise<void> | undefined;
  /** Publishes the order to close sessions. */
  publishDisconnect(addressed: Addressed, close: CloseSpec, id: string): Promise<void> | undefined;
}

/** The link of a process that is alone. */
export function localLink(nodeId: string): ClusterLink {
  return { nodeId, publishMessage: () => undefined, publishDisconnect: () => undefined };
}
