import { describeValue, RealtimeError } from '../../model/errors';
import type { Broker } from './broker';
import { KafkaLinks } from './kafka-link';
import { LinkedBroker } from './linked-broker';
import { checkMs, checkOptionKeys, optionError } from './check-options';
import { refuseLarger } from './size-limit';

/** How to log in (SASL); other mechanisms go through an own `kafka` object. */
export interface KafkaLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** Either `brokers` or `kafka` is needed. */
export interface KafkaBrokerOptions {
  /** Addresses (`host:port`) to find the cluster by; one is enough, several survive the loss of one. */
  readonly brokers?: readonly string[];
  /**
   * A `Kafka` object of kafkajs, instead of `brokers`, `ssl`, `sasl`, `clientId` and `connectTimeoutMs`. Its connections are
   * the application's: after `close` with a broker that hangs they may keep the process for some seconds.
   */
  readonly kafka?: object;
  /** `true`, or the options of Node's `tls.connect`. Default: no TLS. */
  readonly ssl?: boolean | object;
  readonly sasl?: KafkaLogin;
  /** Default `express-realtime`. */
  readonly clientId?: string;
  /** Must exist. Default `<name>-realtime`. Several applications may share one. */
  readonly topic?: string;
  /** A publish is settled by then. Default 5000. */
  readonly publishTimeoutMs?: number;
  /** For the TCP and TLS connect. Default 1000, which fits one data centre. */
  readonly connectTimeoutMs?: number;
  /** A larger publish is refused. Default 1,000,000, a little below Kafka's own `message.max.bytes`. */
  readonly maxMessageBytes?: number;
}

const factory = 'kafkaBroker';
const keys = [
  'brokers',
  'kafka',
  'ssl',
  'sasl',
  'clientId',
  'topic',
  'publishTimeoutMs',
  'connectTimeoutMs',
  'maxMessageBytes',
];
/** Joining a group takes 3 s by itself (`group.initial.rebalance.delay.ms`), more where the coordinator loads. */
const openTimeoutMs = 15_000;
const endTimeoutMs = 3000;
/** Batches are made of what is in flight; its bytes are bounded by the queue. */
const maxInFlight = 10_000;

/**
 * Carries frames over one Kafka topic (kafkajs 2.2). Every node reads the whole topic, in a consumer group of its own
 * that lives as long as its connection; `to` is a header, so that others skip the message unread.
 *
 * @throws ERR_REALTIME_OPTION for an unknown key, a wrong type or a bad range.
 */
export function kafkaBroker(options: KafkaBrokerOptions): Broker {
  const { label, access, secrets, publishTimeoutMs, maxMessageBytes } = checkOptions(options);
  let links: KafkaLinks | undefined;
  const linked = new LinkedBroker({
    ...{ label, publishTimeoutMs, maxInFlight, openTimeoutMs, endTimeoutMs },
    open: (node, scope) => {
      links ??= new KafkaLinks({
        label,
        access,
        secrets,
        topic: topicFor(node.name, options.topic),
        publishTimeoutMs,
      });
      return links.open(node, scope);
    },
  });
  return refuseLarger(linked, maxMessageBytes);
}

function isTopic(topic: unknown): topic is string {
  return typeof topic === 'string' && /^[\w.-]{1,200}$/.test(topic);
}

function topicFor(name: string, topic = `${name}-realtime`): string {
  if (isTopic(topic)) return topic;
  const message = `${JSON.stringify(topic)} cannot be a topic of Kafka, where only letters, digits, ".", "_" and "-" may stand: give the option topic`;
  throw new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}

function checkOptions(options: KafkaBrokerOptions) {
  checkOptionKeys(factory, options, keys);
  const { brokers, kafka, ssl = false, sasl, clientId = 'express-realtime', maxMessageBytes = 1_000_000 } = options;
  if ((brokers === undefined) === (kafka === undefined)) throw optionError(`${factory}: give either brokers or kafka`);
  if (brokers !== undefined && !isAddressList(brokers)) {
    throw optionError(`${factory}: brokers must be a list of host:port, got ${describeValue(brokers)}`);
  }
  if (kafka !== undefined && !isKafka(kafka)) throw optionError(`${factory}: kafka must be a Kafka object of kafkajs`);
  if (options.topic !== undefined && !isTopic(options.topic)) {
    throw optionError(
      `${factory}: topic must be letters, digits, ".", "_" or "-", got ${describeValue(options.topic)}`,
    );
  }
  if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 1) {
    throw optionError(
      `${factory}: maxMessageBytes must be a whole number, at least 1, got ${describeValue(maxMessageBytes)}`,
    );
  }
  const login = sasl && checkLogin(sasl);
  const connectionTimeout = checkMs(factory, 'connectTimeoutMs', options.connectTimeoutMs, 1000);
  return {
    label: brokers ? `kafka://${brokers.join(',')}` : 'kafka',
    access: { kafka, config: { brokers, ssl, clientId, connectionTimeout, ...(login && { sasl: login }) } },
    secrets: login ? [login.password] : [],
    publishTimeoutMs: checkMs(factory, 'publishTimeoutMs', options.publishTimeoutMs, 5000),
    maxMessageBytes,
  };
}

function isKafka(kafka: unknown): boolean {
  return typeof kafka === 'object' && kafka !== null && 'producer' in kafka && 'consumer' in kafka && 'admin' in kafka;
}

function isAddressList(brokers: unknown): boolean {
  const isAddress = (address: unknown): boolean => typeof address === 'string' && /^[^\s,@/]+:\d{1,5}$/.test(address);
  return Array.isArray(brokers) && brokers.length > 0 && brokers.every(isAddress);
}

function checkLogin(sasl: KafkaLogin): KafkaLogin {
  checkOptionKeys(`${factory}: sasl`, sasl, ['mechanism', 'username', 'password']);
  const { mechanism, username, password } = sasl;
  if (!['plain', 'scram-sha-256', 'scram-sha-512'].includes(mechanism)) {
    throw optionError(`${factory}: sasl.mechanism must be plain, scram-sha-256 or scram-sha-512`);
  }
  if (typeof username !== 'string' || typeof password !== 'string') {
    throw optionError(`${factory}: sasl.username and sasl.password must be strings`);
  }
  return { mechanism, username, password };
}
