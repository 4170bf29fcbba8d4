import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { RealtimeError } from '../../lib/model/errors';
import {
  UPGRADE_HEADERS,
  attempt,
  closeAll,
  deferred,
  echo,
  exchange,
  expectServed,
  handshakeText,
  listen,
  open,
  openDoor,
  rawConnect,
  readAll,
  startDoor,
  statusOfAnswer,
} from './support';

describe('paths of a server', () => {
  afterEach(closeAll);

  it('serves two attaches, each on its path', async () => {
    const { server, door } = await startDoor();
    const other = openDoor(server, { path: '/admin/ws' });
    await open(server, { token: 'mary' });
    await open(server, { token: 'anna', path: '/admin/ws' });
    expect(door.logins).to.deep.equal([{ id: 'mary', userType: 0 }]);
    expect(other.logins).to.deep.equal([{ id: 'anna', userType: 0 }]);
  });

  it('throws when the same path is attached twice, and takes it again after close', async () => {
    const { server, door } = await startDoor();
    for (const path of ['/ws', '/ws/']) {
      expect(() => openDoor(server, { path }))
        .to.throw(RealtimeError, /path \/ws is already attached/)
        .with.property('code', 'ERR_REALTIME_ATTACH');
    }
    door.handshake.close();
    openDoor(server);
    await expectServed(server);
  });

  it('is shared by two copies of the package in one process', async () => {
    const server = await listen();
    const door = openDoor(server);
    const { openDoor: openOther } = loadCopy<{ openDoor: typeof openDoor }>(`${__dirname}/support.ts`);
    expect(openOther).not.to.equal(openDoor);
    expect(() => openOther(server))
      .to.throw(/path \/ws is already attached/)
      .with.property('code', 'ERR_REALTIME_ATTACH');
    const other = openOther(server, { path: '/other' });
    await expectServed(server);
    await expectServed(server, { path: '/other' });
    expect(statusOfAnswer(await exchange(server, handshakeText('/none')))).to.equal(404);
    expect([door.admitted.length, other.admitted.length]).to.deep.equal([1, 1]);
    expect(server.listenerCount('upgrade')).to.equal(1);
  });

  it('warns when the server would wait for slow requests for ever', async () => {
    const server = createServer({ headersTimeout: 0, requestTimeout: 0 });
    const warned = once(process, 'warning') as Promise<[Error & { code?: string }]>;
    openDoor(server);
    expect((await warned)[0].code).to.equal('REALTIME_NO_REQUEST_TIMEOUT');
  });

  it('tolerates one trailing slash, on either side', async () => {
    const { server } = await startDoor({ path: '/chat/' });
    for (const path of ['/chat', '/chat/', '/chat/?x=1', '/chat?x=1']) await expectServed(server, { path });
    expect((await attempt(server, { path: '/chat//' })).status).to.equal(404);
  });

  it('answers other paths once with 404 when nobody else listens', async () => {
    const { server, door } = await startDoor();
    openDoor(server, { path: '/two' });
    const answer = await exchange(server, handshakeText('/other?token=secret'));
    expect(answer).to.match(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(answer.match(/HTTP\/1\.1/g)).to.have.length(1);
    expect(door.refusals()).to.deep.equal(['404 not-found']);
    expect(JSON.stringify(door.events)).not.to.contain('secret');
  });

  const HOSTILE_TARGETS = [
    '//[::/?token=x',
    '/ws/../admin',
    '/ws%2f',
    '/%77s',
    '/WS',
    '*',
    'http://evil/ws',
    'http://evil/ws?token=good',
    '//ws',
    '/ws;x=1',
    '/ws#x',
    '/ws\\',
    '/__proto__',
    'constructor',
    `/${'a'.repeat(15_000)}`,
  ];
  for (const target of HOSTILE_TARGETS) {
    it(`does not take ${target.slice(0, 40)} for its path`, async () => {
      const { server, door } = await startDoor();
      expect(statusOfAnswer(await exchange(server, handshakeText(target)))).to.be.oneOf([400, 404]);
      expect(door.admitted).to.have.length(0);
      await expectServed(server);
    });
  }

  it('refuses a target above the size that Node takes, and goes on', async () => {
    const { server } = await startDoor();
    expect(statusOfAnswer(await exchange(server, handshakeText(`/ws?token=${'a'.repeat(20_000)}`)))).to.equal(431);
    await expectServed(server);
  });

  it('destroys an upgrade that is pipelined behind an unanswered request, and goes on', async () => {
    let answerLater = (): void => undefined;
    const { server, door } = await startDoor({}, (_req, res) => {
      answerLater = () => res.end('late');
    });
    const socket = await rawConnect(server);
    socket.write(`GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${handshakeText('/ws?token=good')}`);
    expect(await readAll(socket)).to.equal('');
    answerLater();
    expect(door.admitted).to.have.length(0);
    await expectServed(server);
  });

  it('refuses new upgrades with 503 and Retry-After while it closes; sessions stay', async () => {
    const { server, door } = await startDoor();
    const client = await open(server, { token: 'mary' });
    door.handshake.refuseNew();
    const refused = await attempt(server, { token: 'anna' });
    expect([refused.status, refused.headers['retry-after']]).to.deep.equal([503, '5']);
    expect(await echo(client, 'still open')).to.equal('still open');
    expect(door.refusals()).to.deep.equal(['503 closing']);
  });

  it('refuses with 503 what was still authenticating when it closed', async () => {
    const called = deferred();
    const decision = deferred<{ id: string }>();
    const { server, door } = await startDoor({
      authenticate: () => {
        called.resolve();
        return decision.promise;
      },
    });
    const answer = exchange(server, handshakeText('/ws'));
    await called.promise;
    door.handshake.close();
    decision.resolve({ id: 'mary' });
    expect(statusOfAnswer(await answer)).to.equal(503);
  });
});

describe('others on the same server', () => {
  afterEach(closeAll);

  const endsEverything = (_req: unknown, socket: Duplex): unknown => socket.end('HTTP/1.1 418 Teapot\r\n\r\n');

  it('opens 10 of 10 sockets beside listeners that end what they do not know, added before and after', async () => {
    const server = await listen();
    server.on('upgrade', endsEverything);
    openDoor(server);
    server.prependListener('upgrade', endsEverything);
    for (let index = 0; index < 10; index += 1) await expectServed(server);
  });

  it('leaves other paths to other listeners', async () => {
    const { server, door } = await startDoor();
    const other = new WebSocketServer({ noServer: true });
    other.on('connection', (ws) => ws.on('message', () => ws.send('from the other')));
    server.on('upgrade', (req, socket, head) => {
      if (req.url === '/other') other.handleUpgrade(req, socket, head, (ws) => other.emit('connection', ws, req));
    });
    const theirs = await open(server, { path: '/other' });
    expect(await echo(theirs, 'x')).to.equal('from the other');
    await expectServed(server);
    expect(door.events).to.deep.equal([]);
  });

  it('closes an unknown path once, by the listener that knows none', async () => {
    const { server } = await startDoor();
    server.on('upgrade', endsEverything);
    const answer = await exchange(server, handshakeText('/unknown'));
    expect(answer).to.equal('HTTP/1.1 418 Teapot\r\n\r\n');
  });

  it('shares the path /: subprotocols of others go to them, the rest is ours', async () => {
    const { server, door } = await startDoor({ path: '/' });
    const hmr = new WebSocketServer({ noServer: true });
    hmr.on('connection', (ws) => ws.on('message', () => ws.send('hmr')));
    server.on('upgrade', (req, socket, head) => {
      if (req.headers['sec-websocket-protocol'] !== 'vite-hmr') return;
      hmr.handleUpgrade(req, socket, head, (ws) => hmr.emit('connection', ws, req));
    });
    expect(await echo(await open(server, { path: '/', protocols: ['vite-hmr'] }), 'x')).to.equal('hmr');
    await expectServed(server, { path: '/' });
    await expectServed(server, { path: '/?x=1', protocols: ['express-realtime.v1'] });
    expect(door.admitted).to.have.length(2);
  });

  it('leaves a wrapper that somebody else put around ours in place when it closes', async () => {
    const { server, door } = await startDoor();
    const ours = server.emit.bind(server);
    const wrapper = ((event: string, ...args: unknown[]) =>
      Reflect.apply(ours, undefined, [event, ...args]) as boolean) as Server['emit'];
    server.emit = wrapper;
    door.handshake.close();
    expect(server.emit).to.equal(wrapper);
    openDoor(server);
    await expectServed(server);
  });

  it('does not hear upgrades any more after it closed', async () => {
    const { server, door } = await startDoor({}, (req, res) => res.end(`plain ${req.url ?? ''}`));
    door.handshake.close();
    const answer = await exchange(
      server,
      handshakeText('/ws', [...UPGRADE_HEADERS.slice(1), 'Connection: Upgrade, close']),
    );
    expect(answer).to.contain('plain /ws');
  });
});

/** Loads a module and all of ours beneath it once more, as a second copy of the package would be. */
function loadCopy<T>(path: string): T {
  const kept = { ...require.cache };
  for (const key of Object.keys(require.cache)) {
    if (!key.includes('node_modules')) Reflect.deleteProperty(require.cache, key);
  }
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the loader whose cache can be emptied
  const copy = require(path) as T;
  Object.assign(require.cache, kept);
  return copy;
}
