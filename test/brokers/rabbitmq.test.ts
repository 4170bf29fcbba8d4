import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { inspect } from 'node:util';
import * as amqp from 'amqplib';
import { expect } from 'chai';
import type { Suite } from 'mocha';
import { rabbitmqBroker } from '../../lib/cluster/brokers/rabbitmq';
import { newName } from '../../lib/testing/contract-node';
import { FaultProxy } from '../servers/fault-proxy';
import { missingRabbitmq } from '../servers/rabbitmq';
import type { RabbitmqServer } from '../servers/rabbitmq';
import { describeWithServer, freePort } from '../servers/server';
import { sharedRabbitmq } from '../servers/shared-rabbitmq';
import { withoutPackage } from './hide-package';
import { closeNodes, publishError, say, startFails, startNode, startTwo, startWaits } from './nodes';
import { itSurvivesOutages } from './outage-cases';

const secret = 'hunter-2/é';

describe('rabbitmqBroker options', () => {
  it('refuses no address and two addresses', () => {
    for (const options of [{}, { url: 'amqp://localhost', options: {} }]) {
      expect(() => rabbitmqBroker(options)).to.throw('exactly one of url or options');
    }
  });

  it('names an unknown option and the nearest known one', () => {
    const options = { url: 'amqp://localhost', exchanges: 'x' };
    expect(() => rabbitmqBroker(options)).to.throw('unknown option "exchanges"; did you mean exchange?');
  });

  it('refuses a URL of another protocol without repeating it', () => {
    expect(() => rabbitmqBroker({ url: `redis://user:${encodeURIComponent(secret)}@localhost` }))
      .to.throw('url must be amqp://host:port or amqps://host:port')
      .with.property('message')
      .that.does.not.contain('hunter');
  });

  it('names the package to install when amqplib is missing', async () => {
    const error = await withoutPackage('amqplib', () => startFails(rabbitmqBroker({ url: 'amqp://localhost:1' })));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('npm install amqplib');
  });
});

