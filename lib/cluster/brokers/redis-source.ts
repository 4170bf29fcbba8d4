import type * as Driver from 'ioredis';
import type { Cluster, ClusterNode, Redis, RedisOptions } from 'ioredis';
import { parseBrokerUrl } from './broker-url';
import { optionError } from './check-options';
import { loadDriver } from './driver';
import type { LinkScope } from './link-scope';
import { keySlot } from './redis-slot';

/** A client of ioredis, `Redis` or `Cluster`. */
export interface RedisClient {
  readonly isCluster: boolean;
  duplicate(...args: never[]): unknown;
}

/** Where the servers are: exactly one of `redis`, `url`, `cluster` or `options` alone. */
export interface RedisAddress {
  /** A client of yours, for a single server, Sentinel or Cluster: its settings are copied, it is never used or closed. */
  readonly redis?: RedisClient | undefined;
  /** `redis://` or `rediss://` (TLS) `user:password@host:port/db`. */
  readonly url?: string | undefined;
  /** Some nodes of a Redis Cluster. */
  readonly cluster?: readonly ClusterNode[] | undefined;
  /** Options of ioredis: alone (with `host`, or `sentinels` and `name`), or added to `url` or to every node of `cluster`. */
  readonly options?: RedisOptions | undefined;
}

/** Servers to connect to, and what may be said of them. */
export interface RedisSource {
  /** Kind and address, without credentials. */
  readonly label: string;
  readonly isCluster: boolean;
  readonly secrets: readonly string[];
  /** Finds the server to use now, for the slot of `tag` in a Cluster; gives makers of unconnected clients for it. */
  locate(
    tag: string,
    scope: LinkScope,
    handleFault: (fault: unknown) => void,
  ): Promise<(settings: RedisOptions) => Redis>;
}

/**
 * Reads where the servers are.
 *
 * @throws ERR_REALTIME_OPTION when there is none, or more than one address.
 */
export function redisSource(address: RedisAddress): RedisSource {
  const { redis, url, cluster, options } = address;
  const given = [redis, url, cluster].filter((each) => each !== undefined).length;
  if (given > 1 || (redis && options) || (given === 0 && options === undefined)) {
    throw optionError(
      'redisBroker: give exactly one of redis, url, cluster or options (options may go with url or cluster)',
    );
  }
  if (redis) return givenSource(redis);
  if (cluster) return clusterSource(cluster, options);
  return singleSource(url, options ?? {});
}

function givenSource(client: RedisClient): RedisSource {
  if (typeof client.duplicate !== 'function' || typeof client.isCluster !== 'boolean') {
    throw optionError('redisBroker: redis must be a client of ioredis, Redis or Cluster');
  }
  if (client.isCluster) {
    // Told apart by `isCluster`; structural, so that a client of another copy of ioredis is taken too.
    const cluster = client as unknown as Cluster;
    const secrets = secretsOf(cluster.options.redisOptions ?? {});
    return { ...{ label: 'Redis Cluster', isCluster: true, secrets }, locate: locateOwner(() => cluster) };
  }
  const redis = client as unknown as Redis;
  return {
    label: labelOf(redis.options),
    isCluster: false,
    secrets: secretsOf(redis.options),
    locate: locateSingle(() => redis),
  };
}

function singleSource(url: string | undefined, options: RedisOptions): RedisSource {
  const parsed = url === undefined ? undefined : parseBrokerUrl('redisBroker', url, ['redis:', 'rediss:']);
  const make = once(() => {
    const driver = loadRedis();
    return parsed
      ? new driver.Redis(parsed.url.href, { ...options, ...lazy })
      : new driver.Redis({ ...options, ...lazy });
  });
  const secrets = [...(parsed?.secrets ?? []), ...secretsOf(options)];
  return { label: parsed?.label ?? labelOf(options), isCluster: false, secrets, locate: locateSingle(make) };
}

function clusterSource(nodes: readonly ClusterNode[], options: RedisOptions | undefined): RedisSource {
  if (nodes.length === 0) throw optionError('redisBroker: cluster must name at least one node');
  const make = once(
    () =>
      new (loadRedis().Cluster)([...nodes], {
        lazyConnect: true,
        redisOptions: { ...options, replyMapping: 'legacy' },
      }),
  );
  const label = `Redis Cluster ${nodes.map(nodeLabel).join(',')}`;
  return { label, isCluster: true, secrets: secretsOf(options ?? {}), locate: locateOwner(make) };
}

/** A single server or Sentinel: ioredis asks the Sentinels anew at each connect. */
function locateSingle(template: () => Redis): RedisSource['locate'] {
  return async () => {
    const redis = template();
    return (settings) => redis.duplicate(settings);
  };
}

/** A Cluster: asks it who owns the slot now, and leaves it again. */
function locateOwner(template: () => Cluster): RedisSource['locate'] {
  return async (tag, scope, handleFault) => {
    const cluster = template().duplicate([], {
      ...{ lazyConnect: true, clusterRetryStrategy: null, shardedSubscribers: false, scaleReads: 'master' },
      ...{ slotsRefreshTimeout: 2000, redisOptions: { connectTimeout: 2000, enableReadyCheck: false } },
    });
    scope.onEnd(() => cluster.disconnect());
    cluster.on('error', (fault: { readonly lastNodeError?: unknown }) => handleFault(fault.lastNodeError ?? fault));
    cluster.on('node error', handleFault);
    await cluster.connect();
    const owner = cluster.slots[keySlot(tag)]?.[0];
    const node = cluster.nodes('master').find(({ options }) => `${options.host}:${options.port}` === owner);
    cluster.disconnect();
    if (!node) throw new Error('no node of the Cluster owns the slot of this application at the moment');
    return (settings) => node.duplicate(settings);
  };
}

/** Never connected itself: a mould for the connections of each link. */
const lazy = { lazyConnect: true, replyMapping: 'legacy' } as const;

function loadRedis(): typeof Driver {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an optional package: loaded where it is needed
  return loadDriver('ioredis', () => require('ioredis') as typeof Driver);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function labelOf(options: RedisOptions): string {
  if (options.sentinels) {
    return `Redis master ${options.name ?? '?'} of Sentinel ${options.sentinels.map(nodeLabel).join(',')}`;
  }
  if (options.path) return `Redis ${options.path}`;
  return `${options.tls ? 'rediss' : 'redis'}://${options.host ?? 'localhost'}:${options.port ?? 6379}`;
}

function nodeLabel(node: ClusterNode): string {
  if (typeof node === 'number') return `localhost:${node}`;
  if (typeof node === 'object') return `${node.host ?? 'localhost'}:${node.port ?? 6379}`;
  return URL.canParse(node) ? new URL(node).host : 'node';
}

function secretsOf(options: {
  readonly password?: string | undefined;
  readonly sentinelPassword?: string | undefined;
}): string[] {
  return [options.password ?? '', options.sentinelPassword ?? ''].filter((secret) => secret !== '');
}
