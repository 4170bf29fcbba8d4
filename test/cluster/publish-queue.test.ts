import { expect } from 'chai';
import { PublishQueue } from '../../lib/cluster/brokers/publish-queue';
import { rejection } from './support';

const TIMEOUT_MS = 60;
const bytes = Buffer.from('x');

describe('publish queue', () => {
  const realSetTimeout = globalThis.setTimeout;
  let queue: PublishQueue;
  let timers = 0;

  beforeEach(() => {
    timers = 0;
    globalThis.setTimeout = ((...given: Parameters<typeof setTimeout>) => {
      timers += 1;
      return realSetTimeout(...given);
    }) as typeof setTimeout;
    queue = new PublishQueue({ label: 'broker', timeoutMs: TIMEOUT_MS, maxInFlight: 10, maxPendingBytes: 1000 });
  });
  afterEach(() => {
    globalThis.setTimeout = realSetTimeout;
    queue.close();
  });

  it('sets one timer for a hundred publishes, not one for each', async () => {
    queue.open(() => Promise.resolve());
    for (let n = 0; n < 100; n += 1) await queue.publish(bytes, 'all');
    expect(timers).to.equal(1);
  });

  it('gives each publish its whole time, whenever the one before was answered', async () => {
    const answers: (() => void)[] = [];
    queue.open(() => new Promise((resolve) => answers.push(resolve)));
    const first = queue.publish(bytes, 'all');
    await new Promise((resolve) => realSetTimeout(resolve, TIMEOUT_MS / 2));
    const sentAt = performance.now();
    const second = queue.publish(bytes, 'all');
    answers[0]?.();
    await first;
    expect((await rejection(second)).message).to.match(/did not answer within 60 ms/);
    expect(performance.now() - sentAt).to.be.at.least(TIMEOUT_MS - 2);
  });
});