describe('rabbitmqBroker at something else', () => {
  let server: ReturnType<typeof createServer>;
  const sockets = new Set<Socket>();

  afterEach(async () => {
    await closeNodes();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** A server of this test; gives its address. */
  async function serve(handleSocket: (socket: Socket) => void): Promise<string> {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      handleSocket(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `amqp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('no RabbitMQ: start is refused and says so', async () => {
    const url = await serve((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const error = await startFails(rabbitmqBroker({ url }));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('no RabbitMQ');
  });

  it('accepts and never answers: told "down" within seconds, closed at once', async () => {
    const url = await serve(() => {});
    const cause = await startWaits(rabbitmqBroker({ url }), 6000);
    expect(cause.message).to.contain('did not answer within 5000 ms');
  });
});

describeWithServer('rabbitmqBroker', missingRabbitmq(), function (this: Suite) {
  this.timeout(30_000);
  let rabbitmq: RabbitmqServer;

  before(async function () {
    this.timeout(150_000);
    rabbitmq = await sharedRabbitmq();
    await rabbitmq.control('add_user', 'limited', secret);
    const ours = '^(realtime\.|amq\.gen).*';
    await rabbitmq.control('set_permissions', 'limited', ours, ours, ours);
    await rabbitmq.control('add_user', 'deaf', secret);
    await rabbitmq.control('set_permissions', 'deaf', '^$', '^$', '^$');
  });

  afterEach(closeNodes);

  const urlOf = (user: string, password: string, vhost = ''): string =>
    `amqp://${user}:${encodeURIComponent(password)}@127.0.0.1:${rabbitmq.port}${vhost}`;
  const broker = () => rabbitmqBroker({ url: rabbitmq.url });

  /** A channel of an administrator, closed afterwards. */
  async function withChannel<T>(run: (channel: amqp.Channel) => Promise<T>): Promise<T> {
    const connection = await amqp.connect(rabbitmq.url);
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      return await run(channel);
    } finally {
      await connection.close();
    }
  }

  it('a wrong password: start is refused at once, says what to check, and shows the password nowhere', async () => {
    for (const options of [
      { url: urlOf('limited', 'hunter-3/é') },
      { options: { hostname: '127.0.0.1', port: rabbitmq.port, username: 'limited', password: 'hunter-3/é' } },
    ]) {
      const refused = rabbitmqBroker(options);
      const error = await startFails(refused);
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.contain(`127.0.0.1:${rabbitmq.port}: the login was refused: check user and password`);
      const shown =
        [error, refused].map((each) => inspect(each, { depth: 9, showHidden: true })).join() + refused.label;
      expect(shown).to.not.match(/hunter/);
    }
  });

  it('an unknown vhost: start is refused within seconds and says so', async () => {
    const error = await startFails(rabbitmqBroker({ url: `${rabbitmq.url}/nowhere` }));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('/nowhere: the vhost is unknown');
  });

  it('a user limited to the names of this package is enough', async () => {
    const limited = () => rabbitmqBroker({ url: urlOf('limited', secret) });
    const [sender, other] = await startTwo(limited(), limited());
    await say(sender, 'hello');
    await other.hears('hello', 2000);
  });

  it('a user without rights: start is refused and names the exchange and the rights', async () => {
    const error = await startFails(rabbitmqBroker({ url: urlOf('deaf', secret) }), 'shop');
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('lacks rights on exchange realtime.shop').and.not.contain('hunter');
  });

  it('an exchange of another type: start is refused and names it, with no loop', async () => {
    const exchange = newName();
    await withChannel(async (channel) => {
      await channel.assertExchange(exchange, 'fanout', { durable: false });
      const refused = rabbitmqBroker({ url: rabbitmq.url, exchange });
      const error = await startFails(refused);
      expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
      expect(error.message).to.contain(`exchange ${exchange} exists with another type`);
      await channel.deleteExchange(exchange);
    });
  });

  it('a wrong address: told "down" at once, with the address and what to check', async () => {
    const port = await freePort();
    const cause = await startWaits(rabbitmqBroker({ url: `amqp://user:hunter@127.0.0.1:${port}` }), 2000);
    expect(cause.message).to.contain(`127.0.0.1:${port}`).and.contain('is the address right').and.not.contain('hunter');
  });

  it('over TLS: connects with the authority given, and is refused without', async function () {
    const { tls } = rabbitmq;
    if (!tls) return this.skip();
    const node = await startNode(rabbitmqBroker({ url: tls.url, socket: { ca: tls.ca } }));
    await say(node, 'hello');
    await node.hears('hello', 2000);
    const error = await startFails(rabbitmqBroker({ url: tls.url }));
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER_SETUP');
    expect(error.message).to.contain('TLS failed');
  });

  it('two applications on one exchange of their own do not hear each other', async () => {
    const exchange = newName();
    const shared = () => rabbitmqBroker({ url: rabbitmq.url, exchange });
    const [first, second] = [await startNode(shared()), await startNode(shared())];
    await say(first, 'for the first');
    await say(second, 'for the second');
    await first.hears('for the first', 2000);
    await second.hears('for the second', 2000);
    expect([first.texts, second.texts]).to.deep.equal([['for the first'], ['for the second']]);
    await first.broker.close();
    await second.broker.close();
    await withChannel((channel) => channel.deleteExchange(exchange));
  });

  it('a send to a node that is gone is refused, though RabbitMQ confirms it', async () => {
    const [node, gone] = await startTwo(broker(), broker());
    await gone.broker.close();
    const error = await publishError(node, 'anybody there?', [gone.id]);
    expect(error).to.have.property('code', 'ERR_REALTIME_BROKER');
    expect(error?.message).to.contain('nobody listens');
  });

  it('a queue that an administrator deletes: "down", then all is made anew', async () => {
    const node = await startNode(broker());
    await rabbitmq.control('eval', deleteQueues);
    await node.until(() => node.states.length === 3, 5000, 'was up again');
    expect(node.states[1]?.cause?.message).to.contain('the queue of this node was deleted');
    await say(node, 'again');
    await node.hears('again', 2000);
  });

  it('an exchange that an administrator deletes: noticed by the next publish, then made anew', async () => {
    const node = await startNode(broker());
    await withChannel((channel) => channel.deleteExchange(`realtime.${node.name}`));
    expect(await publishError(node, 'to no exchange')).to.have.property('code', 'ERR_REALTIME_BROKER');
    await node.until(() => node.states.length === 3, 5000, 'was up again');
    await say(node, 'again');
    await node.hears('again', 2000);
  });

  it('a connection that an administrator closes: "down" with the reason, then "up" and hearing', async () => {
    const node = await startNode(broker());
    await rabbitmq.control('close_all_connections', 'for the test');
    await node.until(() => node.states.length === 3, 5000, 'was up again');
    expect(node.states[1]?.cause?.message).to.contain('for the test');
    await say(node, 'again');
    await node.hears('again', 2000);
  });

  it('a memory alarm: told "down", every publish settles by its deadline, deliveries go on; it passes by itself', async () => {
    const [node, other] = await startTwo(broker(), broker());
    await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '1MB');
    try {
      const since = performance.now();
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, index) => publishError(node, `alarm ${index}`)),
      );
      expect(performance.now() - since).to.be.lessThan(2500);
      expect(outcomes.every((error) => error !== undefined)).to.equal(true);
      await node.is('down', 1000);
      expect(node.states.at(-1)?.cause?.message).to.contain('takes no publishes: low on memory');
      const waiting = await publishError(node, 'while blocked');
      expect(waiting?.message).to.contain('low on memory').and.contain('it was not sent');
    } finally {
      await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '512MiB');
    }
    await node.is('up', 5000);
    await say(node, 'after the alarm');
    await other.hears('after the alarm', 2000);
    expect(node.texts).to.not.include('while blocked');
  });

  it('a node that starts during a memory alarm is connected, and told why it cannot publish', async () => {
    await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '1MB');
    let node;
    try {
      node = await startNode(broker());
      expect(node.state).to.equal('down');
      expect(node.states.at(-1)?.cause?.message).to.contain('low on memory');
    } finally {
      await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '512MiB');
    }
    await node.is('up', 5000);
    await say(node, 'after the alarm');
    await node.hears('after the alarm', 2000);
  });

  describe('behind a bad network', () => {
    let proxy: FaultProxy;

    beforeEach(async () => {
      proxy = await FaultProxy.start(rabbitmq.port);
    });

    afterEach(async () => {
      await closeNodes();
      await proxy.stop();
    });

    const throughProxy = (publishTimeoutMs?: number) =>
      rabbitmqBroker({ url: `amqp://127.0.0.1:${proxy.port}`, publishTimeoutMs });

    it('connections cut at every point of the set-up: never an uncaught error, and in the end it is up', async () => {
      // A link takes some twelve answers of the server; the delay keeps them apart.
      proxy.delay(3);
      proxy.cutAfter(Array.from({ length: 11 }, (_, index) => index));
      const node = await startNode(throughProxy());
      await say(node, 'in the end');
      await node.hears('in the end', 2000);
      expect(node.states.map(({ state }) => state)).to.deep.equal(['down', 'up']);
    });

    itSurvivesOutages(() => proxy, throughProxy);

    it('close while the server is hung: within a second, and no socket stays', async () => {
      const node = await startNode(throughProxy());
      proxy.pause('both');
      const since = performance.now();
      await node.broker.close();
      expect(performance.now() - since).to.be.lessThan(1500);
      proxy.resume('both');
      await proxy.empty();
      expect(performance.now() - since).to.be.lessThan(2500);
    });
  });
});

/** What a click in the management page does; rabbitmqctl itself refuses queues that belong to a connection. */
const deleteQueues = '[rabbit_amqqueue:delete(Q, false, false, <<"admin">>) || Q <- rabbit_amqqueue:list()].';
