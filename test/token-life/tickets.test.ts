import { expect } from 'chai';
import type { Suite } from 'mocha';
import request from 'supertest';
import type { Redis } from 'ioredis';
import type { LoginUserInput, TicketStore } from '../../lib/index';
import { memoryTickets, redisTickets, ticketRoute } from '../../lib/index';
import { refusal, tryConnect } from '../../lib/testing/index';
import { TestClient } from '../../lib/testing/test-client';
import type { AppServer, AppServerOptions } from '../support/app-server';
import { closeAfterTest, openClient } from '../support/app-server';
import type { RedisServer } from '../servers/redis';
import { missingRedis, startRedis } from '../servers/redis';
import { describeWithServer } from '../servers/server';
import { HOUR_MS, start, tokenOf, userOf } from './support';

interface Ticket {
  readonly ticket: string;
  readonly expiresInMs: number;
}

describe('one-time tickets in memory', () => {
  describeTickets(() => {
    const tickets = memoryTickets();
    return [tickets, tickets];
  });

  it('keep a bounded number: the oldest is given up', async () => {
    const tickets = memoryTickets();
    for (let each = 0; each <= 100_000; each += 1) await tickets.keep(`t${each}`, { id: 7 }, HOUR_MS);
    expect(await tickets.read('t0')).to.equal(undefined);
    expect(await tickets.read('t100000')).to.deep.equal({ id: 7 });
  });

  it('throw for options that cannot be used', () => {
    expect(() => ticketRoute({ authorize: () => null } as never)).to.throw('tickets must be a ticket store');
    expect(() => ticketRoute({ tickets: memoryTickets() } as never)).to.throw('authorize must be a function');
    expect(() => ticketRoute({ tickets: memoryTickets(), authorize: () => null, ttlMs: 0 })).to.throw('ttlMs');
  });
});

describeWithServer('one-time tickets in Redis', missingRedis(), function (this: Suite) {
  this.timeout(20_000);
  let redis: RedisServer;
  let clients: Redis[];

  before(async () => {
    redis = await startRedis();
    clients = [redis.connect(), redis.connect()];
  });
  after(async () => {
    for (const client of clients) client.disconnect();
    await redis.stop();
  });

  describeTickets(() => {
    const [a, b] = clients as [Redis, Redis];
    return [redisTickets(a), redisTickets(b)];
  });

  it('do not stand in Redis as they are, and leave it when they are spent or over', async () => {
    const [client] = clients as [Redis];
    await client.flushall();
    const { a, b, buy } = await startPair([redisTickets(client), redisTickets(client)]);
    const { ticket } = await buy({ id: 7 });
    const [key = ''] = await client.keys('*');
    expect(key).to.match(/^express-realtime:ticket:/);
    expect(`${key}${await client.get(key)}`).to.not.contain(ticket);
    expect(await client.pttl(key)).to.be.within(1, 30_000);
    await openClient(b.server, { path: `/ws?ticket=${ticket}` });
    expect(await client.keys('*')).to.deep.equal([]);
    expect(a.errors).to.deep.equal([]);
  });

  it('answer 503 while Redis is away, and say why to onError', async () => {
    const away = redis.connect();
    away.disconnect();
    const app = await start({ tickets: redisTickets(away) });
    expect((await refusal(app.server, { path: '/ws?ticket=x' })).status).to.equal(503);
    expect((await app.nextError()).error.message).to.match(/Connection is closed/);
  });
});

