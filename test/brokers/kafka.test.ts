import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { Kafka, logLevel } from 'kafkajs';
import type { Suite } from 'mocha';
import { kafkaBroker } from '../../lib/cluster/brokers/kafka';
import type { KafkaBrokerOptions } from '../../lib/cluster/brokers/kafka';
import { newName } from '../../lib/testing/contract-node';
import { exclusiveServer } from '../servers/exclusive';
import { missingKafka, startKafka } from '../servers/kafka';
import type { KafkaServer } from '../servers/kafka';
import { KafkaTopics } from '../servers/kafka-topics';
import { describeWithServer, freePort, pause } from '../servers/server';
import { sharedKafka } from '../servers/shared-jvm';
import { eventually } from './eventually';
import { withoutPackage } from './hide-package';
import { LoneNode, killLoneNodes } from './lone-node';
import { closeNodes, nodeOn, publishError, say, startFails, startNode, startTwo, startWaits } from './nodes';

describe('kafkaBroker options', () => {
  it('refuses neither and both of brokers and kafka', () => {
    const kafka = new Kafka({ brokers: ['localhost:9092'] });
    for (const options of [{}, { brokers: ['localhost:9092'], kafka }]) {
      expect(() => kafkaBroker(options)).to.throw('give either brokers or kafka');
    }
  });

  it('names an unknown option and the nearest known one', () => {
    const options = { brokers: ['localhost:9092'], topics: 'a' };
    expect(() => kafkaBroker(options)).to.throw('unknown option "topics"; did you mean topic?');
  });

  it('refuses addresses, topics, logins and sizes that are none', () => {
    const brokers = ['localhost:9092'];
    const sasl = { mechanism: 'plain', username: 'a', password: 'b' } as const;
    expect(() => kafkaBroker({ brokers: [] })).to.throw('host:port');
    expect(() => kafkaBroker({ brokers: ['kafka://user:hunter2@localhost'] }))
      .to.throw('host:port')
      .with.property('message')
      .that.does.not.contain('hunter2');
    expect(() => kafkaBroker({ brokers, topic: 'a b' })).to.throw('topic must be letters');
    expect(() => kafkaBroker({ brokers, sasl: { ...sasl, mechanism: 'gssapi' as 'plain' } })).to.throw('mechanism');
    expect(() => kafkaBroker({ brokers, sasl: { ...sasl, password: 5 as unknown as string } })).to.throw('strings');
    expect(() => kafkaBroker({ brokers, maxMessageBytes: 0 })).to.throw('maxMessageBytes');
    expect(() => kafkaBroker({ kafka: {} })).to.throw('Kafka object');
  });

  it('a name that cannot be a topic: start is refused and says which option helps', async () => {
    const error = await startFails(kafkaBroker({ brokers: ['localhost:1'] }), 'my shop');
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('"my shop-realtime" cannot be a topic').and.contain('option topic');
  });

  it('names the package to install when kafkajs is missing', async () => {
    const error = await withoutPackage('kafkajs', () => startFails(kafkaBroker({ brokers: ['localhost:1'] })));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('npm install kafkajs');
  });
});

