import { expect } from 'chai';
import { codeOf, idsOf, startServer, stopServers } from './support';

describe('rooms', () => {
  afterEach(stopServers);

  it('get what is sent to them, each member once, and nobody else does', async () => {
    const server = await startServer();
    const [a, b, c] = [
      await server.connect({ id: 1 }),
      await server.connect({ id: 2 }),
      await server.connect({ id: 3 }),
    ];
    a.session.join('news');
    a.session.join('news');
    b.session.join('news');
    c.session.join('other');
    expect((await server.realtime.send({ room: 'news' }, 'n', 1)).delivered).to.equal(2);
    await Promise.all([a.settle(), b.settle(), c.settle()]);
    expect(a.messages).to.deep.equal([{ type: 'n', content: 1 }]);
    expect(b.messages).to.deep.equal([{ type: 'n', content: 1 }]);
    expect(c.messages).to.deep.equal([]);
    expect(idsOf(server.realtime.hub.list({ room: 'news' }))).to.deep.equal(idsOf([a.session, b.session]));
  });

  it('are left one by one, and leaving one that was never joined changes nothing', async () => {
    const server = await startServer();
    const { session } = await server.connect({ id: 1 });
    session.join('a');
    session.join('b');
    expect([...session.rooms]).to.deep.equal(['a', 'b']);
    session.leave('a');
    session.leave('a');
    session.leave('never');
    expect([...session.rooms]).to.deep.equal(['b']);
    expect((await server.realtime.send({ room: 'a' }, 'n', 1)).delivered).to.equal(0);
    expect((await server.realtime.send({ room: 'b' }, 'n', 1)).delivered).to.equal(1);
  });

  it('belong to a session, not to its user', async () => {
    const server = await startServer();
    const [first, second] = [await server.connect({ id: 1 }), await server.connect({ id: 1 })];
    first.session.join('r');
    expect(second.session.rooms.size).to.equal(0);
    expect((await server.realtime.send({ room: 'r' }, 'n', 1)).delivered).to.equal(1);
  });

  it('are left by a session that is over, which can join none afterwards', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1 });
    client.session.join('r');
    client.session.close();
    client.session.join('late');
    await server.closings(1);
    client.session.join('later');
    client.session.leave('r');
    expect(server.realtime.hub.count({ room: 'r' })).to.equal(0);
    expect(server.realtime.hub.count({ room: 'late' })).to.equal(0);
    expect(server.realtime.hub.count({ room: 'later' })).to.equal(0);
  });

  it('can be joined in onOpen, and from a message handler', async () => {
    const server = await startServer({ onOpen: (session) => session.join('lobby') });
    server.realtime.registry.on('join', (room, session) => session.join(String(room)));
    const client = await server.connect({ id: 1 });
    client.send('join', 'table');
    await client.settle();
    expect([...client.session.rooms]).to.deep.equal(['lobby', 'table']);
  });

  for (const name of ['', 7, null, undefined, {}, ['r']]) {
    it(`refuses ${JSON.stringify(name)} as a name, for join, leave and send`, async () => {
      const server = await startServer();
      const { session } = await server.connect({ id: 1 });
      const room = name as string;
      expect(codeOf(() => session.join(room))).to.equal('ERR_REALTIME_TARGET');
      expect(codeOf(() => session.leave(room))).to.equal('ERR_REALTIME_TARGET');
      expect(codeOf(() => server.realtime.send({ room }, 'n', 1))).to.equal('ERR_REALTIME_TARGET');
      expect(session.rooms.size).to.equal(0);
    });
  }

  it('may have any name, also those that objects inherit', async () => {
    const server = await startServer();
    const { session } = await server.connect({ id: 1 });
    const names = ['__proto__', 'constructor', 'toString', ' ', '1:2', '😀', 'x'.repeat(10_000)];
    for (const room of names) {
      expect((await server.realtime.send({ room }, 'n', 1)).delivered).to.equal(0);
      session.join(room);
      expect((await server.realtime.send({ room }, 'n', 1)).delivered).to.equal(1);
    }
  });

  it('of the same name in two tenants never meet', async () => {
    const server = await startServer({ multiTenant: true });
    const a = await server.connect({ id: 1, tenantId: 'a' });
    const b = await server.connect({ id: 1, tenantId: 'b' });
    a.session.join('r');
    b.session.join('r');
    await a.session.sender.send({ room: 'r' }, 'from a', 1);
    await server.realtime.send({ room: 'r', tenantId: 'b' }, 'to b', 1);
    await server.realtime.send({ room: 'r', allTenants: true }, 'to all', 1);
    expect(codeOf(() => server.realtime.send({ room: 'r' }, 'n', 1))).to.equal('ERR_REALTIME_TENANT');
    await Promise.all([a.settle(), b.settle()]);
    expect(a.messages.map(({ type }) => type)).to.deep.equal(['from a', 'to all']);
    expect(b.messages.map(({ type }) => type)).to.deep.equal(['to b', 'to all']);
    a.session.leave('r');
    expect((await server.realtime.send({ room: 'r', allTenants: true }, 'n', 1)).delivered).to.equal(1);
  });

  it('leave out whom except names', async () => {
    const server = await startServer();
    const [a, b, c] = [
      await server.connect({ id: 1 }),
      await server.connect({ id: 2, userType: 3 }),
      await server.connect({ id: 2 }),
    ];
    for (const { session } of [a, b, c]) session.join('r');
    const reached = async (except: string | object) =>
      idsOf(server.realtime.hub.list({ room: 'r', except: except as never }));
    expect(await reached(a.session.id)).to.deep.equal(idsOf([b.session, c.session]));
    expect(await reached({ userId: 2 })).to.deep.equal(idsOf([a.session, b.session]));
    expect(await reached({ userId: '2', userType: '3' })).to.deep.equal(idsOf([a.session, c.session]));
    expect(await reached([a.session.id, { userId: 2 }])).to.deep.equal(idsOf([b.session]));
  });
});
