/** The figures that a node works with; only `relayMaxAgeMs` is an option of the application, tests shorten the others. */
export interface ClusterSettings {
  /** Frames of other nodes older than this are dropped; what is missing for longer is counted as a gap. */
  readonly relayMaxAgeMs: number;
  /** A frame joins a batch while that stays below both bounds; a larger frame is a batch of its own. */
  readonly maxBatchBytes: number;
  readonly maxBatchFrames: number;
  /** A larger frame is refused on its way out and dropped on its way in. */
  readonly maxFrameBytes: number;
  /** Bytes that wait for the broker, on all routes together; a send above is refused at once. */
  readonly maxQueuedBytes: number;
  /** How long a send waits for a broker that is still being connected. */
  readonly startWaitMs: number;
  /** After a publish failed: what has waited longer than this behind it fails too, since a hung broker takes nothing. */
  readonly maxWaitBehindFailureMs: number;
  /** A send is settled by then even if the broker's own deadline never fires. */
  readonly publishDeadlineMs: number;
  /** How often the node looks at its probes and deadlines. */
  readonly tickMs: number;
  /** Until the node is ready a probe is repeated after this time. */
  readonly startProbeMs: number;
  /** A route on which nothing of this node came back for so long is probed. */
  readonly idleProbeMs: number;
  /** While a probe is awaited the next one follows after this time. */
  readonly repeatProbeMs: number;
  /** Even a busy node sends a probe that often: others read its clock from it. */
  readonly clockProbeMs: number;
  /** A route on which nothing of this node came back for so long is deaf: the broker hangs. */
  readonly deafAfterMs: number;
  /** How long a node that starts waits to be told what was revoked; nobody answers the first one. */
  readonly learnWithinMs: number;
  /** How long `close` waits for what is on its way, and then for the broker. */
  readonly closeDrainMs: number;
  readonly closeBrokerMs: number;
  /** Milliseconds since 1970 of this machine, for the age of frames. */
  readonly now: () => number;
}

const { timeOrigin } = performance;

export const DEFAULT_SETTINGS: ClusterSettings = {
  relayMaxAgeMs: 30_000,
  maxBatchBytes: 256 * 1024,
  maxBatchFrames: 1000,
  maxFrameBytes: 8 * 1024 * 1024,
  maxQueuedBytes: 32 * 1024 * 1024,
  startWaitMs: 5000,
  maxWaitBehindFailureMs: 500,
  publishDeadlineMs: 15_000,
  tickMs: 250,
  startProbeMs: 100,
  idleProbeMs: 3000,
  repeatProbeMs: 1000,
  clockProbeMs: 10_000,
  deafAfterMs: 8000,
  learnWithinMs: 1000,
  closeDrainMs: 2000,
  closeBrokerMs: 15_000,
  // Does not step when the wall clock is set; what is between two machines is measured.
  now: () => Math.round(timeOrigin + performance.now()),
};
