import { rmSync } from 'node:fs';
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Suite } from 'mocha';
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import { redisBroker } from '../../lib/cluster/brokers/redis';
import { keySlot } from '../../lib/cluster/brokers/redis-slot';
import { newName } from '../../lib/testing/contract-node';
import { missingRedis, startRedis, startRedisCluster, startRedisSentinel } from '../servers/redis';
import type { RedisCluster, RedisSentinel, RedisServer } from '../servers/redis';
import { describeWithServer } from '../servers/server';
import { makeTlsFiles, missingTls } from '../servers/tls';
import type { TlsFiles } from '../servers/tls';
import { closeNodes, publishError, say, startFails, startNode, startTwo, startWaits } from './nodes';

describeWithServer('redisBroker on Sentinel', missingRedis(), function (this: Suite) {
  this.timeout(30_000);
  let sentinel: RedisSentinel;

  before(async () => {
    sentinel = await startRedisSentinel();
  });

  after(() => sentinel?.stop());
  afterEach(closeNodes);

  const broker = (name = 'shop') =>
    redisBroker({ options: { sentinels: [{ host: '127.0.0.1', port: sentinel.sentinelPort }], name } });

  it('says so when no Sentinel knows the master by that name', async () => {
    const cause = await startWaits(broker('shoq'), 3000);
    expect(cause.message).to.contain('Redis master shoq of Sentinel').and.contain('Sentinel');
  });

  it('follows a failover: nobody stays on the demoted master', async () => {
    const name = newName();
    const nodes = [await startNode(broker(), name), await startNode(broker(), name)];
    await sentinel.failover();
    for (const node of nodes) {
      await node.until(() => node.states.length >= 3 && node.state === 'up', 10_000, 'moved to the new master');
    }
    for (const node of nodes) await say(node, `${node.id} on the new master`);
    for (const node of nodes) for (const { id } of nodes) await node.hears(`${id} on the new master`, 2000);
    const old = sentinel.first.connect();
    await old.connect();
    expect(await old.pubsub('CHANNELS', 'realtime*')).to.deep.equal([]);
    old.disconnect();
  });
});

