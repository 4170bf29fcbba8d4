import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Suite } from 'mocha';
import { Producer } from 'rocketmq-client-nodejs';
import { rocketmqBroker } from '../../lib/cluster/brokers/rocketmq';
import type { RocketmqBrokerOptions } from '../../lib/cluster/brokers/rocketmq';
import { RocketmqAdmin } from '../../lib/cluster/brokers/rocketmq-admin';
import { provisionRocketmq } from '../../lib/cluster/brokers/rocketmq-provision';
import { callRocketmq } from '../../lib/cluster/brokers/rocketmq-remoting';
import { newName } from '../../lib/testing/contract-node';
import { missingRocketmq } from '../servers/rocketmq';
import type { RocketmqServer } from '../servers/rocketmq';
import { describeWithServer, freePort, pause } from '../servers/server';
import { sharedRocketmq } from '../servers/shared-jvm';
import { withoutPackage } from './hide-package';
import { LoneNode, killLoneNodes } from './lone-node';
import { closeNodes, nodeOn, publishError, say, startFails, startNode, startTwo, startWaits } from './nodes';

describe('rocketmqBroker options', () => {
  const endpoints = 'localhost:8081';

  it('names an unknown option and the nearest known one', () => {
    const options = { endpoints, slot: 0, slots: 3 };
    expect(() => rocketmqBroker(options)).to.throw('unknown option "slots"; did you mean slot?');
  });

  it('refuses addresses, slots, names and credentials that are none', () => {
    expect(() => rocketmqBroker({ endpoints: 'http://user:hunter2@localhost', slot: 0 }))
      .to.throw('host:port of the proxy')
      .with.property('message')
      .that.does.not.contain('hunter2');
    for (const slot of ['', 'a b', 'x'.repeat(33), undefined, null, {}]) {
      expect(() => rocketmqBroker({ endpoints, slot: slot as string })).to.throw('slot must be');
    }
    expect(() => rocketmqBroker({ endpoints, slot: 0, topic: 'a.b' })).to.throw('topic must be letters');
    expect(() => rocketmqBroker({ endpoints, slot: 0, groupPrefix: 'a b' })).to.throw('groupPrefix must be letters');
    const credentials = { accessKey: 'a', accessSecret: 5 as unknown as string };
    expect(() => rocketmqBroker({ endpoints, slot: 0, credentials })).to.throw('accessSecret must be a string');
  });

  it('a name that cannot be a topic: start is refused and says which option helps', async () => {
    const error = await startFails(rocketmqBroker({ endpoints: 'localhost:1', slot: 0 }), 'my.shop');
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('"my.shop-realtime" cannot be a name').and.contain('option topic');
  });

  it('names the package to install, with its version, when the driver is missing', async () => {
    const broker = rocketmqBroker({ endpoints: 'localhost:1', slot: 0 });
    const error = await withoutPackage('rocketmq-client-nodejs', () => startFails(broker));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('npm install rocketmq-client-nodejs@1.0.8');
  });
});

