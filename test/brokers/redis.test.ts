import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Suite } from 'mocha';
import { Redis } from 'ioredis';
import { redisBroker } from '../../lib/cluster/brokers/redis';
import { newName } from '../../lib/testing/contract-node';
import { FaultProxy } from '../servers/fault-proxy';
import { missingRedis, startRedis } from '../servers/redis';
import type { RedisServer } from '../servers/redis';
import { describeWithServer, freePort } from '../servers/server';
import { withoutPackage } from './hide-package';
import { closeNodes, nodeOn, publishError, say, startFails, startNode, startTwo, startWaits } from './nodes';
import { itSurvivesOutages } from './outage-cases';

const secret = 'hunter-2/é';

describe('redisBroker options', () => {
  it('refuses no address and two addresses', () => {
    for (const options of [{}, { url: 'redis://localhost', cluster: [] }, { redis: undefined }]) {
      expect(() => redisBroker(options)).to.throw('exactly one of redis, url, cluster or options');
    }
  });

  it('names an unknown option and the nearest known one', () => {
    const options = { url: 'redis://localhost', publishTimeout: 5 };
    expect(() => redisBroker(options)).to.throw('unknown option "publishTimeout"; did you mean publishTimeoutMs?');
  });

  it('refuses a URL of another protocol without repeating it', () => {
    expect(() => redisBroker({ url: `http://user:${secret}@localhost` }))
      .to.throw('url must be redis://host:port or rediss://host:port')
      .with.property('message')
      .that.does.not.contain('hunter');
  });

  it('refuses a channel prefix that is a pattern, and a client that is none', () => {
    expect(() => redisBroker({ url: 'redis://localhost', channelPrefix: 'a*' })).to.throw('channelPrefix');
    expect(() => redisBroker({ redis: {} as Redis })).to.throw('must be a client of ioredis');
  });

  it('names the package to install when ioredis is missing', async () => {
    const error = await withoutPackage('ioredis', () => startFails(redisBroker({ url: 'redis://localhost:1' })));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('npm install ioredis');
  });
});