describeWithServer('redisBroker on Cluster', missingRedis(), function (this: Suite) {
  this.timeout(30_000);
  let cluster: RedisCluster;
  let admins: Redis[];

  before(async () => {
    cluster = await startRedisCluster();
    admins = cluster.nodes.map((node) => node.connect());
    await Promise.all(admins.map((admin) => admin.connect()));
  });

  after(async () => {
    for (const admin of admins ?? []) admin.disconnect();
    await cluster?.stop();
  });

  afterEach(closeNodes);

  const startNodes = () => cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const onCluster = (count = 3) => redisBroker({ cluster: startNodes().slice(0, count) });
  const shardChannels = async (): Promise<string[][]> =>
    Promise.all(admins.map(async (admin) => (await admin.call('PUBSUB', 'SHARDCHANNELS')) as string[]));

  it('computes slots as the server does', async () => {
    for (const tag of ['shop', 'ä', '123456789', newName()]) {
      expect(keySlot(tag)).to.equal(await admins[0]?.call('CLUSTER', 'KEYSLOT', `x:{${tag}}:y`));
    }
  });

  it('uses sharded Pub/Sub: the channels of an application are on the one node that owns its slot', async () => {
    const names = [newName(), newName(), newName(), newName()];
    for (const name of names) {
      const [sender, other] = await startTwo(onCluster(1), onCluster(1), name);
      await say(sender, 'hello');
      await other.hears('hello', 2000);
    }
    const channels = await shardChannels();
    for (const name of names) {
      const holders = channels.filter((each) => each.includes(`realtime:{${name}}:all`));
      expect(holders).to.have.length(1);
    }
    const classic = await Promise.all(admins.map((admin) => admin.pubsub('CHANNELS', 'realtime*')));
    expect(classic.flat()).to.deep.equal([]);
  });

  it('takes a Cluster client that is handed in, and leaves it open', async () => {
    const client = new Cluster(startNodes());
    const node = await startNode(redisBroker({ redis: client }));
    await say(node, 'hello');
    await node.hears('hello', 2000);
    expect(await publishError(node, 'anybody?', ['nobody'])).to.have.property('code', 'ERR_REALTIME_BROKER');
    await node.broker.close();
    expect(await client.set('still', 'open')).to.equal('OK');
    client.disconnect();
  });

  it('a user limited to the channels of this package and to five commands is enough', async () => {
    const rules = ['on', '>hunter-2', 'resetchannels', '&realtime:*', '-@all', '+publish', '+subscribe'];
    for (const admin of admins) {
      await admin.call('ACL', 'SETUSER', 'limited', ...rules, '+spublish', '+ssubscribe', '+cluster');
    }
    const options = { username: 'limited', password: 'hunter-2' };
    const limited = () => redisBroker({ cluster: startNodes(), options });
    const [sender, other] = await startTwo(limited(), limited());
    await say(sender, 'hello');
    await other.hears('hello', 2000);
    const error = await startFails(
      redisBroker({ cluster: startNodes(), options: { ...options, password: 'hunter-3' } }),
    );
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(inspect(error, { depth: 9, showHidden: true }))
      .to.contain('check user and password')
      .and.not.contain('hunter');
  });

  it('follows its slot to another server', async () => {
    const name = newName();
    const nodes = await startTwo(onCluster(), onCluster(), name);
    const from = (await shardChannels()).findIndex((each) => each.includes(`realtime:{${name}}:all`));
    await moveSlot(admins, keySlot(name), from, (from + 1) % 3);
    for (const node of nodes) await node.until(() => node.states.length >= 3 && node.state === 'up', 8000, 'moved');
    await say(nodes[0], 'moved');
    await nodes[1].hears('moved', 2000);
  });

  it('a single server that is no Cluster is told so', async () => {
    const single = await startRedis();
    try {
      const error = await startFails(redisBroker({ cluster: [{ host: '127.0.0.1', port: single.port }] }));
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.contain('no Redis Cluster');
    } finally {
      await single.stop();
    }
  });

  it('a plain URL of one node of a Cluster works too', async () => {
    const [first, second] = cluster.nodes.map(({ url }) => redisBroker({ url }));
    if (!first || !second) throw new Error('too few nodes');
    const [sender, other] = await startTwo(first, second);
    await say(sender, 'over the bus');
    await other.hears('over the bus', 2000);
    await say(sender, 'for you', [other.id]);
    await other.hears('for you', 2000);
  });
});

async function moveSlot(admins: readonly Redis[], slot: number, from: number, to: number): Promise<void> {
  const [source, target] = [admins[from], admins[to]];
  if (!source || !target) throw new Error('no such node');
  const [sourceId, targetId] = [await clusterId(source), await clusterId(target)];
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
  for (const each of [target, source, ...admins]) await each.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
}

async function clusterId(admin: Redis): Promise<string> {
  return String(await admin.call('CLUSTER', 'MYID'));
}

describeWithServer('redisBroker over TLS', missingRedis() ?? missingTls(), function (this: Suite) {
  this.timeout(20_000);
  let files: TlsFiles;
  let redis: RedisServer;

  before(async () => {
    files = makeTlsFiles();
    redis = await startRedis({ tls: files });
  });

  after(async () => {
    await redis?.stop();
    if (files) rmSync(files.folder, { recursive: true });
  });

  afterEach(closeNodes);

  it('connects with rediss:// and the authority given', async () => {
    const node = await startNode(redisBroker({ url: redis.url, options: { tls: { ca: files.ca } } }));
    await say(node, 'hello');
    await node.hears('hello', 2000);
  });

  it('refuses a certificate of an unknown authority, and says what to check', async () => {
    const error = await startFails(redisBroker({ url: redis.url }));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('TLS failed');
  });

  it('without TLS: told "down" with a hint at rediss://', async () => {
    const cause = await startWaits(redisBroker({ url: `redis://127.0.0.1:${redis.port}` }), 3000);
    expect(cause.message).to.contain('rediss://');
  });

  it('TLS to a server that speaks none: told "down" within seconds, with a hint at TLS', async () => {
    const plain = await startRedis();
    try {
      const cause = await startWaits(redisBroker({ url: `rediss://127.0.0.1:${plain.port}` }), 6000);
      expect(cause.message).to.contain('does it want TLS');
    } finally {
      await plain.stop();
    }
  });
});