describeWithServer('rocketmqBroker', missingRocketmq(), function (this: Suite) {
  this.timeout(60_000);
  let rocketmq: RocketmqServer;

  before(async function () {
    this.timeout(300_000);
    rocketmq = await sharedRocketmq();
  });

  afterEach(async () => {
    killLoneNodes();
    delete process.env['grpc_proxy'];
    await closeNodes();
  });

  const broker = (slot: number | string, options: Partial<RocketmqBrokerOptions> = {}) =>
    rocketmqBroker({ endpoints: rocketmq.endpoints, slot, ...options });

  /** An application of its own, with its topic and the groups of the slots 0 to 2. */
  const newApplication = async (): Promise<string> => {
    const name = newName();
    await provisionRocketmq(['--broker', rocketmq.brokerAddress, '--name', name, '--slots', '0-2'], () => {});
    return name;
  };

  describe('set-up', () => {
    it('a missing topic: start is refused within seconds, with the command that makes it', async () => {
      const error = await startFails(broker(0), 'nobody');
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message)
        .to.contain('no topic nobody-realtime')
        .and.contain('updateTopic')
        .and.contain('-t nobody-realtime -r 1 -w 1');
    });

    it('a missing group: start is refused within seconds, and does not wait for ever', async () => {
      const error = await startFails(broker(77), await newApplication());
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.match(
        /no consumer group contract-\w+-realtime-77 .*updateSubGroup .* -g contract-\w+-realtime-77$/,
      );
    });

    it('a topic of several queues, which keeps no order: start is refused', async () => {
      const name = newName();
      await rocketmq.admin.createTopic({ topic: `${name}-realtime`, queues: 4 });
      await rocketmq.admin.createGroup(`${name}-realtime-0`, { topic: `${name}-realtime`, queues: 4 });
      const error = await startFails(broker(0), name);
      expect(error.message).to.contain('has 4 queues').and.contain('-r 1 -w 1');
    });

    it('a wrong address: told "down" within seconds, with what to check', async () => {
      const cause = await startWaits(rocketmqBroker({ endpoints: `127.0.0.1:${await freePort()}`, slot: 0 }), 5000);
      expect(cause.message).to.contain('ECONNREFUSED').and.contain('check endpoints').and.contain('8081');
    });

    it('an address that accepts and never answers: told "down" within seconds', async () => {
      process.env['grpc_proxy'] = `http://127.0.0.1:${rocketmq.proxy.port}`;
      rocketmq.proxy.pause('both');
      const cause = await startWaits(broker(0), 15_000).finally(() => rocketmq.proxy.resume('both'));
      expect(cause.message).to.match(/DEADLINE_EXCEEDED|no start within|No connection/);
    });

    it('shows credentials nowhere', async () => {
      const secret = 'hunter2-long-enough';
      const refused = broker(0, { credentials: { accessKey: 'key', accessSecret: secret } });
      const error = await startFails(refused, 'nobody');
      expect([inspect(error, { depth: 9 }), inspect(refused, { depth: 9, showHidden: true })].join()).not.to.contain(
        'hunter2',
      );
    });

    it('the command provisions, again and again, and deletes the groups of slots', async () => {
      const name = newName();
      const lines: string[] = [];
      const run = (...more: string[]) =>
        provisionRocketmq(['--broker', rocketmq.brokerAddress, '--name', name, '--slots', 'a,b', ...more], (line) =>
          lines.push(line),
        );
      await run();
      await run();
      const groups = [`${name}-realtime-a`, `${name}-realtime-b`];
      expect(await rocketmq.admin.groups()).to.include.members(groups);
      await run('--delete');
      expect(await rocketmq.admin.groups()).not.to.include.members(groups);
      expect(lines[0]).to.equal(`${rocketmq.brokerAddress}: topic ${name}-realtime, groups ${groups.join(', ')}`);
    });

    it('the command at a wrong address says which port it wants', async () => {
      const admin = new RocketmqAdmin(`127.0.0.1:${await freePort()}`);
      const error: unknown = await admin.groups().catch((reason: unknown) => reason);
      expect(error).to.have.property('message').that.contains('10911');
    });
  });

  describe('slots', () => {
    it('an occupied slot: start is refused, and whoever holds it goes on', async () => {
      const name = await newApplication();
      const [holder, other] = await startTwo(broker(0), broker(1), name);
      for (let round = 0; round < 3; round += 1) {
        const error = await startFails(broker(0), name);
        expect(error).to.have.property('code', 'ERR_REALTIME_GROUP_SHARED');
        expect(error.message).to.contain('slot 0 is in use');
        await say(other, `round ${round}`);
        await holder.hears(`round ${round}`, 5000);
      }
      expect(holder.states.map(({ state }) => state)).to.deep.equal(['up']);
    });

    it('two that start on one slot at once: one of them is refused', async () => {
      const name = await newApplication();
      for (let round = 0; round < 5; round += 1) {
        const nodes = [nodeOn(broker(0), name), nodeOn(broker(0), name)];
        const outcomes = await Promise.allSettled(nodes.map((node) => node.broker.start(node)));
        expect(outcomes.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
        const refused = outcomes.find((outcome) => outcome.status === 'rejected');
        expect(refused?.reason).to.have.property('code', 'ERR_REALTIME_GROUP_SHARED');
        await Promise.all(nodes.map((node) => node.broker.close()));
      }
    });

    it('a slot is free again after close, and the next on it hears from its start on', async () => {
      const name = await newApplication();
      const other = await startNode(broker(1), name);
      for (let round = 0; round < 3; round += 1) {
        const node = await startNode(broker(0), name);
        await say(other, `round ${round}`);
        await node.hears(`round ${round}`, 5000);
        await node.broker.close();
        await say(other, `while nobody is there ${round}`);
        expect(node.texts).to.deep.equal([`round ${round}`]);
      }
    });

    it('a slot is free again after its process was killed', async () => {
      const name = await newApplication();
      const other = await startNode(broker(1), name);
      const killed = new LoneNode('rocketmq', { endpoints: rocketmq.endpoints, slot: 0 }, { name, id: 'killed' });
      await killed.tells('started');
      await killed.kill();
      const next = await startNode(broker(0), name);
      for (let index = 0; index < 20; index += 1) await say(other, `message ${index}`);
      await next.hears('message 19', 10_000);
      expect(next.texts).to.deep.equal(Array.from({ length: 20 }, (_, index) => `message ${index}`));
    });

    it('a new group, which RocketMQ starts with the whole history: nothing of it is handed on', async () => {
      const name = await newApplication();
      const sender = await startNode(broker(0), name);
      await Promise.all(Array.from({ length: 500 }, (_, index) => say(sender, `old ${index}`)));
      for (let index = 0; index < 50; index += 1) await say(sender, `old and alone ${index}`);
      // As mqadmin makes it: without a position.
      const body = Buffer.from(JSON.stringify({ groupName: `${name}-realtime-new`, consumeEnable: true }));
      await callRocketmq(rocketmq.brokerAddress, { code: 200, body });
      const node = await startNode(broker('new'), name);
      await say(sender, 'new');
      await node.hears('new', 10_000);
      expect(node.texts).to.deep.equal(['new']);
    });
  });

  describe('carrying', () => {
    it('a FIFO topic of several queues: each node keeps its order', async () => {
      const name = newName();
      const provision = [
        '--broker',
        rocketmq.brokerAddress,
        '--name',
        name,
        '--slots',
        '0-1',
        '--fifo',
        '--queues',
        '4',
      ];
      await provisionRocketmq(provision, () => {});
      const nodes = await startTwo(broker(0), broker(1), name);
      const sent = Array.from({ length: 100 }, (_, index) => index);
      const publishAll = async (node: (typeof nodes)[number]): Promise<void> => {
        for (const index of sent) await say(node, `${node.id} ${index}`);
      };
      await Promise.all(nodes.map(publishAll));
      for (const node of nodes) {
        await node.until(() => node.heard.length === 200, 20_000, 'heard all');
        for (const { id } of nodes) {
          expect(node.texts.filter((text) => text.startsWith(id))).to.deep.equal(sent.map((index) => `${id} ${index}`));
        }
      }
    });

    it('a message above the limit is refused at once and was not sent', async () => {
      const node = await startNode(broker(0), await newApplication());
      const error = await publishError(node, 'x'.repeat(4_000_001));
      expect(error?.message).to.contain('at most 4000000 bytes').and.contain('not sent');
    });

    it('what others put on the topic is left alone', async () => {
      const name = await newApplication();
      const node = await startNode(broker(0), name);
      const topic = `${name}-realtime`;
      const logger = { info() {}, warn() {}, error() {}, debug() {} };
      const producer = new Producer({ endpoints: rocketmq.endpoints, namespace: '', topics: [topic], logger });
      await producer.startup();
      const head = { app: name, node: 'forged', slot: '9', kind: 'frames', count: '1' };
      const bodies = [
        Buffer.from('?'),
        Buffer.from([0, 0, 0]),
        Buffer.from([255, 255, 255, 255, 1]),
        Buffer.from([0, 0, 0, 9, 1]),
      ];
      const heads: Record<string, string>[] = [
        {},
        { ...head, count: 'one' },
        { ...head, count: '-1' },
        { ...head, kind: 'other' },
        { ...head, app: 'another' },
        { ...head, to: 'another' },
        { ...head, kind: 'taken', to: 'another' },
        { ...head, kind: 'probe' },
      ];
      for (const [index, body] of bodies.entries()) {
        const properties = new Map(Object.entries({ ...head, count: String(index + 10) }));
        await producer.send({ topic, body, tag: 'all', properties });
      }
      const frame = Buffer.from([0, 0, 0, 1, 65]);
      for (const each of heads) {
        await producer.send({ topic, body: frame, tag: 'all', properties: new Map(Object.entries(each)) });
      }
      await producer.shutdown();
      await say(node, 'end');
      await node.hears('end', 5000);
      expect(node.texts).to.deep.equal(['end']);
    });
  });

  describe('what is left', () => {
    let home: string;

    beforeEach(() => {
      home = mkdtempSync(join(tmpdir(), 'realtime-home-'));
    });

    afterEach(() => rmSync(home, { recursive: true, force: true }));

    it('a process that closes its broker exits by itself, and writes no log into HOME', async () => {
      const place = { name: await newApplication(), id: 'lone' };
      const node = new LoneNode('rocketmq', { endpoints: rocketmq.endpoints, slot: 0 }, place, { HOME: home });
      await node.tells('started');
      node.publish('hello');
      await node.tells('heard', 'hello');
      node.close();
      expect(await node.exits()).to.equal(0);
      expect(readdirSync(home)).not.to.include('logs');
    });

    it('a process that closes its broker while the proxy is away exits by itself', async () => {
      const place = { name: await newApplication(), id: 'lone' };
      const env = { HOME: home, grpc_proxy: `http://127.0.0.1:${rocketmq.proxy.port}` };
      const node = new LoneNode('rocketmq', { endpoints: rocketmq.endpoints, slot: 0 }, place, env);
      await node.tells('started');
      await rocketmq.proxy.refuse();
      rocketmq.proxy.reset();
      await node.tells('down');
      node.close();
      const code = await node.exits();
      await rocketmq.proxy.accept();
      expect(code).to.equal(0);
    });

    it('a process whose proxy hangs: close is bounded, and it exits by itself', async () => {
      const place = { name: await newApplication(), id: 'lone' };
      const env = { HOME: home, grpc_proxy: `http://127.0.0.1:${rocketmq.proxy.port}` };
      const node = new LoneNode('rocketmq', { endpoints: rocketmq.endpoints, slot: 0 }, place, env);
      await node.tells('started');
      rocketmq.proxy.pause('both');
      node.publish('never answered');
      node.close();
      await node.tells('closed');
      const code = await node.exits();
      rocketmq.proxy.resume('both');
      expect(code).to.equal(0);
    });

    it('a process whose start failed exits by itself', async () => {
      const node = new LoneNode(
        'rocketmq',
        { endpoints: rocketmq.endpoints, slot: 77 },
        { name: await newApplication(), id: 'lone' },
      );
      await node.tells('failed');
      node.close();
      expect(await node.exits()).to.equal(0);
    });
  });

  describe('faults', () => {
    it('what is published while one node is cut off comes to it afterwards, once and in order', async () => {
      const name = await newApplication();
      const sender = await startNode(broker(0), name);
      process.env['grpc_proxy'] = `http://127.0.0.1:${rocketmq.proxy.port}`;
      const other = await startNode(broker(1), name);
      await say(sender, 'before');
      await other.hears('before', 5000);
      await rocketmq.proxy.refuse();
      rocketmq.proxy.reset();
      await other.is('down', 10_000);
      for (let index = 0; index < 20; index += 1) await say(sender, `meanwhile ${index}`);
      await rocketmq.proxy.accept();
      await other.is('up', 20_000);
      await say(sender, 'after');
      await other.hears('after', 10_000);
      const meanwhile = Array.from({ length: 20 }, (_, index) => `meanwhile ${index}`);
      expect(other.texts.filter((text) => text !== 'after')).to.deep.equal(['before', ...meanwhile]);
      expect(other.countOf('after')).to.equal(1);
    });

    it('RocketMQ killed and away for 15 s: up soon after it is back, and nothing accepted is lost', async function () {
      this.timeout(150_000);
      const [sender, other] = await startTwo(broker(0), broker(1), await newApplication());
      await say(sender, 'before');
      await other.hears('before', 5000);
      await rocketmq.server.kill();
      await Promise.all([sender, other].map((node) => node.is('down', 5000)));
      await pause(15_000);
      await rocketmq.server.restart();
      await Promise.all([sender, other].map((node) => node.is('up', 20_000)));
      await say(sender, 'after');
      await other.hears('after', 10_000);
      expect(other.texts).to.deep.equal(['before', 'after']);
    });
  });
});
