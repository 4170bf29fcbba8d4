import { createServer } from 'node:http';
import express from 'express';
import { expect } from 'chai';
import { forgedBatch } from './forged-batch';
import type { AppServer } from '../support/app-server';
import type { Broker, RealtimeEvent } from '../../lib/index';
import { RealtimeError, attachRealtime } from '../../lib/index';
import { authenticate, closeAfterTest, startApp, tokenOf } from '../support/app-server';
import { localBroker } from '../../lib/cluster/brokers/local';
import { memoryBus, refusal } from '../../lib/testing/index';
import { rejection } from './support';

const noop = async (): Promise<void> => undefined;

describe('attach with a broker', () => {
  const name = 'shop';

  async function startThree(): Promise<{ bus: ReturnType<typeof memoryBus>; apps: readonly AppServer[] }> {
    const bus = memoryBus();
    const start = (): Promise<AppServer> => startApp({ name, broker: bus.broker() });
    const apps = [await start(), await start(), await start()];
    await Promise.all(apps.map(({ realtime }) => realtime.ready));
    return { bus, apps };
  }

  it('pushes from any process to a user on any other, on both wires, and closes there', async () => {
    const { apps } = await startThree();
    const [a, b, c] = apps as [AppServer, AppServer, AppServer];
    const plain = await a.login({ id: 7 });
    const v1 = await b.login({ id: 7 }, { protocols: ['express-realtime.v1'] });

    const receipt = await c.realtime.send({ userId: 7 }, 'news', { n: 1 });
    expect(receipt).to.include({ delivered: 0, relay: 'accepted' });
    expect(await plain.next('news')).to.deep.equal({ n: 1 });
    expect(await v1.next('news')).to.deep.equal({ n: 1 });

    const [session] = b.realtime.hub.list();
    await c.realtime.send({ sessionId: session?.id ?? '' }, 'direct', 2);
    expect(await v1.next('direct')).to.equal(2);

    await c.realtime.disconnect({ userId: 7 }, { reason: 'bye' });
    expect(await plain.closed).to.deep.equal({ code: 4403, reason: 'bye' });
    expect(await v1.closed).to.deep.equal({ code: 4403, reason: 'bye' });
  });

  it('pushes from a guest to the guests of a room on every node, and to nobody of a tenant', async () => {
    const bus = memoryBus();
    const start = (): Promise<AppServer> =>
      startApp({ name, broker: bus.broker(), multiTenant: true, anonymous: true });
    const [a, b] = [await start(), await start()];
    await Promise.all([a.realtime.ready, b.realtime.ready]);
    const [here, there] = [await a.login(null), await b.login(null)];
    const [session] = a.realtime.hub.list();
    const member = await b.login({ id: 7, tenantId: 't' });
    for (const { realtime } of [a, b]) for (const each of realtime.hub.list()) each.join('lobby');
    expect(await session?.sender.send({ room: 'lobby' }, 'hi', 1)).to.include({ delivered: 1, relay: 'accepted' });
    expect([await here.next('hi'), await there.next('hi')]).to.deep.equal([1, 1]);
    await a.realtime.send({ room: 'lobby', tenantId: 't' }, 'marker', 1);
    expect(await member.next('marker')).to.equal(1);
    expect(member.unread).to.deep.equal([]);
    await a.realtime.send({ room: 'lobby', allTenants: true }, 'all', 1);
    for (const client of [here, there]) {
      expect(await client.next('all')).to.equal(1);
      expect(client.unread).to.deep.equal([]);
    }
    expect(b.errors).to.deep.equal([]);
    expect(b.realtime.health().counters.dropped.scope).to.equal(0);
  });

  it('lets no forged content break out of the message around it', async () => {
    const { bus, apps } = await startThree();
    const [a, b] = apps as [AppServer, AppServer];
    const v1 = await a.login({ id: 7 }, { protocols: ['express-realtime.v1'] });
    const address = { scope: { tenant: '' }, audience: { kind: 'everyone' } };
    const frame = { kind: 'message', ...address, type: 't', id: 'x' };
    bus.inject(forgedBatch({ seq: 1 }, [frame, '"fit"']));
    await v1.next('t');
    bus.inject(forgedBatch({ seq: 2 }, [frame, '1,"type":"$error"']));
    await b.realtime.send({ userId: 7 }, 'marker', 1);
    expect(await v1.next('marker')).to.equal(1);
    expect(v1.unread.filter(({ type }) => type === 't' || type === '$error')).to.deep.equal([]);
    expect(a.realtime.health().counters.dropped.malformed).to.equal(1);
  });

  it('tells its health: node, sessions, broker and every counter', async () => {
    const { apps } = await startThree();
    const [a, b] = apps as [AppServer, AppServer];
    await a.login({ id: 7 });
    await b.realtime.send({ userId: 7 }, 't', 1);
    const health = a.realtime.health();
    expect(health).to.include({ status: 'up', sessions: 1 });
    expect(health.node).to.equal(a.realtime.hub.list()[0]?.id.split('.')[0]);
    expect(health.broker).to.include({ label: 'memory', state: 'up' });
    expect(health.counters.peers).to.equal(2);
    expect(Object.keys(health.counters)).to.have.members([
      ...['sent', 'sentBatches', 'rejected', 'received', 'dropped', 'missing', 'probesSent', 'probesBack', 'peers'],
    ]);
    expect(b.realtime.health().counters).to.include({ sent: 1, sentBatches: 1 });
  });

  it('is up and alone without a broker, and with the local one', async () => {
    for (const options of [{}, { broker: localBroker() }]) {
      const { realtime } = await startApp(options);
      await realtime.ready;
      expect(realtime.health()).to.include({ status: 'up', sessions: 0 });
      expect(realtime.health().broker).to.include({ label: 'local', state: 'up' });
      expect(await realtime.send({ userId: 7 }, 't', 1)).to.include({ delivered: 0, relay: 'none' });
      await realtime.close();
      expect(realtime.health().status).to.equal('closed');
      expect((await rejection(realtime.send({ userId: 7 }, 't', 1))).code).to.equal('ERR_REALTIME_CLOSED');
    }
  });

  it('pushes through a broker of the application that calls itself local', async () => {
    const bus = memoryBus();
    const start = (): Promise<AppServer> => startApp({ name, broker: Object.assign(bus.broker(), { label: 'local' }) });
    const [a, b] = [await start(), await start()];
    await Promise.all([a.realtime.ready, b.realtime.ready]);
    const client = await b.login({ id: 7 });
    expect(await a.realtime.send({ userId: 7 }, 'news', 1)).to.include({ delivered: 0, relay: 'accepted' });
    expect(await client.next('news')).to.equal(1);
  });

  it('serves sockets while the broker is away: startPolicy degrade', async () => {
    const bus = memoryBus();
    bus.down();
    const app = await startApp({ name, broker: bus.broker() });
    const client = await app.login({ id: 7 });
    const error = await rejection(app.realtime.send({ userId: 7 }, 'here', 1));
    expect(error.code).to.equal('ERR_REALTIME_BROKER');
    expect(await client.next('here')).to.equal(1);
    expect(app.realtime.health()).to.include({ status: 'degraded', sessions: 1 });
    bus.up();
    await app.realtime.ready;
    expect(app.realtime.health().status).to.equal('up');
  });

  it('answers 503 until the broker was there once: startPolicy require', async () => {
    const bus = memoryBus();
    bus.down();
    const events: RealtimeEvent[] = [];
    let tellUp: () => void = () => undefined;
    const isUp = new Promise<void>((resolve) => {
      tellUp = resolve;
    });
    const app = await startApp({
      ...{ name, broker: bus.broker(), startPolicy: 'require', startTimeoutMs: 50 },
      onEvent: (event) => {
        events.push(event);
        if (event.name === 'broker.up') tellUp();
      },
    });
    const token = tokenOf({ id: 7 });
    expect((await refusal(app.server, { token })).status).to.equal(503);
    expect((await rejection(app.realtime.ready)).code).to.equal('ERR_REALTIME_START_TIMEOUT');
    expect((await refusal(app.server, { token })).status).to.equal(503);
    const refused = events.filter((event) => event.name === 'handshake.refused');
    expect(refused.map(({ why }) => why)).to.deep.equal(['not-ready', 'not-ready']);

    bus.up();
    await isUp;
    await app.login({ id: 7 });
    bus.down();
    await app.login({ id: 8 });
    expect(app.realtime.health()).to.include({ status: 'degraded', sessions: 2 });
  });

  it('tells of a broker that is set up wrongly: ready rejects, onError, health; local sockets are served', async () => {
    const fault = new RealtimeError('ERR_REALTIME_BROKER_SETUP', 'spy: wrong password');
    const failing = async (): Promise<void> => {
      throw fault;
    };
    const throwing = (): Promise<void> => {
      throw fault;
    };
    for (const start of [failing, throwing]) {
      const broker: Broker = { label: 'spy', start, publish: noop, close: noop };
      const app = await startApp({ name, broker });
      const client = await app.login({ id: 7 });
      expect(await rejection(app.realtime.ready)).to.equal(fault);
      expect((await app.nextError()).error).to.equal(fault);
      expect(app.realtime.health()).to.include({ status: 'degraded' });
      expect(app.realtime.health().broker).to.include({ state: 'down', cause: 'spy: wrong password' });
      const error = await rejection(app.realtime.send({ userId: 7 }, 't', 1));
      expect(error.code).to.equal('ERR_REALTIME_BROKER');
      expect(await client.next('t')).to.equal(1);
    }
  });

  it('starts no broker when it is not enabled, and lets go of it when the attach fails', async () => {
    const bus = memoryBus();
    const off = await startApp({ name, broker: bus.broker(), enabled: false });
    expect(off.realtime.health().broker.label).to.equal('local');

    const app = express();
    const server = createServer(app);
    const first = attachRealtime(server, { app, authenticate });
    closeAfterTest(() => first.close());
    const isClosed = new Promise<void>((resolve) => {
      const broker = { ...bus.broker(), label: 'spy', start: noop, publish: noop, close: async () => resolve() };
      expect(() => attachRealtime(server, { app, authenticate, name, broker, localsKey: 'second' })).to.throw(/path/);
    });
    await isClosed;
  });
});
