import type { RevocationStore } from '../model/revocation';

/** The commands of an ioredis client that are used here. */
export interface RevocationRedis {
  zadd(key: string, score: number, member: string): Promise<unknown>;
  zremrangebyscore(key: string, min: string, max: number): Promise<unknown>;
  zrangebyscore(key: string, min: number, max: string): Promise<string[]>;
}

/**
 * Keeps revocations in Redis, in one sorted set by their end: known again after all processes were restarted.
 *
 * @param redis an ioredis client of the application's own; never closed here. With its data lost the list is lost:
 *   persistence (AOF) is Redis's to be set.
 * @param key default `express-realtime:revocations`; give each application its own.
 */
export function redisRevocations(redis: RevocationRedis, key = 'express-realtime:revocations'): RevocationStore {
  return {
    async keep(text, untilMs) {
      await redis.zadd(key, untilMs, text);
      await redis.zremrangebyscore(key, '-inf', Date.now());
    },
    load: () => redis.zrangebyscore(key, Date.now(), '+inf'),
  };
}
