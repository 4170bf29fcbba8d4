import { describeValue, RealtimeError } from '../../model/errors';
import type { Broker } from './broker';
import { checkMs, checkOptionKeys, optionError } from './check-options';
import { LinkedBroker } from './linked-broker';
import { RocketmqLink, RocketmqState } from './rocketmq-link';
import type { RocketmqPlan } from './rocketmq-link';
import { refuseLarger } from './size-limit';

/** What the proxy lets in, where it asks (ACL). */
export interface RocketmqCredentials {
  readonly accessKey: string;
  readonly accessSecret: string;
  readonly securityToken?: string;
}

/** Options of {@link rocketmqBroker}. */
export interface RocketmqBrokerOptions {
  /** The proxy: `host:port`, several with `;` between them. */
  readonly endpoints: string;
  /**
   * Which of the provisioned consumer groups this process uses: 0, 1, 2 … or a name, the same after a restart, never shared
   * by two live processes (`start` rejects then). With Kubernetes: the ordinal of a StatefulSet.
   */
  readonly slot: number | string;
  /** Must exist, with one queue or of type FIFO. Default `<name>-realtime`. */
  readonly topic?: string;
  /** The consumer group is `<groupPrefix><slot>` and must exist. Default `<name>-realtime-`. */
  readonly groupPrefix?: string;
  readonly credentials?: RocketmqCredentials;
  /** Default: no TLS. */
  readonly ssl?: boolean;
  /** Of the RocketMQ instance, where there is one. */
  readonly namespace?: string;
  /** A publish is settled by then. Default 3000. */
  readonly publishTimeoutMs?: number;
}

const factory = 'rocketmqBroker';
const keys = ['endpoints', 'slot', 'topic', 'groupPrefix', 'credentials', 'ssl', 'namespace', 'publishTimeoutMs'];
/** The broker's own limit is 4 MB, as installed. */
const maxMessageBytes = 4_000_000;
/** Messages are made of what is in flight; its bytes are bounded by the queue. */
const maxInFlight = 10_000;
/** Longer than the link itself waits for its first probe behind a backlog. */
const openTimeoutMs = 60_000;
const endTimeoutMs = 3000;

/**
 * Makes a broker on RocketMQ 5, over its proxy, with rocketmq-client-nodejs 1.0.8. Every node has a consumer group of its
 * own, named by its slot; topic and groups are provisioned, see rocketmq.md.
 *
 * At least once: what is published while a node is away waits in its group, and a broker that died repeats some.
 *
 * @throws ERR_REALTIME_OPTION for a wrong option. `start` rejects with ERR_REALTIME_BROKER_SETUP for a missing topic or
 *   group, a refused login or a missing driver, with ERR_REALTIME_GROUP_SHARED when the slot is in use.
 */
export function rocketmqBroker(options: RocketmqBrokerOptions): Broker {
  const { label, access, slot, secrets, publishTimeoutMs } = checkOptions(options);
  let plan: RocketmqPlan | undefined;
  const linked = new LinkedBroker({
    ...{ label, publishTimeoutMs, maxInFlight, openTimeoutMs, endTimeoutMs },
    open: (node, scope) => {
      plan ??= {
        ...{ label, access, slot, secrets, publishTimeoutMs, state: new RocketmqState() },
        topic: nameFor('topic', options.topic ?? `${node.name}-realtime`),
        group: nameFor('groupPrefix', `${options.groupPrefix ?? `${node.name}-realtime-`}${slot}`),
      };
      return new RocketmqLink(plan, node, scope).open();
    },
  });
  return refuseLarger(linked, maxMessageBytes);
}

function checkOptions(options: RocketmqBrokerOptions) {
  checkOptionKeys(factory, options, keys);
  const { endpoints, slot, credentials, ssl = false, namespace = '' } = options;
  const address = /^[^\s,;@/]+:\d{1,5}(;[^\s,;@/]+:\d{1,5})*$/;
  if (typeof endpoints !== 'string' || !address.test(endpoints)) {
    throw optionError(`${factory}: endpoints must be host:port of the proxy, got ${describeValue(endpoints)}`);
  }
  if (!/^[\w-]{1,32}$/.test(String(slot)) || !['number', 'string'].includes(typeof slot)) {
    throw optionError(
      `${factory}: slot must be a number or a short name of letters, digits, "_" or "-", got ${describeValue(slot)}`,
    );
  }
  checkName('topic', options.topic);
  checkName('groupPrefix', options.groupPrefix);
  const login = credentials && checkCredentials(credentials);
  return {
    label: `rocketmq://${endpoints}`,
    access: { endpoints, sslEnabled: ssl, namespace, ...(login && { sessionCredentials: login }) },
    slot: String(slot),
    secrets: login ? [login.accessSecret, login.securityToken ?? ''] : [],
    publishTimeoutMs: checkMs(factory, 'publishTimeoutMs', options.publishTimeoutMs, 3000),
  };
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && /^[\w%|-]{1,120}$/.test(name);
}

function checkName(key: string, name: unknown): void {
  if (name === undefined || isName(name)) return;
  throw optionError(`${factory}: ${key} must be letters, digits, "_", "-", "|" or "%", got ${describeValue(name)}`);
}

function nameFor(key: string, name: string): string {
  if (isName(name)) return name;
  const message = `${JSON.stringify(name)} cannot be a name in RocketMQ, where only letters, digits, "_", "-", "|" and "%" may stand: give the option ${key}`;
  throw new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}

function checkCredentials(credentials: RocketmqCredentials): RocketmqCredentials {
  checkOptionKeys(`${factory}: credentials`, credentials, ['accessKey', 'accessSecret', 'securityToken']);
  for (const [key, value] of Object.entries(credentials)) {
    if (typeof value !== 'string') throw optionError(`${factory}: credentials.${key} must be a string`);
  }
  return credentials;
}
