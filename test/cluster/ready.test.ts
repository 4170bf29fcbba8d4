import { expect } from 'chai';
import { TestCluster, rejection } from './support';

describe('cluster: start and end of a node', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster();
  });
  afterEach(() => cluster.close());

  it('is ready when three probes in a row came back, on both of its routes', async () => {
    const a = cluster.open();
    expect(a.broker.state).to.equal('starting');
    expect(a.node.isReady).to.equal(false);
    await a.node.ready;
    const probes = cluster.bus.published.filter(({ bytes }) => bytes.includes('"kind":"probe"'));
    expect(probes.filter(({ to }) => to === 'all')).to.have.length(3);
    expect(probes.filter(({ to }) => to !== 'all').map(({ to }) => to)).to.deep.equal(Array(3).fill(['node1']));
    expect(a.broker.state).to.equal('up');
    expect(a.node.health()).to.include({ status: 'up', node: 'node1' });
    expect(a.named('broker.up')).to.deep.equal([{ name: 'broker.up', broker: 'memory' }]);
  });

  it('is not ready by probes that are lost in between', async () => {
    cluster.bus.dropNext(4);
    const a = cluster.open();
    await a.node.ready;
    expect(a.counters.probesBack).to.be.at.least(6);
    expect(a.counters.probesSent).to.be.at.least(10);
  });

  it('waits for a broker that is away, for as long as it takes, and is ready when it comes', async () => {
    cluster.bus.down(new Error('nobody there'));
    const a = cluster.open();
    await cluster.until(() => a.broker.state === 'down');
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 1));
    expect(error.code).to.equal('ERR_REALTIME_BROKER');
    cluster.bus.up();
    await a.node.ready;
    expect(a.broker.state).to.equal('up');
  });

  it('rejects ready at the start timeout, and becomes ready all the same', async () => {
    cluster.bus.down();
    const a = cluster.open({ startTimeoutMs: 30 });
    const error = await rejection(a.node.ready);
    expect(error.code).to.equal('ERR_REALTIME_START_TIMEOUT');
    expect(a.node.isReady).to.equal(false);
    cluster.bus.up();
    await cluster.until(() => a.node.isReady);
    expect(a.node.health().status).to.equal('up');
  });

  it('holds what is sent before the broker is there, and sends it then', async () => {
    const b = await cluster.start();
    const session = b.login(7);
    const a = cluster.open();
    expect(await a.sender.send({ userId: 7 }, 't', 1)).to.include({ relay: 'accepted' });
    await cluster.until(() => session.texts.length === 1);
  });

  it('gives up what waits too long for a broker that gives no news', async () => {
    cluster.bus.hang();
    const a = cluster.open({ settings: { startWaitMs: 40, deafAfterMs: 60_000, publishDeadlineMs: 80 } });
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 1));
    expect(error.code).to.equal('ERR_REALTIME_BROKER');
  });

  it('says goodbye and sends what is on its way before it closes; later sends are refused', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const there = b.login(7);
    const here = a.login(7);
    const sending = a.sender.send({ userId: 7 }, 't', 1);
    const closing = a.node.close();
    expect(a.node.close()).to.equal(closing);
    await closing;
    expect(await sending).to.include({ relay: 'accepted' });
    const last = cluster.bus.published.at(-1)?.bytes.toString();
    expect(last).to.include('"kind":"bye"');
    await cluster.until(() => there.texts.length === 1);
    await cluster.bus.settled();
    expect(b.counters.peers).to.equal(0);

    const error = await rejection(a.sender.send({ userId: 7 }, 't', 2));
    const second = await rejection(a.sender.disconnect({ userId: 7 }));
    expect([error.code, second.code]).to.deep.equal(['ERR_REALTIME_CLOSED', 'ERR_REALTIME_CLOSED']);
    expect(here.texts).to.deep.equal(['1']);
    expect(a.node.health().status).to.equal('closed');
  });

  it('closes in time while the broker hangs, and settles what waits', async () => {
    const a = await cluster.start({ settings: { closeDrainMs: 50 } });
    cluster.bus.hang();
    const sending = rejection(a.sender.send({ userId: 7 }, 't', 1));
    await a.node.close();
    expect((await sending).code).to.equal('ERR_REALTIME_CLOSED');
  });

  it('rejects ready when it is closed before', async () => {
    cluster.bus.down();
    const a = cluster.open();
    await a.node.close();
    expect((await rejection(a.node.ready)).code).to.equal('ERR_REALTIME_CLOSED');
    expect(a.errors).to.deep.equal([]);
  });
});
