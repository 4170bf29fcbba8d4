import { expect } from 'chai';
import type { Suite } from 'mocha';
import type { RevocationStore } from '../../lib/index';
import { createSender, redisRevocations } from '../../lib/index';
import { memoryBus, refusal, tryConnect } from '../../lib/testing/index';
import type { AppServer } from '../support/app-server';
import { closeAfterTest } from '../support/app-server';
import { missingRedis, startRedis } from '../servers/redis';
import { describeWithServer } from '../servers/server';
import { issued, start, tokenOf } from './support';

const LOGIN = issued(7, Date.now() - 60_000, { tokenId: 'one' });

const statusOf = async ({ server }: AppServer): Promise<number> =>
  (await refusal(server, { token: tokenOf(LOGIN) })).status;

describe('revocations that are kept in a store', () => {
  it('are known to a process that starts alone, after all others have gone', async () => {
    const store = new FakeStore();
    const before = await start({ revocations: store });
    await before.realtime.revoke({ userId: 7, issuedBefore: Date.now() });
    await before.realtime.close();
    const after = await start({ revocations: store });
    await after.realtime.ready;
    expect(await statusOf(after)).to.equal(401);
  });

  it('end sessions that were let in before the list was read; ready waits, and a failed read is told', async () => {
    const store = new FakeStore();
    store.texts.push(
      JSON.stringify({ kind: 'token', scope: { tenant: '' }, tokenId: 'one', untilMs: Date.now() + 60_000 }),
    );
    store.isAway = true;
    const app = await start({ revocations: store });
    const client = await app.login(LOGIN);
    expect((await app.nextError()).error.message).to.equal('the store is away');
    store.isAway = false;
    await app.realtime.ready;
    expect((await client.closed).code).to.equal(4401);
    expect(await statusOf(app)).to.equal(401);
  });

  it('reject the call when the store does not take it: applied here all the same', async () => {
    const store = new FakeStore();
    const app = await start({ revocations: store });
    await app.realtime.ready;
    store.isAway = true;
    const error: unknown = await app.realtime.revoke({ tokenId: 'one' }).catch((cause: unknown) => cause);
    expect(error).to.include({ code: 'ERR_REALTIME_BROKER' });
    expect(await statusOf(app)).to.equal(401);
  });

  it('are kept by a worker, too', async () => {
    const store = new FakeStore();
    const worker = createSender({ name: 'shop', broker: memoryBus().broker(), revocations: store });
    closeAfterTest(() => worker.close());
    await worker.revoke({ tokenId: 'one' });
    expect(store.texts).to.have.length(1);
  });

  it('pass over what is no revocation, and what belongs to an application with tenants', async () => {
    const store = new FakeStore();
    const untilMs = Date.now() + 60_000;
    store.texts.push(
      'junk',
      '[]',
      'null',
      '{}',
      JSON.stringify({ kind: 'token', scope: { tenant: 'x' }, tokenId: 'one', untilMs }),
    );
    const app = await start({ revocations: store });
    await app.realtime.ready;
    const client = await tryConnect(app.server, { token: tokenOf(LOGIN) });
    expect(client).to.have.property('closed');
    if ('terminate' in client) closeAfterTest(() => client.terminate());
  });

  it('are asked for no longer when the attach fails', async () => {
    const store = new FakeStore();
    store.isAway = true;
    let loads = 0;
    const load = store.load.bind(store);
    store.load = () => {
      loads += 1;
      return load();
    };
    const errors: unknown[] = [];
    const failed = start({ revocations: store, origins: ['no origin'], onError: (error) => errors.push(error) });
    expect(await failed.catch((error: unknown) => error)).to.include({ code: 'ERR_REALTIME_OPTION' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).to.deep.equal([]);
    expect(loads).to.be.lessThan(2);
  });

  it('need a store that can keep and load', async () => {
    const attach = start({ revocations: {} as RevocationStore }).catch((error: unknown) => error);
    expect(await attach).to.include({ code: 'ERR_REALTIME_OPTION' });
  });
});

describeWithServer('revocations in Redis', missingRedis(), function (this: Suite) {
  this.timeout(20_000);

  it('are known after a restart, and leave Redis when they have ended', async () => {
    const redis = await startRedis();
    closeAfterTest(() => redis.stop());
    const client = redis.connect();
    closeAfterTest(async () => client.disconnect());
    const store = redisRevocations(client, 'shop:revocations');
    await client.zadd('shop:revocations', Date.now() - 1, 'ended');
    const before = await start({ revocations: store });
    await before.realtime.revoke({ tokenId: 'one' });
    await before.realtime.close();
    const after = await start({ revocations: store });
    await after.realtime.ready;
    expect(await statusOf(after)).to.equal(401);
    expect(await client.zcard('shop:revocations')).to.equal(1);
  });
});

/** A store that can be away. */
class FakeStore implements RevocationStore {
  readonly texts: string[] = [];
  isAway = false;

  async keep(text: string): Promise<void> {
    this.#reach();
    this.texts.push(text);
  }

  async load(): Promise<readonly string[]> {
    this.#reach();
    return this.texts;
  }

  #reach(): void {
    if (this.isAway) throw new Error('the store is away');
  }
}
