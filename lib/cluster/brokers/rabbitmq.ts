import type * as Driver from 'amqplib';
import type { Options, SocketOptions } from 'amqplib';
import type { Broker } from './broker';
import { parseBrokerUrl } from './broker-url';
import { checkMs, checkOptionKeys, optionError } from './check-options';
import { loadDriver } from './driver';
import { LinkedBroker } from './linked-broker';
import type { LinkPlan } from './linked-broker';
import { isVhostRefusal, vhostError } from './rabbitmq-faults';
import { RabbitmqLink } from './rabbitmq-link';
import type { RabbitmqSource } from './rabbitmq-link';

/** Options of {@link rabbitmqBroker}. */
export interface RabbitmqBrokerOptions {
  /** `amqp://` or `amqps://` (TLS) `user:password@host:port/vhost`. This or `options`. */
  readonly url?: string | undefined;
  /** The same as an object of amqplib: `hostname`, `port`, `username`, `password`, `vhost` … */
  readonly options?: Options.Connect | undefined;
  /** Options of the socket, for `tls.connect` with amqps: `ca`, `cert`, `key`, `servername` … */
  readonly socket?: SocketOptions | undefined;
  /** A direct, non-durable exchange, made when it is missing. Default `realtime.<name>`. */
  readonly exchange?: string | undefined;
  /** A publish is settled within this time. Default 2,000. */
  readonly publishTimeoutMs?: number | undefined;
}

/**
 * Makes a broker on RabbitMQ with amqplib 2: one direct exchange, a server-named exclusive queue per node, publisher
 * confirms. All of it is made anew after a lost connection, a channel error or a deleted queue.
 *
 * At most once: while a node is cut off from RabbitMQ, what the others publish is lost to it.
 *
 * @throws ERR_REALTIME_OPTION for a wrong option. `start` rejects with ERR_REALTIME_BROKER_SETUP for a refused
 *   login, missing rights, an unknown vhost, an exchange of another type, a TLS fault or a missing `amqplib`.
 */
export function rabbitmqBroker(options: RabbitmqBrokerOptions): Broker {
  checkOptionKeys('rabbitmqBroker', options, optionKeys);
  const { exchange } = options;
  if (
    exchange !== undefined &&
    (typeof exchange !== 'string' || exchange === '' || Buffer.byteLength(exchange) > 255)
  ) {
    throw optionError('rabbitmqBroker: exchange must be a string of 1 to 255 bytes');
  }
  const source = rabbitmqSource(options);
  return new LinkedBroker({
    label: source.label,
    publishTimeoutMs: checkMs('rabbitmqBroker', 'publishTimeoutMs', options.publishTimeoutMs, 2000),
    maxInFlight: 500,
    open: openLinks(source, exchange),
  });
}

const optionKeys = ['url', 'options', 'socket', 'exchange', 'publishTimeoutMs'];
/** Seconds; a silent connection is given up by both sides after two to three of these. */
const heartbeat = 5;

function rabbitmqSource({ url, options, socket }: RabbitmqBrokerOptions): RabbitmqSource {
  if ((url === undefined) === (options === undefined)) {
    throw optionError('rabbitmqBroker: give exactly one of url or options');
  }
  const { address, label, secrets, login } = url === undefined ? fromOptions(options ?? {}) : fromUrl(url);
  return {
    ...{ label, secrets },
    connect: (signal) => {
      const amqplib = loadAmqplib();
      const credentials = login && amqplib.credentials.plain(login.user, login.password);
      // `signal` is Node's own option, handed through to `net.connect`; the types do not list it.
      const settings: SocketOptions & { readonly signal: AbortSignal } = {
        ...(credentials && { credentials }),
        ...socket,
        ...{ noDelay: true, signal },
      };
      return amqplib.connect(address, settings);
    },
  };
}

/** Opens links; a vhost that is refused three times in a row is unknown. */
function openLinks(source: RabbitmqSource, exchange: string | undefined): LinkPlan['open'] {
  let refusals = 0;
  return async (node, scope) => {
    try {
      const send = await new RabbitmqLink(source, exchange, node, scope).open();
      refusals = 0;
      return send;
    } catch (fault) {
      refusals = isVhostRefusal(fault) ? refusals + 1 : 0;
      throw refusals >= 3 ? vhostError(source) : fault;
    }
  };
}

interface Address {
  readonly address: string | Options.Connect;
  readonly label: string;
  readonly secrets: readonly string[];
  /** Of a URL: the driver decodes it as Latin-1, so that a password with an umlaut would be refused. */
  readonly login?: { readonly user: string; readonly password: string } | undefined;
}

function fromUrl(text: string): Address {
  const { url, label, secrets, login } = parseBrokerUrl('rabbitmqBroker', text, ['amqp:', 'amqps:']);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(heartbeat));
  return { address: url.href, label, secrets, login };
}

function fromOptions(options: Options.Connect): Address {
  const { protocol = 'amqp', hostname = 'localhost', port, vhost, password } = options;
  const usualPort = protocol === 'amqps' ? 5671 : 5672;
  const path = vhost === undefined || vhost === '/' ? '' : `/${encodeURIComponent(vhost)}`;
  return {
    address: { heartbeat, ...options, hostname },
    label: `${protocol}://${hostname}:${port ?? usualPort}${path}`,
    secrets: password ? [password] : [],
  };
}

function loadAmqplib(): typeof Driver {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an optional package: loaded where it is needed
  return loadDriver('amqplib', () => require('amqplib') as typeof Driver);
}
