import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import express4 from 'express4';
import { RealtimeError } from '../../lib/model/errors';
import { jwtFor, jwtPassport } from './passport-support';
import {
  attempt,
  authenticateByToken,
  closeAll,
  deferred,
  exchange,
  expectServed,
  handshakeText,
  listen,
  open,
  openDoor,
  rawConnect,
  resetNow,
  startDoor,
  started,
  statusOfAnswer,
} from './support';
import type { Attempt } from './support';

async function leave(client: { close(): void }): Promise<void> {
  const closed = once(client as unknown as NodeJS.EventEmitter, 'close');
  client.close();
  await closed;
}

describe('limits', () => {
  afterEach(closeAll);

  it('refuses above maxSessions with 503 and Retry-After, before any login; a place that is left is free', async () => {
    let logins = 0;
    const { server, door } = await startDoor({
      maxSessions: 2,
      authenticate: (req) => {
        logins += 1;
        return authenticateByToken(req);
      },
    });
    const first = await open(server, { token: 'a' });
    await open(server, { token: 'b' });
    const refused = await attempt(server, { token: 'c' });
    expect([refused.status, refused.headers['retry-after'], logins]).to.deep.equal([503, '5', 2]);
    expect(door.refusals()).to.deep.equal(['503 full']);
    await leave(first);
    await expectServed(server);
  });

  it('holds maxSessions even when many authenticate at once', async () => {
    const gate = deferred();
    const { server, door } = await startDoor({
      maxSessions: 3,
      authenticate: async (req) => {
        await gate.promise;
        return authenticateByToken(req);
      },
    });
    const attempts = Array.from({ length: 10 }, (_, index) => attempt(server, { token: `u${index}` }));
    gate.resolve();
    const statuses = (await Promise.all(attempts)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 101)).to.have.length(3);
    expect(statuses.filter((status) => status === 503)).to.have.length(7);
    expect(door.sessions.size).to.equal(3);
  });

  it('refuses one more session of a user with 429', async () => {
    const { server, door } = await startDoor({ maxSessionsPerUser: 2 });
    const first = await open(server, { token: 'mary' });
    await open(server, { token: 'mary' });
    expect((await attempt(server, { token: 'mary' })).status).to.equal(429);
    await open(server, { token: 'anna' });
    expect(door.refusals()).to.deep.equal(['429 user-full']);
    await leave(first);
    await open(server, { token: 'mary' });
  });

  it('closes the oldest session of the user with 4409 under the policy replace', async () => {
    const { server, door } = await startDoor({ maxSessionsPerUser: 2, maxSessionsPerUserPolicy: 'replace' });
    const oldest = await open(server, { token: 'mary' });
    const closed = once(oldest, 'close');
    await open(server, { token: 'mary' });
    await open(server, { token: 'anna' });
    await open(server, { token: 'mary' });
    expect((await closed)[0]).to.equal(4409);
    expect(door.sessions.size).to.equal(3);
    expect(door.events).to.deep.equal([]);
  });

  it('keeps the old session when the new one went away while it authenticated', async () => {
    const reached = deferred<NodeJS.EventEmitter>();
    const gate = deferred();
    const { server, door } = await startDoor({
      maxSessionsPerUser: 1,
      maxSessionsPerUserPolicy: 'replace',
      authenticate: async (req) => {
        if (req.headers['x-slow'] === undefined) return authenticateByToken(req);
        reached.resolve(req.socket);
        await gate.promise;
        return authenticateByToken(req);
      },
    });
    await open(server, { token: 'mary' });
    const peer = await rawConnect(server);
    peer.write(handshakeText('/ws?token=mary').replace('Upgrade\r\n', 'Upgrade\r\nX-Slow: 1\r\n'));
    const closed = deferred();
    (await reached.promise).once('close', () => closed.resolve());
    resetNow(peer);
    await closed.promise;
    gate.resolve();
    await expectServed(server, { path: '/ws?token=anna', token: 'anna' });
    expect(door.sessions.size).to.be.within(1, 2);
    expect(door.refusals()).to.deep.equal(['0 gone']);
    expect(door.admitted[0]?.ws.readyState).to.equal(1);
  });

  it('refuses above maxPendingUpgrades with 503; the slots come back however a login ends', async () => {
    let gate = deferred();
    const { server, door } = await startDoor({
      maxPendingUpgrades: 2,
      authenticate: async (req) => {
        await gate.promise;
        if (req.headers.authorization === 'Bearer throw') throw new Error('broken');
        return authenticateByToken(req);
      },
    });
    for (const tokens of [
      ['a', 'b'],
      ['bad', 'throw'],
      ['a', 'bad'],
      ['throw', 'throw'],
    ]) {
      gate = deferred();
      const pending = tokens.map((token) => attempt(server, { token }));
      await untilRefused(async () => attempt(server, { token: 'more' }), 'pending-full', door.refusals);
      gate.resolve();
      await Promise.all(pending);
    }
    await expectServed(server);
  });

  it('gives the slots back of logins that are never decided', async () => {
    const { server, door } = await startDoor({
      maxPendingUpgrades: 2,
      authTimeoutMs: 20,
      authenticate: (req) =>
        req.headers.authorization === 'Bearer never' ? new Promise(() => undefined) : authenticateByToken(req),
    });
    for (let round = 0; round < 5; round += 1) {
      const late = await Promise.all([attempt(server, { token: 'never' }), attempt(server, { token: 'never' })]);
      expect(late.map(({ status }) => status)).to.deep.equal([503, 503]);
    }
    await expectServed(server);
    expect(new Set(door.refusals())).to.deep.equal(new Set(['503 auth-timeout']));
  });

  it('refuses at once with 503 what is being authenticated when the door closes, and holds no timer for it', async () => {
    const reached = deferred();
    const late = deferred();
    const { server, door } = await startDoor({
      authTimeoutMs: 3_600_000,
      authenticate: async () => {
        reached.resolve();
        await late.promise;
        return { id: 1 };
      },
    });
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const pending = attempt(server, { token: 'a' });
    await reached.promise;
    const before = timers();
    door.handshake.refuseNew();
    expect((await pending).status).to.equal(503);
    expect(door.refusals()).to.deep.equal(['503 closing']);
    expect(timers()).to.be.lessThan(before);
    // The login that comes after it changes nothing.
    late.resolve();
    expect((await attempt(server, { token: 'b' })).status).to.equal(503);
    expect(door.admitted).to.have.length(0);
  });

  it('refuses more than maxUpgradesPerSecond with 503, after a burst of one second', async () => {
    const { server, door } = await startDoor({ maxUpgradesPerSecond: 5 });
    const statuses = (
      await Promise.all(Array.from({ length: 30 }, (_, index) => attempt(server, { token: `u${index}` })))
    ).map(({ status }) => status);
    expect(statuses.filter((status) => status === 101)).to.have.length.within(5, 15);
    expect(new Set(door.refusals())).to.deep.equal(new Set(['503 rate']));
  });

  it('refuses more sessions from one address with 429, refused ones do not count', async () => {
    const { server, door } = await startDoor({ maxSessionsPerAddress: 2 });
    const first = await open(server, { token: 'a' });
    for (let index = 0; index < 5; index += 1) await attempt(server, { token: 'bad' });
    await open(server, { token: 'b' });
    expect((await attempt(server, { token: 'c' })).status).to.equal(429);
    const [admitted] = door.admitted;
    const closed = admitted && once(admitted.ws, 'close');
    await leave(first);
    await closed;
    await expectServed(server);
  });

  for (const [title, create] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    it(`counts addresses as the app sees them: X-Forwarded-For only of trusted proxies (${title})`, async () => {
      const from = (address: string): { token: string; headers: Record<string, string> } => ({
        token: 'a',
        headers: { 'x-forwarded-for': address },
      });
      const plain = create();
      const server = await started(createServer(plain));
      openDoor(server, { app: plain, maxSessionsPerAddress: 1 });
      await open(server, from('203.0.113.1'));
      expect((await attempt(server, from('203.0.113.2'))).status, 'a forged address').to.equal(429);

      const trusting = create().set('trust proxy', 'loopback');
      const behind = await started(createServer(trusting));
      openDoor(behind, { app: trusting, maxSessionsPerAddress: 1 });
      await open(behind, from('203.0.113.1'));
      await open(behind, from('203.0.113.2'));
      const spellings = ['::ffff:203.0.113.2', '::FFFF:cb00:7102', '64:ff9b::203.0.113.2'];
      for (const again of ['203.0.113.2', '198.51.100.7, 203.0.113.2', ...spellings]) {
        expect((await attempt(behind, from(again))).status, again).to.equal(429);
      }

      // A host has a whole /64 to itself: its addresses are one peer, those of the next network another.
      for (const first of ['2001:db8:0:1::1', '2001:db8:0:2::1', '::1', 'fe80::1', 'fe80::2']) {
        await open(behind, from(first));
      }
      const sameNetwork = ['2001:DB8::1:ffff:0:1:2', '2001:0db8:0000:0001:8:9:a:b', '2001:db8:0:2::'];
      for (const again of [...sameNetwork, '2001:db8:0:1::192.0.2.1', '::2', 'fe80::1']) {
        expect((await attempt(behind, from(again))).status, again).to.equal(429);
      }
    });
  }

  it('puts no listener of its own on a socket when addresses are not counted', async () => {
    const { server, door } = await startDoor();
    await open(server, { token: 'a' });
    const [admitted] = door.admitted;
    // What the test's own session listens for, and no more.
    expect(admitted?.ws.listenerCount('close')).to.equal(1);
    expect(admitted?.socket.listeners('error').map(({ name }) => name)).to.deep.equal(['socketOnError']);
  });
});

