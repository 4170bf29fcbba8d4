import type { Broker } from './broker';
import { RealtimeError } from '../../model/errors';
import { kafkaBroker } from './kafka';
import type { KafkaLogin } from './kafka';
import { localBroker } from './local';
import { rabbitmqBroker } from './rabbitmq';
import { redisBroker } from './redis';
import { rocketmqBroker } from './rocketmq';

const FORMS = [
  'local:',
  'redis://host:6379 (rediss: for TLS)',
  'amqp://user:password@host:5672/vhost (amqps: for TLS)',
  'kafka://host:9092,host2:9092?topic=shop-realtime (kafka+ssl: for TLS)',
  'rocketmq://host:8081?slot=0&topic=shop-realtime (rocketmq+ssl: for TLS)',
].join('; ');

/**
 * Makes the broker that a URL names, so that a deployment chooses it: `brokerFromUrl(process.env.BROKER)`. Empty or
 * undefined is {@link localBroker}. Drivers are loaded at start, and only the one that is used.
 *
 * @param url `local:`, `redis:`, `rediss:`, `amqp:`, `amqps:`, `kafka:`, `kafka+ssl:`, `rocketmq:` or `rocketmq+ssl:`.
 *   Parameters: `topic` (Kafka, RocketMQ), `mechanism` (Kafka; default `plain`), `exchange` (RabbitMQ), `slot` and `groupPrefix` (RocketMQ).
 * @throws RealtimeError `ERR_REALTIME_OPTION` for another URL; never repeats it, since it may hold a password.
 */
export function brokerFromUrl(url: string | undefined): Broker {
  if (url === undefined || url === '' || url === 'local' || url === 'local:') return localBroker();
  const scheme = /^([a-z+]+):/.exec(url)?.[1];
  switch (scheme) {
    case 'redis':
    case 'rediss':
      return redisBroker({ url });
    case 'amqp':
    case 'amqps':
      return fromAmqp(url);
    case 'kafka':
    case 'kafka+ssl':
      return fromKafka(url, scheme === 'kafka+ssl');
    case 'rocketmq':
    case 'rocketmq+ssl':
      return fromRocketmq(url, scheme === 'rocketmq+ssl');
    default:
      throw new RealtimeError('ERR_REALTIME_OPTION', `brokerFromUrl: the URL must be one of: ${FORMS}`);
  }
}

function fromAmqp(url: string): Broker {
  const { rest, parameters } = parse(url);
  const exchange = parameters.get('exchange');
  parameters.delete('exchange');
  const left = parameters.toString();
  const plain = left === '' ? `${schemeOf(url)}://${rest}` : `${schemeOf(url)}://${rest}?${left}`;
  return rabbitmqBroker(exchange === null ? { url: plain } : { url: plain, exchange });
}

function fromKafka(url: string, ssl: boolean): Broker {
  const { login, hosts, parameters } = parse(url);
  const topic = parameters.get('topic');
  // kafkaBroker refuses any other.
  const mechanism = (parameters.get('mechanism') ?? 'plain') as KafkaLogin['mechanism'];
  return kafkaBroker({
    brokers: hosts,
    ...(ssl ? { ssl } : {}),
    ...(login === undefined ? {} : { sasl: { mechanism, ...login } }),
    ...(topic === null ? {} : { topic }),
  });
}

function fromRocketmq(url: string, ssl: boolean): Broker {
  const { login, hosts, parameters } = parse(url);
  const [topic, groupPrefix] = [parameters.get('topic'), parameters.get('groupPrefix')];
  const slot = parameters.get('slot');
  if (slot === null) {
    throw new RealtimeError(
      'ERR_REALTIME_OPTION',
      'brokerFromUrl: rocketmq needs ?slot=, a number of its own for each process',
    );
  }
  return rocketmqBroker({
    endpoints: hosts.join(';'),
    slot,
    ...(ssl ? { ssl } : {}),
    ...(login === undefined ? {} : { credentials: { accessKey: login.username, accessSecret: login.password } }),
    ...(topic === null ? {} : { topic }),
    ...(groupPrefix === null ? {} : { groupPrefix }),
  });
}

interface Parts {
  readonly login: { readonly username: string; readonly password: string } | undefined;
  /** All between the scheme and the parameters. */
  readonly rest: string;
  readonly hosts: readonly string[];
  readonly parameters: URLSearchParams;
}

/** By hand, since `URL` knows no list of hosts. */
function parse(url: string): Parts {
  const [rest = '', query = ''] = url.slice(schemeOf(url).length + 3).split('?', 2);
  const at = rest.lastIndexOf('@');
  const [username = '', ...password] = at === -1 ? [] : rest.slice(0, at).split(':');
  return {
    login:
      at === -1
        ? undefined
        : { username: decodeURIComponent(username), password: decodeURIComponent(password.join(':')) },
    rest,
    hosts: (rest.slice(at + 1).split('/', 1)[0] ?? '').split(','),
    parameters: new URLSearchParams(query),
  };
}

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':'));
}
