import { expect } from 'chai';
import fc from 'fast-check';
import { everyoneKey, roomKey, userKey, userTypeKey } from '../../lib/model/audience';
import { RawPeer } from './raw-peer';
import { codeOf, startServer, stopServers } from './support';

describe('ids', () => {
  afterEach(stopServers);

  it('are one user as number and as text', async () => {
    const server = await startServer();
    await server.connect({ id: 7, userType: 2 });
    await server.connect({ id: '7', userType: '2' });
    for (const userId of [7, '7']) {
      for (const userType of [2, '2']) {
        expect((await server.realtime.send({ userId, userType }, 'n', 1)).delivered).to.equal(2);
      }
    }
    for (const userId of ['07', '7.0', ' 7', '+7']) {
      expect((await server.realtime.send({ userId, userType: 2 }, 'n', 1)).delivered).to.equal(0);
    }
  });

  it('keep on the session the type in which the application gave them', async () => {
    const server = await startServer({ multiTenant: true });
    const { session } = await server.connect({ id: '7', userType: 2, tenantId: 1 });
    expect(session.loginUser).to.include({ id: '7', userType: 2, tenantId: 1 });
  });

  it('of another user type are another user: no type means type 0, never any', async () => {
    const server = await startServer();
    await server.connect({ id: 1, userType: 1 });
    expect((await server.realtime.send({ userId: 1 }, 'n', 1)).delivered).to.equal(0);
    expect((await server.realtime.send({ userId: 1, userType: 1 }, 'n', 1)).delivered).to.equal(1);
    await server.connect({ id: 1 });
    expect((await server.realtime.send({ userId: 1 }, 'n', 1)).delivered).to.equal(1);
    expect((await server.realtime.send({ userId: 1, userType: 0 }, 'n', 1)).delivered).to.equal(1);
    expect((await server.realtime.send({ userType: 0 }, 'n', 1)).delivered).to.equal(1);
  });

  it('named twice get the message once', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1 });
    expect((await server.realtime.send({ userId: [1, '1', 1] }, 'n', 1)).delivered).to.equal(1);
    await client.settle();
    expect(client.messages).to.have.length(1);
  });

  for (const id of [2 ** 53, -(2 ** 53), 1.5, NaN, Infinity, '', null, undefined, true, {}, [1]]) {
    it(`that are ${JSON.stringify(id) ?? 'missing'} (${typeof id}) are refused at login and in targets`, async () => {
      const server = await startServer({ authenticate: () => ({ id }) });
      const peer = await RawPeer.open(server.url({ id: 1 }));
      expect(peer.status).to.equal(500);
      expect(server.opened).to.have.length(0);
      peer.socket.destroy();
      const target = { userId: Array.isArray(id) ? [id] : id } as never;
      expect(codeOf(() => server.realtime.send(target, 'n', 1))).to.equal('ERR_REALTIME_TARGET');
    });
  }

  it('cannot be chosen so that one user gets what is for another', async () => {
    const tricky = [
      '1',
      '2',
      '1:2',
      '2:1',
      ':',
      '1:',
      ':1',
      '0',
      '11',
      '1:1',
      '1:1:1',
      '__proto__',
      'e',
      'u1:1',
      ' ',
      '\u0000',
    ];
    const server = await startServer({ multiTenant: true });
    const users = fc.sample(
      fc.tuple(fc.constantFrom(...tricky), fc.constantFrom(...tricky), fc.constantFrom(...tricky)),
      { numRuns: 150, seed: 7 },
    );
    const unique = [...new Map(users.map((user) => [JSON.stringify(user), user])).values()];
    for (const [tenantId, userType, id] of unique) await server.connect({ tenantId, userType, id });
    for (const [tenantId, userType, id] of unique) {
      expect(server.realtime.hub.count({ tenantId, userType, userId: id })).to.equal(1);
      expect(server.realtime.hub.count({ tenantId, userType })).to.equal(
        unique.filter((user) => user[0] === tenantId && user[1] === userType).length,
      );
      expect(server.realtime.hub.count({ tenantId, everyone: true })).to.equal(
        unique.filter((user) => user[0] === tenantId).length,
      );
    }
  });
});

describe('audience keys', () => {
  // Parts that try to collide: digits, colons, the letters that stand for the kinds, and lengths of each other.
  const part = fc.string({ unit: fc.constantFrom('0', '1', '2', ':', 'e', 't', 'u', 'r', '😀'), maxLength: 6 });
  const audience = fc.oneof(
    fc.tuple(fc.constant('everyone'), part),
    fc.tuple(fc.constant('userType'), part, part),
    fc.tuple(fc.constant('user'), part, part, part),
    fc.tuple(fc.constant('room'), part, part),
  );

  it('are equal only for equal audiences, whatever the parts are', () => {
    fc.assert(
      fc.property(audience, audience, (a, b) => {
        expect(keyOf(a) === keyOf(b)).to.equal(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 20_000 },
    );
  });

  it('are all different for every audience of short parts', () => {
    const parts = ['', '0', '1', ':', '1:', ':1', '1:1', '11', '2:1', 'u', 'e1', 't1:1', 'u1:11:1'];
    const keys = new Map<string, string>();
    const note = (...key: readonly [string, ...string[]]) => {
      const text = keyOf(key);
      expect(keys.get(text), text).to.equal(undefined);
      keys.set(text, JSON.stringify(key));
    };
    for (const tenant of parts) {
      note('everyone', tenant);
      for (const second of parts) {
        note('userType', tenant, second);
        note('room', tenant, second);
        for (const third of parts) note('user', tenant, second, third);
      }
    }
    expect(keys.size).to.equal(13 + 2 * 13 ** 2 + 13 ** 3);
  });
});

function keyOf([kind, tenant = '', second = '', third = '']: readonly string[]): string {
  switch (kind) {
    case 'everyone':
      return everyoneKey(tenant);
    case 'userType':
      return userTypeKey(tenant, second);
    case 'room':
      return roomKey(tenant, second);
    default:
      return userKey(tenant, second, third);
  }
}