describe('login users', () => {
  afterEach(closeAll);

  it('are made of user.id or user.sub, with type and tenant, and nothing else of the row', async () => {
    const rows: readonly (readonly [object, object])[] = [
      [
        { id: 7, passwordHash: 'x' },
        { id: 7, userType: 0 },
      ],
      [
        { sub: 'abc', name: 'Mary' },
        { id: 'abc', userType: 0 },
      ],
      [
        { id: 7, sub: 'abc', userType: 'admin' },
        { id: 7, userType: 'admin' },
      ],
      [
        { id: 7, info: { nickname: 'M' }, scopes: ['a'], expiresAtMs: 4_102_444_800_000 },
        { id: 7, userType: 0, info: { nickname: 'M' }, scopes: ['a'], expiresAtMs: 4_102_444_800_000 },
      ],
    ];
    for (const [row, expected] of rows) {
      const passport = jwtPassport(undefined, (_claims, done) => done(null, row));
      const { server, door } = await startDoor({ passport });
      await open(server, { token: jwtFor({}) });
      expect(door.logins).to.deep.equal([expected]);
    }
  });

  it('need a tenant where there are tenants: 403 without one', async () => {
    const { server, door } = await startDoor({ passport: jwtPassport(), multiTenant: true });
    for (const tenantId of [undefined, null, '']) {
      expect((await attempt(server, { token: jwtFor({ sub: '1', tenantId }) })).status).to.equal(403);
    }
    await open(server, { token: jwtFor({ sub: '1', tenantId: 0 }) });
    expect(door.logins).to.deep.equal([{ id: '1', userType: 0, tenantId: 0 }]);
    expect(door.errors).to.deep.equal([]);
    expect(door.refusals()).to.deep.equal(['403 forbidden', '403 forbidden', '403 forbidden']);
  });

  const FAULTS: readonly (readonly [string, object, object, RegExp])[] = [
    ['has a tenant while there are none', { sub: '1', tenantId: 3 }, {}, /multiTenant/],
    ['has no id', { name: 'Mary' }, {}, /toLoginUser/],
    ['has an id that was rounded', { id: 2 ** 53 }, {}, /toLoginUser/],
    ['has an empty id', { id: '' }, {}, /toLoginUser/],
    ['is made by a toLoginUser that returns nothing', { sub: '1' }, { toLoginUser: () => undefined }, /toLoginUser/],
    ['is made by a toLoginUser without id', { sub: '1' }, { toLoginUser: () => ({}) }, /toLoginUser must return/],
  ];
  for (const [title, claims, overrides, message] of FAULTS) {
    it(`that the app made wrongly are refused with 500, and the option is named: ${title}`, async () => {
      const { server, door } = await startDoor({ passport: jwtPassport(), ...overrides });
      expect((await attempt(server, { token: jwtFor(claims) })).status).to.equal(500);
      expect(door.errors).to.have.length(1);
      expect(door.errors[0]).to.be.instanceOf(RealtimeError).with.property('message').match(message);
      expect(door.refusals()).to.deep.equal(['500 login-user']);
    });
  }

  it('may come late, be refused by null (403), or fail (500)', async () => {
    const toLoginUser = async (user: unknown): Promise<unknown> => {
      await Promise.resolve();
      const { sub } = user as { sub: string };
      if (sub === 'broken') throw new Error('broken');
      return sub === 'banned' ? null : { id: sub, userType: 1 };
    };
    const { server, door } = await startDoor({ passport: jwtPassport(), toLoginUser });
    await open(server, { token: jwtFor({ sub: 'mary' }) });
    expect((await attempt(server, { token: jwtFor({ sub: 'banned' }) })).status).to.equal(403);
    expect((await attempt(server, { token: jwtFor({ sub: 'broken' }) })).status).to.equal(500);
    expect(door.logins).to.deep.equal([{ id: 'mary', userType: 1 }]);
    expect(door.errors.map(({ message }) => message)).to.deep.equal(['broken']);
  });

  it('that never come are refused with 503 at the deadline', async () => {
    const toLoginUser = (): unknown => new Promise(() => undefined);
    const { server, door } = await startDoor({ passport: jwtPassport(), toLoginUser, authTimeoutMs: 20 });
    expect((await attempt(server, { token: jwtFor({ sub: '1' }) })).status).to.equal(503);
    expect(door.refusals()).to.deep.equal(['503 auth-timeout']);
    // Nor does a renewal wait for ever.
    expect(await door.handshake.renewLogin(jwtFor({ sub: '1' }))).to.have.property('kind', 'failed');
  });

  it('of an app without Passport are what authenticate returns, with the fields of the app', async () => {
    const { server, door } = await startDoor({
      authenticate: () => ({ id: 1, userType: 2, department: 'sales' }),
    });
    await open(server);
    expect(door.logins).to.deep.equal([{ id: 1, userType: 2, department: 'sales' }]);
    expect(Object.isFrozen(door.logins[0])).to.equal(true);
  });

  it('may be of a class that has its fields as getters, as the rows of an ORM have', async () => {
    class Row {
      readonly name = 'Mary';
      get id(): number {
        return 7;
      }
      get expiresAtMs(): number {
        return 4e12;
      }
    }
    const plain = await startDoor({ authenticate: () => new Row() });
    await open(plain.server);
    const passport = await startDoor({ passport: jwtPassport(), toLoginUser: () => new Row() });
    await open(passport.server, { token: jwtFor({ sub: '1', jti: 'a', exp: 5e9 }) });
    const user = { id: 7, userType: 0, name: 'Mary', expiresAtMs: 4e12 };
    expect(plain.door.logins).to.deep.equal([user]);
    expect(passport.door.logins).to.deep.equal([{ ...user, tokenId: 'a' }]);
  });

  it('of parsed JSON get nothing from a __proto__ in it: every field is checked', async () => {
    const text = '{"id":1,"__proto__":{"scopes":["admin"],"tenantId":"other","expiresAtMs":"never"}}';
    const { server, door } = await startDoor({ authenticate: () => JSON.parse(text) as { id: number } });
    await open(server);
    expect(door.logins[0]).to.deep.equal({ id: 1, userType: 0 });
    expect(door.logins[0]?.scopes).to.equal(undefined);
  });

  it('of an app without Passport may be mapped by toLoginUser too', async () => {
    const { server, door } = await startDoor({
      authenticate: () => ({ uid: 'x' }),
      toLoginUser: (user) => ({ id: (user as { uid: string }).uid }),
    });
    await open(server);
    expect(door.logins).to.deep.equal([{ id: 'x', userType: 0 }]);
  });

  it('are null for guests where anonymous is on, also with authenticate', async () => {
    const { server, door } = await startDoor({ anonymous: true });
    await open(server);
    await open(server, { path: '/ws?token=' });
    expect((await attempt(server, { token: 'bad' })).status).to.equal(401);
    expect(door.logins).to.deep.equal([null, null]);
  });

  it('need exactly one of passport and authenticate', async () => {
    const server = await listen();
    const both = { passport: jwtPassport(), authenticate: authenticateByToken };
    expect(() => openDoor(server, both)).to.throw(RealtimeError, /exactly one/);
    expect(statusOfAnswer(await exchange(server, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))).to.equal(
      404,
    );
  });
});

/** Tries until a refusal of that kind has been seen: the requests before it are on their way. */
async function untilRefused(tryOnce: () => Promise<Attempt>, why: string, refusals: () => string[]): Promise<void> {
  const before = refusals().length;
  while (
    !refusals()
      .slice(before)
      .some((refusal) => refusal.endsWith(why))
  )
    await tryOnce();
}
