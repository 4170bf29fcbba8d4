import { randomBytes } from 'node:crypto';
import type { Broker } from './brokers/broker';
import type { Cluster } from './link';
import type { Hub } from '../session/hub';
import type { OnEvent } from '../model/events';
import type { Revocations } from '../session/revocations';
import type { Report } from '../session/report';
import { ClusterNode } from './node';
import { DEFAULT_SETTINGS } from './settings';
import { hubReceiver } from './deliver';
import { localCluster } from './link';

/** What an attach or a sender knows of its cluster. */
export interface ClusterOptions {
  /** `undefined`: pushes stay in this process. */
  readonly broker: Broker | undefined;
  readonly name: string | undefined;
  readonly multiTenant: boolean;
  /** The sessions of this process; `undefined` for a node that only sends. */
  readonly hub: Hub | undefined;
  readonly revocations: Revocations;
  readonly startPolicy: 'degrade' | 'require';
  readonly startTimeoutMs: number;
  readonly relayMaxAgeMs: number;
  readonly maxBufferedBytes: number;
  readonly report: Report;
  readonly onEvent: OnEvent;
}

/** One character is at most three bytes of UTF-8; a header may list a great many users. */
const MAX_BYTES_PER_CHARACTER = 3;
const HEADER_BYTES = 1024 * 1024;

/** Starts this process's node under a new id, or, without a broker, none. */
export function openCluster(options: ClusterOptions): Cluster {
  const nodeId = randomBytes(9).toString('base64url');
  const { broker, name = '', multiTenant, hub, revocations, startPolicy, startTimeoutMs, report, onEvent } = options;
  if (broker === undefined) return localCluster(nodeId);
  const { relayMaxAgeMs, maxBufferedBytes } = options;
  const maxFrameBytes = Math.max(
    DEFAULT_SETTINGS.maxFrameBytes,
    maxBufferedBytes * MAX_BYTES_PER_CHARACTER + HEADER_BYTES,
  );
  return new ClusterNode({
    ...{ nodeId, name, broker, multiTenant, report, onEvent },
    receiver: hub === undefined ? undefined : hubReceiver(hub, revocations),
    startTimeoutMs: startPolicy === 'require' ? startTimeoutMs : undefined,
    settings: { ...DEFAULT_SETTINGS, relayMaxAgeMs, maxFrameBytes },
  });
}
