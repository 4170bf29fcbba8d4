import type * as Driver from 'amqplib';
import type { ChannelModel, Options, SocketOptions } from 'amqplib';
import { parseBrokerUrl } from './broker-url';
import { optionError } from './check-options';
import { loadDriver } from './driver';

/** Where the server is: `url` or `options`. */
export interface RabbitmqAddress {
  /** `amqp://` or `amqps://` (TLS) `user:password@host:port/vhost`. This or `options`. */
  readonly url?: string | undefined;
  /** The same as an object of amqplib: `hostname`, `port`, `username`, `password`, `vhost` … */
  readonly options?: Options.Connect | undefined;
  /** Options of the socket, for `tls.connect` with amqps: `ca`, `cert`, `key`, `servername` … */
  readonly socket?: SocketOptions | undefined;
}

/** A server to connect to, and what may be said of it. */
export interface RabbitmqSource {
  /** Kind and address, without credentials. */
  readonly label: string;
  readonly secrets: readonly string[];
  /** Aborting the signal destroys the socket, in a way that the driver notices. */
  connect(signal: AbortSignal): Promise<ChannelModel>;
}

/** Seconds; a silent connection is given up by both sides after two to three of these. */
const heartbeat = 5;

/**
 * Reads where the server is.
 *
 * @throws ERR_REALTIME_OPTION when there is none, or more than one address.
 */
export function rabbitmqSource({ url, options, socket }: RabbitmqAddress): RabbitmqSource {
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
