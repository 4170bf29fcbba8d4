import type { RelayDroppedWhy } from '../model/events';

/**
 * What a node counts since its start. A send becomes one frame, and several frames travel in one broker message;
 * frames about the nodes themselves (probes) are not counted among them.
 */
export interface ClusterCounters {
  /** Frames that the broker took. */
  readonly sent: number;
  /** Broker messages that it took. */
  readonly sentBatches: number;
  /** Frames that the broker did not take: rejected by it, refused here while it was down, or over the queue's bound. */
  readonly rejected: number;
  /** Frames of other nodes that were taken and passed to the sessions here. */
  readonly received: number;
  /** Frames (or whole broker messages, when they could not be told apart) that were dropped, by reason. */
  readonly dropped: Readonly<Record<RelayDroppedWhy, number>>;
  /** Frames of other nodes that never came, counted once they are older than `relayMaxAgeMs`. */
  readonly missing: number;
  readonly probesSent: number;
  readonly probesBack: number;
  /** Other nodes that were heard lately. */
  readonly peers: number;
}

/** The same, for counting. */
export type MutableCounters = { -readonly [Key in keyof Omit<ClusterCounters, 'dropped'>]: number } & {
  readonly dropped: Record<RelayDroppedWhy, number>;
};

export function createCounters(): MutableCounters {
  return {
    sent: 0,
    sentBatches: 0,
    rejected: 0,
    received: 0,
    dropped: { malformed: 0, oversize: 0, version: 0, kind: 0, scope: 0, duplicate: 0, stale: 0 },
    missing: 0,
    probesSent: 0,
    probesBack: 0,
    peers: 0,
  };
}
