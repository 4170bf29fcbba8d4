import { expect } from 'chai';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { startServer, stopServers } from './support';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('login expiry', () => {
  const { now } = Date;

  afterEach(async () => {
    Date.now = now;
    await stopServers();
  });

  it('closes with 4401 when the login ends, not before and at most a second late', async () => {
    const server = await startServer();
    const expiresAtMs = Date.now() + 700;
    const client = await server.connect({ id: 1, expiresAtMs });
    const { code, reason } = await client.closed;
    const late = Date.now() - expiresAtMs;
    expect({ code, reason }).to.deep.equal({ code: 4401, reason: 'login expired' });
    // One more tick of slack: other programs may hold this one up.
    expect(late).to.be.within(0, 1500);
    await server.closings(1);
    expect(server.closed[0]?.info).to.deep.equal({ code: 4401, reason: 'login expired', why: 'expired' });
  });

  it('delivers what was queued before the login ended', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1, expiresAtMs: Date.now() + 300 });
    client.session.send('n', 'last words');
    await client.closed;
    expect(client.messages).to.deep.equal([{ type: 'n', content: 'last words' }]);
  });

  it('ends each of several sessions at its own time, in the order of their ends', async () => {
    const server = await startServer();
    const start = Date.now();
    const ends = [900, 200, 1600, 200];
    const clients = await Promise.all(ends.map((ms, id) => server.connect({ id, expiresAtMs: start + ms })));
    const endless = await server.connect({ id: 'endless' });
    await Promise.all(clients.map((client) => client.closed));
    await server.closings(4);
    const order = server.closed.map(({ session }) => Number(session.loginUser?.id));
    expect(order.slice(0, 2).sort()).to.deep.equal([1, 3]);
    expect(order.slice(2)).to.deep.equal([0, 2]);
    await endless.settle();
  });

  for (const days of [24, 25, 30, 3650]) {
    it(`keeps a login of ${days} days open`, async () => {
      const server = await startServer();
      const client = await server.connect({ id: 1, expiresAtMs: Date.now() + days * DAY_MS });
      const marker = await server.connect({ id: 2, expiresAtMs: Date.now() + 100 });
      await marker.closed;
      await client.settle();
      expect(server.closed).to.have.length(1);
    });
  }

  it('keeps a login that ends at the largest number open', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1, expiresAtMs: Number.MAX_VALUE });
    const marker = await server.connect({ id: 2, expiresAtMs: Date.now() + 100 });
    await marker.closed;
    await client.settle();
    expect(server.closed).to.have.length(1);
  });

  it('does not keep a login that has ended already', async () => {
    const server = await startServer();
    for (const expiresAtMs of [Date.now() - 1, Date.now() - 30 * DAY_MS, 0, -1]) {
      const ws = new WebSocket(server.url({ id: 1, expiresAtMs }));
      ws.on('error', () => undefined);
      await once(ws, 'close');
    }
    while (server.closed.length < server.opened.length) await server.closings(server.opened.length);
    expect(server.realtime.hub.count()).to.equal(0);
    expect(server.closed.every(({ info }) => info.code === 4401)).to.equal(true);
  });

  it('follows the clock of the machine when it is set', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1, expiresAtMs: Date.now() + 10 * DAY_MS });
    Date.now = () => now() + 11 * DAY_MS;
    expect((await client.closed).code).to.equal(4401);
  });

  it('tells the end once, and not at all where the session was over before', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1, expiresAtMs: Date.now() + 300 });
    client.session.close(4000, 'before');
    const marker = await server.connect({ id: 2, expiresAtMs: Date.now() + 400 });
    await marker.closed;
    await server.closings(2);
    expect(server.closed.map(({ info }) => info.why)).to.deep.equal(['app', 'expired']);
  });
});
