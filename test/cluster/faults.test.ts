import { expect } from 'chai';
import { RelayError } from '../../lib/model/receipt';
import { TestCluster, rejection } from './support';
import { forgedBatch } from './forged-batch';
import type { TestNode } from './support';

/** Faults are for pushes; frames about the nodes themselves pass. */
const isPush = (bytes: Buffer): boolean => bytes.includes('"kind":"message"');
const isProbe = (bytes: Buffer): boolean => bytes.includes('"kind":"probe"');

describe('cluster: when the broker fails', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster();
  });
  afterEach(() => cluster.close());

  async function startTwo(): Promise<[TestNode, TestNode]> {
    return Promise.all([cluster.start(), cluster.start()]);
  }

  it('delivers a message once that the broker delivers twice', async () => {
    const [a, b] = await startTwo();
    const session = b.login(7);
    cluster.bus.duplicateNext(1, isPush);
    await a.sender.send({ userId: 7 }, 't', 1);
    await a.sender.send({ userId: 7 }, 't', 2);
    await cluster.until(() => session.texts.includes('2') && b.counters.dropped.duplicate > 0);
    expect(session.texts).to.deep.equal(['1', '2']);
    expect(b.named('relay.dropped')).to.deep.equal([{ name: 'relay.dropped', why: 'duplicate', node: a.node.nodeId }]);
  });

  it('delivers a message that comes late, and counts no gap for it', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start({ settings: { relayMaxAgeMs: 50 } })]);
    const session = b.login(7);
    cluster.bus.reorderNext(isPush);
    await a.sender.send({ userId: 7 }, 't', 1);
    await a.sender.send({ userId: 7 }, 't', 2);
    await cluster.until(() => session.texts.length === 2);
    expect(session.texts).to.deep.equal(['2', '1']);
    cluster.bus.dropNext(1, isPush);
    await a.sender.send({ userId: 7 }, 't', 3);
    await a.sender.send({ userId: 7 }, 't', 4);
    await cluster.until(() => b.named('relay.gap').length > 0);
    expect(b.named('relay.gap')).to.deep.equal([{ name: 'relay.gap', node: a.node.nodeId, missing: 1 }]);
    expect(b.counters.missing).to.equal(1);
  });

  it('takes a message for one node as no gap for the others', async () => {
    const settings = { relayMaxAgeMs: 30 };
    const [a, b, c] = await Promise.all([cluster.start(), cluster.start({ settings }), cluster.start({ settings })]);
    const there = b.login(7);
    c.login(7);
    for (let n = 0; n < 5; n += 1) await a.sender.send({ sessionId: there.id }, 't', n);
    cluster.bus.dropNext(1, isPush);
    await a.sender.send({ sessionId: there.id }, 't', 'lost');
    await a.sender.send({ sessionId: there.id }, 't', 'after');
    await a.sender.send({ userId: 7 }, 't', 'all');
    await cluster.until(() => b.counters.missing > 0);
    expect(b.counters.missing).to.equal(1);
    expect(c.counters.missing).to.equal(0);
  });

  it('drops a message that is too old, and says so', async () => {
    const b = await cluster.start();
    const session = b.login(7);
    // No probe of this node ever comes: its clock is taken to be right.
    const frame = { kind: 'message', scope: { tenant: '' }, audience: { kind: 'everyone' }, type: 't', id: 'x' };
    cluster.bus.inject(forgedBatch({ node: 'ghost', at: Date.now() - 31_000 }, [frame, '1']));
    await cluster.until(() => b.counters.dropped.stale === 1);
    expect(session.texts).to.deep.equal([]);
    expect(b.named('relay.dropped')).to.deep.equal([{ name: 'relay.dropped', why: 'stale', node: 'ghost' }]);
  });

  for (const skewMs of [60_000, -60_000]) {
    it(`delivers from a node whose clock is ${skewMs} ms off, and tells the skew once`, async () => {
      const b = await cluster.start();
      const session = b.login(7);
      const a = await cluster.start({ settings: { now: () => Date.now() - skewMs } });
      await a.sender.send({ userId: 7 }, 't', 1);
      await cluster.until(() => session.texts.length === 1 && b.named('relay.skew').length > 0);
      await a.sender.send({ userId: 7 }, 't', 2);
      await cluster.until(() => session.texts.length === 2);
      const [skew, ...more] = b.named('relay.skew');
      expect(more).to.deep.equal([]);
      expect(skew?.skewMs).to.be.within(skewMs - 2000, skewMs + 2000);
      expect(b.counters.dropped.stale).to.equal(0);
    });
  }

  it('still delivers what was stuck for a while but is not too old', async () => {
    const [a, b] = await startTwo();
    const session = b.login(7);
    await a.sender.send({ room: 'nobody' }, 't', 'the greeting is out');
    cluster.bus.hang();
    const sending = a.sender.send({ userId: 7 }, 't', 1);
    await cluster.until(() => a.broker.state === 'down');
    cluster.bus.resume();
    await cluster.until(() => session.texts.length === 1);
    expect(await sending).to.include({ relay: 'accepted' });
  });

  it('delivers here and rejects at once while the broker is down, and is back when it is', async () => {
    const [a, b] = await startTwo();
    const here = a.login(7);
    const there = b.login(7);
    cluster.bus.down(new Error('connection refused by amqp://guest:se@cret@host'));
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 1));

    expect(error).to.be.instanceOf(RelayError);
    expect(error.code).to.equal('ERR_REALTIME_BROKER');
    expect((error as RelayError).receipt).to.include({ delivered: 1, relay: 'none' });
    expect(here.texts).to.deep.equal(['1']);
    const health = a.node.health();
    expect(health.status).to.equal('degraded');
    expect(health.broker).to.include({ label: 'memory', state: 'down' });
    expect(health.broker.cause).to.equal('connection refused by amqp://host');
    expect(health.broker.sinceMs).to.be.within(Date.now() - 5000, Date.now());
    expect(health.counters.rejected).to.equal(1);
    expect(a.named('broker.down')).to.have.length(1);

    cluster.bus.up();
    await cluster.until(() => [a, b].every(({ broker }) => broker.state === 'up'));
    expect(await a.sender.send({ userId: 7 }, 't', 2)).to.include({ relay: 'accepted' });
    await cluster.until(() => there.texts.length > 0);
    expect(there.texts).to.deep.equal(['2']);
    expect(a.named('broker.up')).to.have.length(2);
    expect(a.broker).to.not.have.property('cause');
    expect([...a.errors, ...b.errors]).to.deep.equal([]);
  });

  it('notices a broker that hangs by its probes, and that it is back', async () => {
    const [a, b] = await startTwo();
    const there = b.login(7);
    cluster.bus.hang();
    await cluster.until(() => a.broker.state === 'down' && b.broker.state === 'down');
    expect(a.broker.cause).to.match(/came back for 200 ms/);
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 'while it hangs'));
    expect(error.code).to.equal('ERR_REALTIME_BROKER');

    cluster.bus.resume();
    await cluster.until(() => a.broker.state === 'up' && b.broker.state === 'up');
    await a.sender.send({ userId: 7 }, 't', 'after');
    await cluster.until(() => there.texts.length > 0);
    expect(there.texts).to.deep.equal(['"after"']);
    expect(a.named('broker.down')).to.have.length(1);
    expect(a.named('broker.up')).to.have.length(2);
  });

  it('settles a send by the deadline of the node when the broker never answers', async () => {
    const a = await cluster.start({ settings: { publishDeadlineMs: 100, deafAfterMs: 60_000 } });
    await a.sender.send({ room: 'nobody' }, 't', 'the greeting is out');
    cluster.bus.hang();
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 1));
    expect(error.code).to.equal('ERR_REALTIME_BROKER');
    expect((error.cause as Error).message).to.equal('memory did not take the message: it did not answer within 100 ms');
  });

  it('tells a send that the broker rejected and delivers all the same as unknown, and delivers it once', async () => {
    const [a, b] = await startTwo();
    const session = b.login(7);
    cluster.bus.rejectNext(1, isPush);
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 1));
    await cluster.until(() => session.texts.length === 1);
    expect(error.code).to.equal('ERR_REALTIME_BROKER');
    expect(error.message).to.match(/unknown/);
    expect(a.counters.rejected).to.equal(1);
  });

  it('tells of two nodes on one consumer group', async () => {
    const group = { broker: { group: 'slot-1' } };
    const a = await cluster.start(group);
    // The bus shares messages in turn: of two that start in step each would get its own probes.
    const b = cluster.open(group);
    const codes = (node: TestNode): unknown[] => node.errors.map((error) => (error as { code: string }).code);
    await cluster.until(() => a.errors.length > 0 || b.errors.length > 0);
    expect([...codes(a), ...codes(b)]).to.include('ERR_REALTIME_GROUP_SHARED');
  });

  it('does not take an outage for a shared group', async () => {
    const [a, b] = await startTwo();
    for (let round = 0; round < 4; round += 1) {
      cluster.bus.down();
      cluster.bus.dropNext(8, isProbe);
      cluster.bus.up();
      await cluster.until(() => a.broker.state === 'up' && b.broker.state === 'up');
    }
    expect([...a.errors, ...b.errors]).to.deep.equal([]);
  });
});