describeWithServer('kafkaBroker', missingKafka(), function (this: Suite) {
  this.timeout(60_000);
  let kafka: KafkaServer;
  let topics: KafkaTopics;

  before(async function () {
    this.timeout(300_000);
    kafka = await sharedKafka();
    topics = await KafkaTopics.on(kafka);
  });

  after(() => topics?.close());

  afterEach(async () => {
    killLoneNodes();
    await closeNodes();
  });

  const broker = (options: Partial<KafkaBrokerOptions> = {}) => kafkaBroker({ brokers: [kafka.address], ...options });

  /** An application of its own, with its topic. */
  const newApplication = async (): Promise<string> => {
    const name = newName();
    await topics.create(`${name}-realtime`);
    return name;
  };

  describe('set-up', () => {
    it('a missing topic: start is refused within seconds, with the command that makes it', async () => {
      const error = await startFails(broker(), 'nobody');
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.contain('no topic nobody-realtime').and.contain('--create --topic nobody-realtime');
    });

    it('a wrong password: start is refused, says what to check, and shows the password nowhere', async () => {
      const sasl = { mechanism: 'plain', username: 'realtime', password: 'hunter2' } as const;
      const refused = kafkaBroker({ brokers: [kafka.saslAddress], sasl });
      const error = await startFails(refused, await newApplication());
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.contain('refused the login').and.contain('user, password and mechanism');
      expect([inspect(error, { depth: 9 }), inspect(refused, { depth: 9, showHidden: true })].join()).not.to.contain(
        'hunter2',
      );
    });

    it('a login that Kafka takes', async () => {
      const sasl = { mechanism: 'plain', username: 'realtime', password: 'secret' } as const;
      const withLogin = () => kafkaBroker({ brokers: [kafka.saslAddress], sasl });
      const [sender, other] = await startTwo(withLogin(), withLogin(), await newApplication());
      await say(sender, 'hello');
      await other.hears('hello', 5000);
    });

    it('a mechanism that Kafka does not offer: start is refused', async () => {
      const sasl = { mechanism: 'scram-sha-256', username: 'realtime', password: 'secret' } as const;
      const error = await startFails(kafkaBroker({ brokers: [kafka.saslAddress], sasl }), await newApplication());
      expect(error.message).to.contain('mechanism in sasl');
    });

    it('no login where one is wanted: told "down", and that sasl may be missing', async () => {
      const cause = await startWaits(kafkaBroker({ brokers: [kafka.saslAddress] }), 10_000);
      expect(cause.message).to.contain('wants ssl or sasl');
    });

    it('a wrong address: told "down" within seconds, with the address and what to check', async () => {
      const address = `127.0.0.1:${await freePort()}`;
      const cause = await startWaits(kafkaBroker({ brokers: [address] }), 10_000);
      expect(cause.message).to.contain(address).and.contain('check brokers').and.contain('advertised.listeners');
    });

    it('a Kafka object of the application is enough', async () => {
      const own = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING });
      const name = await newApplication();
      const [sender, other] = await startTwo(kafkaBroker({ kafka: own }), kafkaBroker({ kafka: own }), name);
      await say(sender, 'hello');
      await other.hears('hello', 5000);
    });
  });

  describe('carrying', () => {
    it('start after start, nothing published right after it is missed', async () => {
      const name = await newApplication();
      const sender = await startNode(broker(), name);
      for (let round = 0; round < 10; round += 1) {
        const node = await startNode(broker(), name);
        await say(sender, `round ${round}`);
        await node.hears(`round ${round}`, 5000);
        await node.broker.close();
      }
    });

    it('two applications may share one topic', async () => {
      await topics.create('shared');
      const [first, second] = [newName(), newName()];
      const one = await startNode(broker({ topic: 'shared' }), first);
      const other = await startNode(broker({ topic: 'shared' }), second);
      await say(one, 'of one');
      await say(other, 'of the other');
      await one.hears('of one', 5000);
      await other.hears('of the other', 5000);
      expect([one.texts, other.texts]).to.deep.equal([['of one'], ['of the other']]);
    });

    it('a topic of several partitions: each node keeps its order', async () => {
      const name = newName();
      await topics.create(`${name}-realtime`, 6);
      const nodes = [await startNode(broker(), name), await startNode(broker(), name), await startNode(broker(), name)];
      const sent = Array.from({ length: 300 }, (_, index) => index);
      await Promise.all(nodes.flatMap((node) => sent.map((index) => say(node, `${node.id} ${index}`))));
      for (const node of nodes) {
        await node.until(() => node.heard.length === 900, 10_000, 'heard all');
        for (const { id } of nodes) {
          expect(node.texts.filter((text) => text.startsWith(id))).to.deep.equal(sent.map((index) => `${id} ${index}`));
        }
      }
    });

    it('a message above the limit is refused at once and was not sent', async () => {
      const node = await startNode(broker({ maxMessageBytes: 1000 }), await newApplication());
      const error = await node.broker.publish(Buffer.alloc(1001), 'all').catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER');
      expect(error).to.have.property('message').that.contains('at most 1000 bytes').and.contains('not sent');
    });

    it('a topic with a lower limit than ours: what fits goes alone, only what is larger is rejected', async () => {
      const name = newName();
      const configEntries = [{ name: 'max.message.bytes', value: '20000' }];
      await topics.admin.createTopics({ waitForLeaders: true, topics: [{ topic: `${name}-realtime`, configEntries }] });
      const node = await startNode(broker(), name);
      const sent = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(2, '0')} ${'x'.repeat(5000)}`);
      const tooLarge = publishError(node, 'y'.repeat(30_000));
      await Promise.all(sent.map((text) => say(node, text)));
      expect((await tooLarge)?.message).to.match(/larger|too large/);
      await node.hears(sent.at(-1) ?? '', 10_000);
      expect(node.texts).to.deep.equal(sent);
    });

    it('what others put on the topic is left alone', async () => {
      const name = await newApplication();
      const node = await startNode(broker(), name);
      const producer = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).producer();
      await producer.connect();
      const app = name;
      const foreign = [
        ...Array.from({ length: 500 }, () => ({ value: randomBytes(200) })),
        { key: 'k', value: 'no headers' },
        { key: null, value: 'no key', headers: { app, number: '1' } },
        { key: 'k', value: 'no number', headers: { app } },
        { key: 'k', value: 'forged number', headers: { app, number: 'one' } },
        { key: 'k', value: null, headers: { app, number: '2' } },
        { key: 'k', value: 'foreign', headers: { app: 'another', number: '3' } },
        { key: 'k', value: 'for another', headers: { app, number: '4', to: 'another' } },
      ];
      await producer.send({ topic: `${name}-realtime`, messages: foreign });
      await producer.disconnect();
      await say(node, 'end');
      await node.hears('end', 5000);
      expect(node.texts).to.deep.equal(['end']);
    });

    it('a topic made anew under a running node: hears again, from its beginning', async () => {
      const name = await newApplication();
      const node = await startNode(broker(), name);
      for (let index = 0; index < 20; index += 1) await say(node, `old ${index}`);
      await topics.admin.deleteTopics({ topics: [`${name}-realtime`] });
      await eventually(
        'the topic is gone',
        10_000,
        async () => !(await topics.admin.listTopics()).includes(`${name}-realtime`),
      );
      await topics.create(`${name}-realtime`);
      await eventually('a publish passes', 30_000, async () => (await publishError(node, 'new')) === undefined);
      await node.hears('new', 20_000);
    });
  });

  describe('what is left', () => {
    it('a process that closes its broker exits by itself', async () => {
      const node = new LoneNode('kafka', { brokers: [kafka.address] }, { name: await newApplication(), id: 'lone' });
      await node.tells('started');
      node.close();
      expect(await node.exits()).to.equal(0);
    });

    it('a process that closes its broker while Kafka is away exits by itself, and no consumer goes on', async () => {
      const options = { brokers: [`127.0.0.1:${kafka.proxy.port}`] };
      const node = new LoneNode('kafka', options, { name: await newApplication(), id: 'lone' });
      await node.tells('started');
      await kafka.proxy.refuse();
      kafka.proxy.reset();
      await node.tells('down');
      node.close();
      const code = await node.exits();
      await kafka.proxy.accept();
      expect(code).to.equal(0);
    });

    it('a process whose Kafka hangs: close is bounded, and it exits by itself', async () => {
      const options = { brokers: [`127.0.0.1:${kafka.proxy.port}`] };
      const node = new LoneNode('kafka', options, { name: await newApplication(), id: 'lone' });
      await node.tells('started');
      kafka.proxy.pause('both');
      node.publish('never answered');
      node.close();
      const code = await node.exits();
      kafka.proxy.resume('both');
      expect(code).to.equal(0);
    });

    it('groups of links that broke are deleted when the node closes', async () => {
      const name = await newApplication();
      const node = await startNode(kafkaBroker({ brokers: [`127.0.0.1:${kafka.proxy.port}`] }), name);
      kafka.proxy.reset();
      await kafka.proxy.refuse();
      await node.is('down', 10_000);
      await kafka.proxy.accept();
      await node.is('up', 10_000);
      // Until its session times out, the dead member keeps its group from being deleted; the node tries again then.
      await eventually('one group', 30_000, async () => (await topics.groupsOf(`${name}-realtime`)).length === 1);
      await node.broker.close();
      expect(await topics.groupsOf(`${name}-realtime`)).to.deep.equal([]);
    });

    it('the group of a killed process is dropped by Kafka itself', async () => {
      const name = await newApplication();
      const node = new LoneNode('kafka', { brokers: [kafka.address] }, { name, id: 'lone' });
      await node.tells('started');
      await node.kill();
      expect(await topics.groupsOf(`${name}-realtime`)).to.have.length(1);
      await eventually('no group', 40_000, async () => (await topics.groupsOf(`${name}-realtime`)).length === 0);
    });
  });

  describe('faults', () => {
    it('a node that was frozen for longer than its session: hears all that came meanwhile, once', async function () {
      this.timeout(90_000);
      const name = await newApplication();
      const sender = await startNode(broker(), name);
      const sleeper = new LoneNode('kafka', { brokers: [kafka.address] }, { name, id: 'lone' });
      await sleeper.tells('started');
      sleeper.signal('SIGSTOP');
      for (let index = 0; index < 120; index += 1) {
        await say(sender, `message ${index}`);
        await pause(100);
      }
      sleeper.signal('SIGCONT');
      await sleeper.tells('heard', 'message 119');
      expect(sleeper.heard).to.deep.equal(Array.from({ length: 120 }, (_, index) => `message ${index}`));
    });

    it('Kafka killed and away for 15 s: up within 10 s after it is back, and nothing accepted is lost', async function () {
      this.timeout(120_000);
      const [sender, other] = await startTwo(broker(), broker(), await newApplication());
      await say(sender, 'before');
      await other.hears('before', 5000);
      await kafka.server.kill();
      await Promise.all([sender, other].map((node) => node.is('down', 5000)));
      await pause(15_000);
      await kafka.server.restart();
      await Promise.all([sender, other].map((node) => node.is('up', 10_000)));
      await say(sender, 'after');
      await other.hears('after', 5000);
      expect(other.texts).to.deep.equal(['before', 'after']);
    });
  });
});

/** As installed, Kafka waits for 3 s before a new group may read. */
describeWithServer('kafkaBroker, with the join delay as installed', missingKafka(), function (this: Suite) {
  this.timeout(60_000);
  const sharedSlowKafka = exclusiveServer(() => startKafka({ 'group.initial.rebalance.delay.ms': 3000 }));
  let kafka: KafkaServer;
  let topics: KafkaTopics;

  before(async function () {
    this.timeout(300_000);
    kafka = await sharedSlowKafka();
    topics = await KafkaTopics.on(kafka);
    await topics.create('shop-realtime');
  });

  after(() => topics?.close());
  afterEach(closeNodes);

  it('what is published while a node joins arrives, late but never lost', async () => {
    const sender = await startNode(kafkaBroker({ brokers: [kafka.address] }), 'shop');
    const joining = nodeOn(kafkaBroker({ brokers: [kafka.address] }), 'shop');
    const started = joining.broker.start(joining);
    await eventually('it joins', 10_000, async () => (await topics.groupsOf('shop-realtime')).length === 2);
    await say(sender, 'while it joins');
    await joining.hears('while it joins', 10_000);
    await started;
    expect(joining.countOf('while it joins')).to.equal(1);
  });
});
