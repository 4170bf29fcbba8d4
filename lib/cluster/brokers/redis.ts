import type { Broker } from './broker';
import { checkMs, checkOptionKeys, optionError } from './check-options';
import { LinkedBroker } from './linked-broker';
import { RedisLink } from './redis-link';
import { redisSource } from './redis-source';
import type { RedisAddress } from './redis-source';

export type { RedisAddress, RedisClient } from './redis-source';

/** Options of {@link redisBroker}. */
export interface RedisBrokerOptions extends RedisAddress {
  /** A publish is settled within this time. Default 2,000. */
  readonly publishTimeoutMs?: number | undefined;
  /** Channels are `<prefix>:{<name>}:…`; an ACL may be limited to that pattern. Default `realtime`. */
  readonly channelPrefix?: string | undefined;
}

/**
 * Makes a broker on Redis Pub/Sub with ioredis 6: a single server, Sentinel, or Cluster (there with sharded Pub/Sub
 * from Redis 7 on). It opens two connections of its own, also beside a client that is handed in.
 *
 * At most once: while a node is cut off from Redis, what the others publish is lost to it.
 *
 * @throws ERR_REALTIME_OPTION for a wrong option. `start` rejects with ERR_REALTIME_BROKER_SETUP for a refused
 *   login, missing rights, a TLS fault or a missing `ioredis`.
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  checkOptionKeys('redisBroker', options, optionKeys);
  const { channelPrefix = 'realtime' } = options;
  if (typeof channelPrefix !== 'string' || !/^[^\s{}*?[\]\\]{1,64}$/.test(channelPrefix)) {
    throw optionError('redisBroker: channelPrefix must be 1 to 64 characters without blanks and without {}*?[]\\');
  }
  const source = redisSource(options);
  return new LinkedBroker({
    label: source.label,
    publishTimeoutMs: checkMs('redisBroker', 'publishTimeoutMs', options.publishTimeoutMs, 2000),
    maxInFlight: 1000,
    open: (node, scope) => new RedisLink(source, channelPrefix, node, scope).open(),
  });
}

const optionKeys = ['redis', 'url', 'cluster', 'options', 'publishTimeoutMs', 'channelPrefix'];
