import { expect } from 'chai';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { inspect } from 'node:util';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { CloseInfo, RealtimeOptions, Target } from '../../lib/index';
import type { TestClient, TestServer } from './support';
import { getLoginUser, getLoginUserId, getLoginUserType, getTenantId } from '../../lib/index';
import { Opcode, RawPeer } from './raw-peer';
import { codeOf, startServer, stopServers } from './support';

describe('life of a session', () => {
  afterEach(stopServers);

  interface Ending {
    readonly name: string;
    readonly options?: Partial<RealtimeOptions>;
    end(client: TestClient, server: TestServer): unknown;
    readonly info: CloseInfo;
  }
  const endings: readonly Ending[] = [
    {
      name: 'the peer closes with a code and a reason',
      end: ({ ws }) => ws.close(4123, 'bye'),
      info: { code: 4123, reason: 'bye', why: 'client' },
    },
    {
      name: 'the peer closes without a code',
      end: ({ ws }) => ws.close(),
      info: { code: 1005, reason: '', why: 'client' },
    },
    {
      name: 'the line breaks',
      end: ({ ws }) => ws.terminate(),
      info: { code: 1006, reason: '', why: 'lost' },
    },
    {
      name: 'the peer ends TCP without a close frame',
      end: ({ ws }) => (ws as unknown as { _socket: Socket })._socket.end(),
      info: { code: 1006, reason: '', why: 'lost' },
    },
    {
      name: 'the peer resets TCP',
      end: ({ ws }) => (ws as unknown as { _socket: Socket })._socket.resetAndDestroy(),
      info: { code: 1006, reason: '', why: 'lost' },
    },
    {
      name: 'session.close()',
      end: ({ session }) => session.close(),
      info: { code: 1000, reason: '', why: 'app' },
    },
    {
      name: 'session.close(code, reason)',
      end: ({ session }) => session.close(4321, 'enough'),
      info: { code: 4321, reason: 'enough', why: 'app' },
    },
    {
      name: 'sender.disconnect',
      end: (_client, { realtime }) => realtime.disconnect({ userId: 1 }),
      info: { code: 4403, reason: '', why: 'app' },
    },
    {
      name: 'sender.disconnect with a code',
      end: (_client, { realtime }) => realtime.disconnect({ userId: 1 }, { code: 4777, reason: 'banned' }),
      info: { code: 4777, reason: 'banned', why: 'app' },
    },
    {
      name: 'a newer session takes its place',
      options: { maxSessionsPerUser: { max: 1, policy: 'replace' } },
      end: (_client, server) => server.connect({ id: 1 }),
      info: { code: 4409, reason: 'replaced by a newer session', why: 'replaced' },
    },
    {
      name: 'the peer sends above its limits',
      options: { maxMessagesPerSecond: 1 },
      end: (client) => {
        for (let index = 0; index < 8; index += 1) client.send('n', index);
      },
      info: { code: 4429, reason: 'too many messages', why: 'flood' },
    },
    {
      name: 'the peer sends binary',
      end: ({ ws }) => ws.send(Buffer.from('x')),
      info: { code: 1003, reason: 'binary messages are not supported', why: 'protocol' },
    },
    {
      name: 'the peer sends more than maxPayloadBytes',
      options: { maxPayloadBytes: 1000 },
      end: ({ ws }) => ws.send('x'.repeat(1001)),
      info: { code: 1009, reason: '', why: 'protocol' },
    },
    {
      name: 'the peer breaks RFC 6455',
      end: ({ ws }) => (ws as unknown as { _socket: Socket })._socket.write(Buffer.from([0x81, 0x01, 0x41])),
      info: { code: 1002, reason: '', why: 'protocol' },
    },
    {
      name: 'the peer sends invalid UTF-8',
      end: ({ ws }) =>
        (ws as unknown as { _socket: Socket })._socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])),
      info: { code: 1007, reason: '', why: 'protocol' },
    },
    {
      name: 'the attach closes',
      end: (_client, { realtime }) => realtime.close(),
      info: { code: 1001, reason: '', why: 'shutdown' },
    },
    {
      name: 'the server is about to restart',
      end: (_client, { realtime }) => realtime.close({ code: 1012 }),
      info: { code: 1012, reason: '', why: 'shutdown' },
    },
  ];
  for (const { name, options, end, info } of endings) {
    it(`tells onOpen and onClose once each when ${name}: ${info.code}, ${info.why}`, async () => {
      const server = await startServer({ ...options, onError: () => undefined });
      const client = await server.connect({ id: 1 });
      const { session } = client;
      const errors: unknown[] = [];
      client.ws.on('error', (error) => errors.push(error));
      await end(client, server);
      await server.closings(1);
      await client.closed;
      expect(server.closed[0]).to.deep.equal({ session, info });
      expect(server.opened.filter(({ id }) => id === session.id)).to.have.length(1);
      expect(server.events.filter((event) => event.name === 'session.closed')).to.deep.equal([
        { name: 'session.closed', sessionId: session.id, code: info.code, why: info.why, discarded: 0 },
      ]);
      expect(session.isOpen).to.equal(false);
      expect(session.send('n', 1)).to.equal(false);
      expect(server.realtime.hub.get(session.id)).to.equal(undefined);
      session.close(4999, 'again');
      await server.realtime.close();
      expect(server.closed.filter((closed) => closed.session === session)).to.have.length(1);
    });
  }

  it('aborts the running handler and drops what is queued behind it at a breach of the protocol', async () => {
    const server = await startServer({ onError: () => undefined });
    const started: unknown[] = [];
    const signals: AbortSignal[] = [];
    server.realtime.registry.on('work', async (content, _session, { signal }) => {
      started.push(content);
      signals.push(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const peer = await RawPeer.open(server.url({ id: 1 }));
    for (const content of [1, 2, 3]) peer.send(Opcode.text, JSON.stringify({ type: 'work', content }));
    // An opcode that does not exist. The peer keeps its half of the line open: the socket closes much later.
    peer.send(0x3);
    await peer.got(Opcode.close);
    expect(signals[0]?.aborted).to.equal(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(started).to.deep.equal([1]);
    peer.socket.destroy();
  });

  it('keeps the first of two reasons, on the wire and in onClose', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1 });
    client.session.close(4001, 'first');
    client.session.close(4002, 'second');
    await server.realtime.disconnect({ userId: 1 });
    expect(await client.closed).to.deep.equal({ code: 4001, reason: 'first' });
    await server.closings(1);
    expect(server.closed[0]?.info).to.deep.equal({ code: 4001, reason: 'first', why: 'app' });
  });

  it('shows onOpen a session that is in the hub, and onClose one that is no longer', async () => {
    const seen: unknown[] = [];
    const server = await startServer({
      onOpen: (session) => seen.push(server.realtime.hub.get(session.id) === session, session.isOpen),
      onClose: (session) => seen.push(server.realtime.hub.get(session.id), session.isOpen),
    });
    const client = await server.connect({ id: 1 });
    client.ws.close();
    await server.closings(1);
    expect(seen).to.deep.equal([true, true, undefined, false]);
  });

  it('sends what onOpen sends before anything else, and handles a message only after onOpen', async () => {
    const order: string[] = [];
    const server = await startServer({
      onOpen: (session) => {
        order.push('open');
        session.send('welcome', session.loginUser?.id);
      },
    });
    server.realtime.registry.on('n', () => order.push('message'));
    const client = await server.connect({ id: 5 });
    client.send('n', 1);
    expect(await client.next()).to.deep.equal({ type: 'welcome', content: 5 });
    await client.settle();
    expect(order).to.deep.equal(['open', 'message']);
  });

  it('goes on when onOpen and onClose throw: reported, the session works', async () => {
    const server = await startServer({
      onOpen: () => {
        throw new Error('open hook');
      },
      onClose: () => {
        throw new Error('close hook');
      },
    });
    const client = await server.connect({ id: 1 });
    client.session.send('n', 1);
    expect((await client.next()).content).to.equal(1);
    client.ws.close();
    await client.closed;
    await server.told('session.closed');
    expect(server.errors.map(({ message }) => message)).to.deep.equal(['open hook', 'close hook']);
    expect(server.realtime.hub.count()).to.equal(0);
  });

  it('lets onOpen close the session: the peer gets the code, onClose is told', async () => {
    const server = await startServer({ onOpen: (session) => session.close(4000, 'not you') });
    const client = await server.connect({ id: 1 });
    expect(await client.closed).to.deep.equal({ code: 4000, reason: 'not you' });
    await server.closings(1);
    expect(server.closed[0]?.info).to.deep.equal({ code: 4000, reason: 'not you', why: 'app' });
  });

  describe('close codes and reasons', () => {
    const reasons: readonly (readonly [string, string])[] = [
      ['x'.repeat(123), 'x'.repeat(123)],
      ['x'.repeat(124), 'x'.repeat(123)],
      ['中'.repeat(42), '中'.repeat(41)],
      [`x${'中'.repeat(41)}`, `x${'中'.repeat(40)}`],
      ['😀'.repeat(31), '😀'.repeat(30)],
      [`ab${'é'.repeat(61)}`, `ab${'é'.repeat(60)}`],
      ['', ''],
    ];
    for (const [given, wanted] of reasons) {
      it(`sends a reason of ${Buffer.byteLength(given)} bytes as ${Buffer.byteLength(wanted)} whole characters’ bytes`, async () => {
        const server = await startServer();
        const client = await server.connect({ id: 1 });
        client.session.close(4000, given);
        expect(await client.closed).to.deep.equal({ code: 4000, reason: wanted });
      });
    }

    const badCodes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 4000.5, NaN, '4000', true, -1, 65_536 + 4000];
    for (const code of badCodes) {
      it(`refuses code ${inspect(code)} at the call and changes nothing`, async () => {
        const server = await startServer();
        const client = await server.connect({ id: 1 });
        expect(codeOf(() => client.session.close(code as number, 'x'))).to.equal('ERR_REALTIME_CLOSE_CODE');
        const disconnect = () => server.realtime.disconnect({ userId: 1 }, { code: code as number });
        expect(codeOf(disconnect)).to.equal('ERR_REALTIME_CLOSE_CODE');
        client.session.send('n', 'still here');
        expect((await client.next()).content).to.equal('still here');
        expect(client.session.isOpen).to.equal(true);
      });
    }

    it('refuses a reason that is no text and changes nothing', async () => {
      const server = await startServer();
      const client = await server.connect({ id: 1 });
      expect(codeOf(() => client.session.close(4000, 7 as unknown as string))).to.equal('ERR_REALTIME_CLOSE_CODE');
      await client.settle();
    });

    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999]) {
      it(`closes with ${code}`, async () => {
        const server = await startServer();
        const client = await server.connect({ id: 1 });
        client.session.close(code, 'r');
        expect(await client.closed).to.deep.equal({ code, reason: 'r' });
      });
    }
  });

  it('reaches every socket of a user, and only its own session by id', async () => {
    const server = await startServer();
    const [a, b, other] = [
      await server.connect({ id: 1 }),
      await server.connect({ id: 1 }),
      await server.connect({ id: 2 }),
    ];
    expect((await server.realtime.send({ userId: 1 }, 'user', 1)).delivered).to.equal(2);
    expect((await server.realtime.send({ sessionId: b.session.id }, 'session', 1)).delivered).to.equal(1);
    await Promise.all([a.settle(), b.settle(), other.settle()]);
    expect(a.messages.map(({ type }) => type)).to.deep.equal(['user']);
    expect(b.messages.map(({ type }) => type)).to.deep.equal(['user', 'session']);
    expect(other.messages).to.deep.equal([]);
    a.ws.close();
    await server.closings(1);
    expect(await server.realtime.count({ userId: 1 })).to.equal(1);
    expect(await server.realtime.isOnline({ userId: 1 })).to.equal(true);
    b.ws.close();
    await server.closings(2);
    expect(await server.realtime.isOnline({ userId: 1 })).to.equal(false);
  });

  it('gives each session an id of its own that nobody can guess', async () => {
    const server = await startServer();
    const clients = await Promise.all(Array.from({ length: 30 }, () => server.connect({ id: 1 })));
    const parts = clients.map(({ session }) => session.id.split('.'));
    expect(new Set(parts.map(([node]) => node)).size).to.equal(1);
    expect(new Set(parts.map(([, random]) => random)).size).to.equal(30);
    for (const [, random] of parts) expect(Buffer.from(random ?? '', 'base64url')).to.have.length(16);
  });

  it('keeps data of its own on each session', async () => {
    const server = await startServer();
    const [a, b] = [await server.connect({ id: 1 }), await server.connect({ id: 1 })];
    a.session.data['seen'] = 1;
    expect(a.session.data).to.deep.equal({ seen: 1 });
    expect(b.session.data).to.deep.equal({});
  });

  it('carries the LoginUser on the raw socket: the same frozen object', async () => {
    const server = await startServer();
    const { session } = await server.connect({ id: 1 });
    expect(session.socket.loginUser).to.equal(session.loginUser);
    expect(session.socket).to.be.instanceOf(WebSocket);
    expect(Object.isFrozen(session.loginUser)).to.equal(true);
  });

  it("lets the application listen on the raw socket: every event of ws's, after the session", async () => {
    const server = await startServer({ maxPayloadBytes: 2000 });
    const { session, ws } = await server.connect({ id: 1 });
    const heard: string[] = [];
    for (const event of ['message', 'ping', 'pong', 'error', 'close']) {
      session.socket.on(event, () => heard.push(event));
    }
    const pinged = once(ws, 'pong');
    ws.ping('a');
    await pinged;
    ws.pong('b');
    ws.send('{"type":"n"}');
    ws.send('x'.repeat(3000));
    await server.closings(1);
    expect(heard).to.deep.equal(['ping', 'pong', 'message', 'error', 'close']);
    expect(server.closed).to.have.length(1);
  });

  it('costs an idle socket no timer and no listener, however many there are', async () => {
    const server = await startServer();
    const timers = new Set<number>();
    const hook = createHook({
      init: (id, type) => void (type === 'Timeout' && timers.add(id)),
      destroy: (id) => void timers.delete(id),
    });
    hook.enable();
    const expiresAtMs = Date.now() + 3_600_000;
    await Promise.all(Array.from({ length: 20 }, (_, id) => server.connect({ id })));
    await Promise.all(Array.from({ length: 20 }, (_, id) => server.connect({ id, expiresAtMs })));
    // Those that were cleared are told in the next turns.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    hook.disable();
    // The one of the expiry clock.
    expect(timers.size).to.equal(1);
    for (const { socket } of server.opened) expect(socket.eventNames()).to.deep.equal([]);
    for (const tcp of server.sockets) expect(tcp.listenerCount('error')).to.equal(1);
  });

  it('tells user, type and tenant of a session and of its raw socket, and null where there is none', async () => {
    const server = await startServer({ multiTenant: true });
    const user = { id: 7, userType: 'admin', tenantId: 'acme', info: { name: 'Ann' } };
    const { session, ws: foreign } = await server.connect(user);
    for (const carrier of [session, session.socket]) {
      expect(getLoginUser(carrier)).to.equal(session.loginUser);
      expect(getLoginUserId(carrier)).to.equal(7);
      expect(getLoginUserType(carrier)).to.equal('admin');
      expect(getTenantId(carrier)).to.equal('acme');
    }
    for (const nothing of [null, undefined, foreign]) {
      expect(getLoginUser(nothing)).to.equal(null);
      expect(getLoginUserId(nothing)).to.equal(null);
      expect(getLoginUserType(nothing)).to.equal(null);
      expect(getTenantId(nothing)).to.equal(null);
    }
  });

  it('has a guest only in the rooms it was put in and by its id, in no audience of users', async () => {
    const server = await startServer({ anonymous: true, multiTenant: true });
    const guest = await RawPeer.open(server.url(null));
    const member = await server.connect({ id: 1, tenantId: 'a' });
    const session = server.opened[0];
    expect([getLoginUser(session), getLoginUserId(session?.socket), getTenantId(session)]).to.deep.equal([
      null,
      null,
      null,
    ]);
    session?.join('r');
    member.session.join('r');
    const { realtime } = server;
    const delivered = async (target: Target) => (await realtime.send(target, 'n', 1)).delivered;
    expect(await delivered({ everyone: true, allTenants: true })).to.equal(1);
    expect(await delivered({ userType: 0, allTenants: true })).to.equal(1);
    expect(await delivered({ room: 'r', allTenants: true })).to.equal(2);
    expect(await delivered({ room: 'r', tenantId: 'a' })).to.equal(1);
    expect(await delivered({ sessionId: session?.id ?? '', allTenants: true })).to.equal(1);
    expect(await delivered({ sessionId: session?.id ?? '', tenantId: 'a' })).to.equal(0);
    expect((await session?.sender.send({ room: 'r' }, 'n', 1))?.delivered).to.equal(1);
    expect((await session?.sender.send({ everyone: true }, 'n', 1))?.delivered).to.equal(0);
    expect(realtime.hub.count()).to.equal(2);
    guest.socket.destroy();
    await server.closings(1);
    expect(server.closed[0]?.session).to.equal(session);
  });

  it('has user type 0 and no tenant by default', async () => {
    const server = await startServer();
    const { session } = await server.connect({ id: 7 });
    expect(getLoginUserType(session)).to.equal(0);
    expect(getTenantId(session)).to.equal(null);
    expect(session.loginUser).to.not.have.property('tenantId');
  });

  it('shows no token when a session, its socket, an event or an error is printed', async () => {
    const secret = 'S3CRET-token-value';
    const printed: string[] = [];
    const print = (...values: unknown[]) => {
      for (const value of values) printed.push(inspect(value, { depth: 12, showHidden: true, maxArrayLength: 20 }));
    };
    const server = await startServer({
      authenticate: (req) => (String(req.headers.authorization).includes('S3CRET') ? { id: 1 } : null),
      onOpen: (session) => print(session, session.socket),
      onClose: (session, info) => print(session, info),
      onEvent: (event) => print(event),
      onError: (error, origin) => print(error, origin),
      maxMessagesPerSecond: 1,
    });
    server.realtime.registry.on('throws', () => {
      throw new Error('handler');
    });
    const peer = await RawPeer.open(`ws://127.0.0.1:${server.port}/ws?token=${secret}`);
    peer.send(Opcode.text, 'ping');
    peer.send(Opcode.text, '{"type":"throws"}');
    peer.send(Opcode.text, '{"type":');
    peer.send(Opcode.text, '{"type":"x"}');
    peer.send(Opcode.text, '{"type":"x"}');
    await peer.got(Opcode.text);
    const refused = new WebSocket(`ws://127.0.0.1:${server.port}/ws?token=wrong-${secret.toLowerCase()}`);
    refused.on('error', () => undefined);
    await server.told('handshake.refused');
    const [session] = server.opened;
    print(session);
    peer.socket.destroy();
    await server.closings(1);
    expect(server.errors.length).to.be.greaterThan(1);
    expect(printed.length).to.be.greaterThan(8);
    const leaks = printed.filter((text) => text.toLowerCase().includes('s3cret'));
    expect(
      leaks.map((text) => text.slice(Math.max(0, text.toLowerCase().indexOf('s3cret') - 300)).slice(0, 400)),
    ).to.deep.equal([]);
  });
});