/** What is so with every store; `open` gives one store as two nodes see it. */
function describeTickets(open: () => readonly [TicketStore, TicketStore]): void {
  it('are bought on one node and good once on another', async () => {
    const { a, b, buy } = await startPair(open());
    const { ticket, expiresInMs } = await buy({ id: 7, userType: 2, expiresAtMs: Date.now() + HOUR_MS });
    expect(expiresInMs).to.equal(30_000);
    expect(ticket).to.match(/^[\w-]{43}$/);
    await openClient(b.server, { path: `/ws?ticket=${ticket}` });
    const [session] = b.realtime.hub.list();
    expect(session?.loginUser).to.include({ id: 7, userType: 2 }).and.to.have.property('expiresAtMs');
    for (const { server } of [a, b]) {
      expect((await refusal(server, { path: `/ws?ticket=${ticket}` })).status).to.equal(401);
    }
  });

  it('let one in of many that come at once, on all nodes together', async () => {
    const { a, b, buy } = await startPair(open());
    const { ticket } = await buy({ id: 7 });
    const servers = Array.from({ length: 10 }, (_each, index) => (index % 2 === 0 ? a : b).server);
    const outcomes = await Promise.all(servers.map((server) => tryConnect(server, { path: `/ws?ticket=${ticket}` })));
    const clients = outcomes.filter((outcome) => outcome instanceof TestClient);
    for (const client of clients) closeAfterTest(() => client.terminate());
    expect(clients).to.have.length(1);
    const statuses = outcomes.flatMap((outcome) => (outcome instanceof TestClient ? [] : [outcome.status]));
    expect(statuses).to.deep.equal(Array(9).fill(401));
  });

  it('are spent only by a socket that is let in: the same one works after a full server', async () => {
    let tellClosed: () => void = () => undefined;
    const isClosed = new Promise<void>((resolve) => {
      tellClosed = resolve;
    });
    const { b, buy } = await startPair(open(), { maxSessions: 1, onClose: () => tellClosed() });
    const first = await b.login({ id: 1 });
    const { ticket } = await buy({ id: 7 });
    expect((await refusal(b.server, { path: `/ws?ticket=${ticket}` })).status).to.equal(503);
    await first.close();
    await isClosed;
    await openClient(b.server, { path: `/ws?ticket=${ticket}` });
    expect(b.realtime.hub.list()[0]?.loginUser?.id).to.equal(7);
  });

  it('are given back to a socket that is turned away while its ticket is being spent', async () => {
    const [storeA, storeB] = open();
    const spending: (() => void)[] = [];
    const spendTogether = async (ticket: string): Promise<boolean> => {
      await new Promise<void>((resolve) => {
        spending.push(resolve);
        if (spending.length === 2) for (const go of spending) go();
      });
      return storeB.spend(ticket);
    };
    const slow: TicketStore = {
      keep: (...args) => storeB.keep(...args),
      read: (ticket) => storeB.read(ticket),
      spend: (ticket) => (spending.length < 2 ? spendTogether(ticket) : storeB.spend(ticket)),
    };
    const { a, b, buy } = await startPair([storeA, slow], { maxSessions: 1 });
    const tickets = [await buy({ id: 1 }), await buy({ id: 2 })].map(({ ticket }) => ticket);
    const outcomes = await Promise.all(tickets.map((ticket) => tryConnect(b.server, { path: `/ws?ticket=${ticket}` })));
    const refused = outcomes.findIndex((outcome) => !(outcome instanceof TestClient));
    for (const client of outcomes) if (client instanceof TestClient) closeAfterTest(() => client.terminate());
    expect(outcomes[refused]).to.include({ status: 503 });
    expect(outcomes.filter((outcome) => outcome instanceof TestClient)).to.have.length(1);
    const other = await start({ tickets: storeA });
    await openClient(other.server, { path: `/ws?ticket=${tickets[refused]}` });
    expect(a.errors).to.deep.equal([]);
  });

  it('are not spent by a user who has too many sessions: 429', async () => {
    const { b, buy } = await startPair(open(), { maxSessionsPerUser: 1 });
    await b.login({ id: 7 });
    const { ticket } = await buy({ id: 7 });
    for (const _each of [1, 2]) {
      expect((await refusal(b.server, { path: `/ws?ticket=${ticket}` })).status).to.equal(429);
    }
  });

  it('are refused when they are too old, unknown, or of somebody whose login was revoked: 401', async () => {
    const { b, buy } = await startPair(open(), {}, 1);
    const { ticket } = await buy({ id: 7 });
    const { ticket: revoked } = await (await startPair(open())).buy({ id: 7, issuedAtMs: Date.now() - 1000 });
    await b.realtime.revoke({ userId: 7, issuedBefore: Date.now() });
    for (const each of [ticket, 'unknown', revoked]) {
      expect((await refusal(b.server, { path: `/ws?ticket=${each}` })).status).to.equal(401);
    }
  });

  it('are refused beside a token or another ticket: 400', async () => {
    const { b, buy } = await startPair(open());
    const { ticket } = await buy({ id: 7 });
    const token = tokenOf({ id: 7 });
    for (const options of [
      { path: `/ws?ticket=${ticket}`, token },
      { path: `/ws?ticket=${ticket}&token=${token}` },
      { path: `/ws?ticket=${ticket}&ticket=other` },
    ]) {
      expect((await refusal(b.server, options)).status).to.equal(400);
    }
    await openClient(b.server, { path: `/ws?ticket=${ticket}` });
  });

  it('are masked in the URL that middleware sees', async () => {
    const urls: string[] = [];
    const { b, buy } = await startPair(open(), {
      middleware: (req, res: { once(name: 'finish', listener: () => void): void }, next) => {
        const note = (): void => void urls.push(String(req.url), String(req['originalUrl']));
        note();
        res.once('finish', note);
        next();
      },
    });
    const { ticket } = await buy({ id: 7 });
    await openClient(b.server, { path: `/ws?ticket=${ticket}&x=1` });
    expect(urls).to.deep.equal(Array(4).fill('/ws?ticket=***&x=1'));
  });

  it('are sold to nobody who is not logged in: 401', async () => {
    const { a } = await startPair(open());
    const { body, headers } = await request(a.server).post('/ticket').expect(401);
    expect(body).to.deep.equal({ error: { code: 'unauthenticated' } });
    expect(headers['cache-control']).to.equal('no-store');
  });
}

/** Two nodes that share a store; tickets are bought on the first. */
async function startPair(
  [storeA, storeB]: readonly [TicketStore, TicketStore],
  options: AppServerOptions = {},
  ttlMs?: number,
): Promise<{ a: AppServer; b: AppServer; buy: (user: LoginUserInput) => Promise<Ticket> }> {
  const route = ticketRoute({ tickets: storeA, authorize: userOf, ...(ttlMs === undefined ? {} : { ttlMs }) });
  const a = await start({
    tickets: storeA,
    mount: (app) => {
      app.post('/ticket', route);
    },
  });
  const b = await start({ tickets: storeB, ...options });
  const buy = async (user: LoginUserInput): Promise<Ticket> => {
    const call = request(a.server)
      .post('/ticket')
      .set('authorization', `Bearer ${tokenOf(user)}`);
    return (await call.expect(201)).body as Ticket;
  };
  return { a, b, buy };
}
