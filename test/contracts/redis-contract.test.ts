import { redisBroker } from '../../lib/cluster/brokers/redis';
import { FaultProxy } from '../servers/fault-proxy';
import { missingRedis, startRedis } from '../servers/redis';
import type { RedisServer } from '../servers/redis';
import { describeWithServer } from '../servers/server';
import { proxiedNetwork } from './proxied-network';
import { itKeepsTheContract } from './describe-contract';

describeWithServer('broker contract: Redis', missingRedis(), () => {
  let redis: RedisServer;
  let proxy: FaultProxy;

  before(async () => {
    redis = await startRedis();
    proxy = await FaultProxy.start(redis.port);
  });

  after(async () => {
    await proxy?.stop();
    await redis?.stop();
  });

  itKeepsTheContract({
    create: () => redisBroker({ url: redis.url }),
    leftovers: (name) => channelsOf(redis, name),
    faults: {
      kill: () => redis.server.kill(),
      restart: () => redis.server.restart(),
      freeze: () => redis.server.freeze(),
      thaw: () => redis.server.thaw(),
    },
    network: proxiedNetwork(
      () => proxy,
      (port) => redisBroker({ url: `redis://127.0.0.1:${port}` }),
    ),
    limits: { publishMs: 2500, noticeMs: 7000 },
  });
});

async function channelsOf(redis: RedisServer, name: string): Promise<string[]> {
  const client = redis.connect();
  try {
    await client.connect();
    return (await client.pubsub('CHANNELS', `*{${name}}*`)) as string[];
  } finally {
    client.disconnect();
  }
}