describeWithServer('redisBroker', missingRedis(), function (this: Suite) {
  this.timeout(20_000);
  let redis: RedisServer;
  let admin: Redis;

  before(async () => {
    const users = [
      `user default on nopass ~* &* +@all`,
      `user limited on >${secret} resetchannels &realtime:* -@all +publish +subscribe`,
      `user deaf on >${secret} resetchannels -@all +publish +subscribe`,
    ];
    redis = await startRedis({ users });
    admin = redis.connect();
    await admin.connect();
  });

  after(async () => {
    admin?.disconnect();
    await redis?.stop();
  });

  afterEach(closeNodes);

  const urlOf = (user: string, password: string): string =>
    `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`;

  it('a wrong password: start is refused at once, says what to check, and shows the password nowhere', async () => {
    const broker = redisBroker({ url: urlOf('limited', 'hunter-3/é') });
    const error = await startFails(broker);
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain(`127.0.0.1:${redis.port}: the login was refused: check user and password`);
    const shown = [error, broker].map((each) => inspect(each, { depth: 9, showHidden: true })).join() + broker.label;
    expect(shown).to.not.match(/hunter/);
  });

  it('a user limited to the channels of this package and to four commands is enough', async () => {
    const limited = () => redisBroker({ url: urlOf('limited', secret) });
    const [sender, other] = await startTwo(limited(), limited());
    await say(sender, 'hello');
    await other.hears('hello', 2000);
  });

  it('a user without rights on the channels: start is refused with the ACL rule to add', async () => {
    const error = await startFails(redisBroker({ url: urlOf('deaf', secret) }), 'shop');
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain("'&realtime:{shop}:*' +publish +subscribe").and.not.contain('hunter');
  });

  it('a wrong address: told "down" at once, with the address and what to check', async () => {
    const port = await freePort();
    const cause = await startWaits(
      redisBroker({ url: `redis://user:${encodeURIComponent(secret)}@127.0.0.1:${port}` }),
      2000,
    );
    expect(cause.message).to.contain(`127.0.0.1:${port}`).and.contain('is the address right').and.not.contain('hunter');
  });

  it('something that is no Redis: start is refused and says so', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const error = await startFails(redisBroker({ url: `redis://127.0.0.1:${port}` }));
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.contain('no Redis');
    } finally {
      server.close();
    }
  });

  it('a client that is handed in is neither used nor closed, and need not be connected', async () => {
    const client = new Redis({ port: redis.port, host: '127.0.0.1', lazyConnect: true, keyPrefix: 'mine:' });
    const node = await startNode(redisBroker({ redis: client }));
    await say(node, 'hello');
    await node.hears('hello', 2000);
    expect(client.status).to.equal('wait');
    await client.connect();
    await node.broker.close();
    expect(await client.ping()).to.equal('PONG');
    client.disconnect();
  });

  it('its connections carry the name of the application', async () => {
    const node = await startNode(redisBroker({ url: redis.url }));
    const clients = String(await admin.client('LIST'));
    expect(clients.split('\n').filter((line) => line.includes(`name=express-realtime:${node.name} `))).to.have.length(
      2,
    );
  });

  it('a name of any characters has channels of its own', async () => {
    const names = ['a:b', 'a', '{a}', 'a}:all', 'ä*?', 'a b'].map((name) => `${newName()}${name}`);
    const nodes = [];
    for (const name of names) nodes.push(await startNode(redisBroker({ url: redis.url }), name));
    for (const node of nodes) await say(node, node.name);
    for (const node of nodes) await node.hears(node.name, 2000);
    for (const node of nodes) expect(node.texts).to.deep.equal([node.name]);
  });

  it('a send to a node that is gone is refused, not called a success', async () => {
    const [node, gone] = await startTwo(redisBroker({ url: redis.url }), redisBroker({ url: redis.url }));
    await gone.broker.close();
    expect(await publishError(node, 'anybody there?', [gone.id])).to.have.property('code', 'ERR_REALTIME_BROKER');
  });

  it('a subscriber that an administrator kills: "down", then "up" and hearing again, without a new start', async () => {
    const node = await startNode(redisBroker({ url: redis.url }));
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await node.until(() => node.states.length === 3, 3000, 'was up again');
    await say(node, 'again');
    await node.hears('again', 2000);
    expect(node.states.map(({ state }) => state)).to.deep.equal(['up', 'down', 'up']);
  });

  it('a demoted master that still takes PUBLISH is noticed, and left alone until it is a master again', async () => {
    const node = await startNode(redisBroker({ url: redis.url }));
    await admin.call('REPLICAOF', '127.0.0.1', String(await freePort()));
    try {
      expect(await admin.publish('any', 'thing')).to.equal(0);
      await node.is('down', 6000);
      expect(node.states.at(-1)?.cause?.message).to.match(/the server is a (replica|slave)/);
      expect(await publishError(node, 'to nobody')).to.have.property('code', 'ERR_REALTIME_BROKER');
    } finally {
      await admin.call('REPLICAOF', 'NO', 'ONE');
    }
    await node.is('up', 3000);
    await say(node, 'master again');
    await node.hears('master again', 2000);
  });

  describe('behind a bad network', () => {
    let proxy: FaultProxy;

    beforeEach(async () => {
      proxy = await FaultProxy.start(redis.port);
    });

    afterEach(async () => {
      await closeNodes();
      await proxy.stop();
    });

    const throughProxy = (publishTimeoutMs?: number) =>
      redisBroker({ url: `redis://127.0.0.1:${proxy.port}`, publishTimeoutMs });

    itSurvivesOutages(() => proxy, throughProxy);

    it('what waits for a stalled server is bounded: at 64 MiB a publish is refused at once', async () => {
      const node = await startNode(throughProxy(1000));
      proxy.pause('toServer');
      const big = Buffer.alloc(1024 * 1024);
      const outcomes = await Promise.allSettled(Array.from({ length: 70 }, () => node.broker.publish(big, 'all')));
      const reasons = outcomes.map((each) => (each.status === 'rejected' ? String(each.reason) : ''));
      expect(reasons.filter((reason) => reason.includes('bytes wait for its answer'))).to.have.length(6);
      expect(reasons.filter((reason) => reason.includes('within 1000 ms'))).to.have.length(64);
    });

    it('a subscriber that Redis drops for reading too slowly: "down", then hearing again', async () => {
      await admin.config('SET', 'client-output-buffer-limit', 'pubsub 1mb 512kb 5');
      const name = newName();
      const slow = await startNode(throughProxy(), name);
      const sender = await startNode(redisBroker({ url: redis.url }), name);
      proxy.pause('toClient');
      const flood = Array.from({ length: 300 }, () => sender.broker.publish(Buffer.alloc(100_000), [slow.id]));
      await Promise.allSettled(flood);
      proxy.resume('toClient');
      await slow.is('down', 6000);
      await slow.is('up', 3000);
      await say(sender, 'again', [slow.id]);
      await slow.hears('again', 2000);
    });

    it('close during a start whose server accepts and never answers: both settle within a second', async () => {
      proxy.pause('both');
      const node = nodeOn(throughProxy());
      const starting = node.broker.start(node).catch((error: unknown) => error);
      await node.broker.close();
      expect(await starting).to.have.property('code', 'ERR_REALTIME_CLOSED');
      expect(node.states).to.deep.equal([]);
    });

    it('a server that accepts and never answers: told "down" within seconds', async () => {
      proxy.pause('both');
      const cause = await startWaits(throughProxy(), 6000);
      expect(cause.message).to.contain('did not answer within 5000 ms');
    });
  });
});
