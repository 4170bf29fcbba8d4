import { expect } from 'chai';
import type { MemoryMessage } from '../../lib/testing/memory-broker';
import type { NodeOptions, TestNode } from './support';
import { TestCluster, rejection } from './support';

describe('cluster: batches', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster();
  });
  afterEach(() => cluster.close());

  /** A node whose greeting is out, so that the next publish is the test's. */
  async function startQuiet(settings: NodeOptions['settings'] = {}): Promise<TestNode> {
    const node = await cluster.start({ settings });
    await node.sender.send({ room: 'nobody' }, 't', 'greeting');
    return node;
  }

  function pushesAfter(index: number): readonly MemoryMessage[] {
    return cluster.bus.published.slice(index).filter(({ bytes }) => bytes.includes('"kind":"message"'));
  }

  const framesIn = ({ bytes }: MemoryMessage): number => bytes.toString().split('"kind":"message"').length - 1;

  it('publishes what is sent in one tick as one broker message, and counts both', async () => {
    const a = await startQuiet();
    const before = cluster.bus.published.length;
    const counted = a.counters;
    await Promise.all(Array.from({ length: 300 }, (_, n) => a.sender.send({ userId: n }, 't', n)));
    expect(pushesAfter(before).map(framesIn)).to.deep.equal([300]);
    expect(a.counters.sent - counted.sent).to.equal(300);
    expect(a.counters.sentBatches - counted.sentBatches).to.equal(1);
    expect(a.counters.rejected).to.equal(0);
  });

  it('publishes one by one for a caller that awaits each send', async () => {
    const a = await startQuiet();
    const before = cluster.bus.published.length;
    for (let n = 0; n < 5; n += 1) await a.sender.send({ userId: 7 }, 't', n);
    expect(pushesAfter(before).map(framesIn)).to.deep.equal([1, 1, 1, 1, 1]);
  });

  it('publishes what piles up behind a publish as the next broker message', async () => {
    const a = await startQuiet({ deafAfterMs: 60_000 });
    const before = cluster.bus.published.length;
    cluster.bus.hang();
    const first = a.sender.send({ userId: 7 }, 't', 'first');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const rest: Promise<unknown>[] = [];
    for (let n = 0; n < 40; n += 1) {
      rest.push(a.sender.send({ userId: 7 }, 't', n));
      await new Promise((resolve) => setImmediate(resolve));
    }
    cluster.bus.resume();
    await Promise.all([first, ...rest]);
    expect(pushesAfter(before).map(framesIn)).to.deep.equal([1, 40]);
  });

  describe('while the clock stands', () => {
    const { now } = performance;
    afterEach(() => {
      performance.now = now;
    });

    const nextTick = () => new Promise<void>((resolve) => process.nextTick(resolve));
    const send = (node: TestNode) => node.sender.send({ userId: 7 }, 't', 'text');

    /** A batch of some frames has been taken, and one frame came while it was under way. */
    async function afterBatch(node: TestNode, frames: number): Promise<{ readonly waiting: Promise<unknown> }> {
      const stoppedAt = performance.now();
      performance.now = () => stoppedAt;
      cluster.bus.hang();
      const batch = Promise.all(Array.from({ length: frames }, () => send(node)));
      await nextTick();
      const waiting = send(node);
      cluster.bus.resume();
      await batch;
      return { waiting };
    }

    it('a busy route gathers what several callbacks send', async () => {
      const a = await startQuiet();
      const before = cluster.bus.published.length;
      const sends = [(await afterBatch(a, 4)).waiting];
      for (let more = 0; more < 3; more += 1) {
        await nextTick();
        sends.push(send(a));
      }
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([4]);
      await Promise.all(sends);
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([4, 4]);
    });

    it('a route that is not busy goes on at once', async () => {
      const a = await startQuiet();
      const before = cluster.bus.published.length;
      const { waiting } = await afterBatch(a, 3);
      await nextTick();
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([3, 1]);
      await waiting;
    });

    it('a batch that is full waits for nothing', async () => {
      const a = await startQuiet({ maxBatchFrames: 4 });
      const before = cluster.bus.published.length;
      const sends = [(await afterBatch(a, 4)).waiting, send(a), send(a), send(a), send(a)];
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([4, 4]);
      await Promise.all(sends);
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([4, 4, 1]);
    });

    it('callers that await each send never wait', async () => {
      const a = await startQuiet();
      const before = cluster.bus.published.length;
      const { setTimeout: real } = globalThis;
      let timers = 0;
      globalThis.setTimeout = Object.assign((...args: Parameters<typeof real>) => {
        timers += 1;
        return real(...args);
      }, real);
      try {
        for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 8 }, () => send(a)));
      } finally {
        globalThis.setTimeout = real;
      }
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([8, 8, 8, 8, 8]);
      expect(timers).to.equal(0);
    });

    it('a node that closes sends what is being gathered', async () => {
      const a = await startQuiet();
      const before = cluster.bus.published.length;
      const { waiting } = await afterBatch(a, 4);
      performance.now = now;
      await Promise.all([waiting, a.node.close()]);
      expect(pushesAfter(before).map(framesIn)).to.deep.equal([4, 1]);
    });

    it('what waits behind a batch of many that is refused goes its way', async () => {
      const a = await startQuiet();
      cluster.bus.rejectNext(1, (bytes) => bytes.includes('refused'));
      const refused = Array.from({ length: 4 }, () => a.sender.send({ userId: 7 }, 't', 'refused'));
      await nextTick();
      const outcomes = await Promise.allSettled([...refused, send(a)]);
      expect(outcomes.map(({ status }) => status)).to.deep.equal([...Array(4).fill('rejected'), 'fulfilled']);
    });
  });

  it('bounds a broker message in frames and in bytes; a larger frame goes alone', async () => {
    const a = await startQuiet({ maxBatchFrames: 10, maxBatchBytes: 4000 });
    const b = await cluster.start();
    const session = b.login(7);
    const before = cluster.bus.published.length;
    const sends = Array.from({ length: 25 }, (_, n) => a.sender.send({ userId: 7 }, 't', n));
    sends.push(a.sender.send({ userId: 7 }, 't', 'x'.repeat(9000)), a.sender.send({ userId: 7 }, 't', 'end'));
    await Promise.all(sends);
    await cluster.until(() => session.texts.length === 27);
    expect(pushesAfter(before).map(framesIn)).to.deep.equal([10, 10, 5, 1, 1]);
    expect(session.texts.slice(0, 25)).to.deep.equal(Array.from({ length: 25 }, (_, n) => String(n)));
    expect(session.texts[26]).to.equal('"end"');
  });

  it('settles each send with its own batch', async () => {
    const a = await startQuiet({ maxBatchFrames: 2 });
    cluster.bus.rejectNext(1, (bytes) => bytes.includes('second'));
    const outcomes = await Promise.allSettled(
      ['first', 'first', 'second', 'second', 'third'].map((text) => a.sender.send({ userId: 7 }, 't', text)),
    );
    expect(outcomes.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
  });

  it('has one publish under way on each route, and does not let one route wait for another', async () => {
    const a = await startQuiet();
    const before = cluster.bus.published.length;
    await Promise.all([
      a.sender.send({ userId: 7 }, 't', 1),
      a.sender.send({ sessionId: 'x.1' }, 't', 2),
      a.sender.send({ sessionId: 'x.2' }, 't', 3),
      a.sender.send({ sessionId: 'y.1' }, 't', 4),
      a.sender.send({ userId: 8 }, 't', 5),
    ]);
    const sent = pushesAfter(before);
    expect(sent.map(({ to }) => to)).to.deep.equal(['all', ['x'], ['y']]);
    expect(sent.map(framesIn)).to.deep.equal([2, 2, 1]);
  });

  it('refuses at once what would wait above the bound of bytes, and takes again once it is free', async () => {
    const a = await startQuiet({ maxQueuedBytes: 20_000, deafAfterMs: 60_000 });
    cluster.bus.hang();
    const content = 'x'.repeat(1000);
    const waiting = Array.from({ length: 15 }, () => a.sender.send({ userId: 7 }, 't', content));
    const refused = await rejection(
      Promise.all(Array.from({ length: 5 }, () => a.sender.send({ userId: 7 }, 't', content))),
    );
    expect(refused.code).to.equal('ERR_REALTIME_BROKER');
    expect((refused.cause as Error).message).to.match(/bytes are waiting for it; it was not sent$/);
    cluster.bus.resume();
    await Promise.all(waiting);
    expect(await a.sender.send({ userId: 7 }, 't', content)).to.include({ relay: 'accepted' });
  });

  it('refuses a frame above the size bound', async () => {
    const a = await startQuiet({ maxFrameBytes: 2000 });
    const error = await rejection(a.sender.send({ userId: 7 }, 't', 'x'.repeat(2000)));
    expect((error.cause as Error).message).to.match(/above the limit of 2000/);
  });

  it('gives each frame that leaves the next number of its route', async () => {
    const a = await startQuiet();
    const before = cluster.bus.published.length;
    for (let n = 0; n < 3; n += 1) {
      await Promise.all([a.sender.send({ userId: 7 }, 't', n), a.sender.send({ sessionId: 'x.1' }, 't', n)]);
    }
    const numbers = (route: string): number[] =>
      pushesAfter(before)
        .filter(({ to }) => (route === 'all' ? to === 'all' : to.includes(route)))
        .map(({ bytes }) => Number(/"seq":(\d+)/.exec(bytes.toString())?.[1]));
    const [first = 0] = numbers('all');
    expect(numbers('all')).to.deep.equal([first, first + 1, first + 2]);
    expect(numbers('x')).to.deep.equal([1, 2, 3]);
  });
});
