import { expect } from 'chai';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import express from 'express';
import type { TestServer } from './support';
import { Opcode, RawPeer } from './raw-peer';
import { startServer, stopServers } from './support';

describe('close of the whole', () => {
  afterEach(stopServers);

  for (const [code, options] of [
    [1001, undefined],
    [1001, {}],
    [1012, { code: 1012 }],
  ] as const) {
    it(`ends every session with ${code} for close(${JSON.stringify(options) ?? ''}), after what was queued`, async () => {
      const server = await startServer();
      const clients = await Promise.all([1, 2, 3].map((id) => server.connect({ id })));
      for (const { session } of clients) session.send('last', 1);
      await server.realtime.close(options);
      for (const client of clients) {
        expect(await client.closed).to.deep.equal({ code, reason: '' });
        expect(client.messages).to.deep.equal([{ type: 'last', content: 1 }]);
      }
      expect(server.closed.map(({ info }) => info)).to.deep.equal(
        [1, 2, 3].map(() => ({ code, reason: '', why: 'shutdown' })),
      );
      expect(server.realtime.hub.count()).to.equal(0);
    });
  }

  it('refuses upgrades with 503 and Retry-After while it drains', async () => {
    const server = await startServer();
    const stuck = await RawPeer.open(server.url({ id: 'answers no close' }));
    const closing = server.realtime.close();
    const late = await RawPeer.open(server.url({ id: 'late' }));
    expect(late.status).to.equal(503);
    expect(late.head).to.match(/\r\nRetry-After: \d+/i);
    expect(server.opened).to.have.length(1);
    await stuck.got(Opcode.close);
    stuck.socket.destroy();
    await closing;
  });

  it('tells a login that was under way when the close began the same as all others', async () => {
    let logIn = (): void => undefined;
    const asked = new Promise<void>((resolveAsked) => {
      const pending = new Promise<void>((resolve) => (logIn = resolve));
      void startServer({
        authenticate: async () => {
          resolveAsked();
          await pending;
          return { id: 1 };
        },
      }).then((started) => {
        server = started;
        peer = RawPeer.open(started.url(null));
      });
    });
    let server: TestServer | undefined;
    let peer: Promise<RawPeer> | undefined;
    await asked;
    const closing = server?.realtime.close();
    logIn();
    const late = await peer;
    await closing;
    await late?.gone();
    // Refused at the door, or let in and told to go: never left open.
    if (late?.status === 101) expect(late.frames.at(-1)?.payload.readUInt16BE()).to.equal(1001);
    else expect(late?.status).to.equal(503);
    expect(server?.realtime.hub.count()).to.equal(0);
  });

  it('spreads the closing over drainMs', async () => {
    const server = await startServer();
    const clients = await Promise.all(Array.from({ length: 20 }, (_, id) => server.connect({ id })));
    const start = performance.now();
    const times: number[] = [];
    for (const client of clients) void client.closed.then(() => times.push(performance.now() - start));
    await server.realtime.close({ drainMs: 500 });
    await Promise.all(clients.map((client) => client.closed));
    times.sort((a, b) => a - b);
    expect(times.filter((time) => time < 90).length).to.be.within(1, 8);
    expect(times.at(-1)).to.be.within(300, 1500);
  });

  it('takes the option drainMs where close() names none', async () => {
    const server = await startServer({ drainMs: 400 });
    const clients = await Promise.all(Array.from({ length: 4 }, (_, id) => server.connect({ id })));
    const start = performance.now();
    await server.realtime.close();
    expect(performance.now() - start).to.be.within(250, 1500);
    await Promise.all(clients.map((client) => client.closed));
  });

  it('goes on delivering to those whose turn has not come', async () => {
    const server = await startServer();
    const clients = await Promise.all(Array.from({ length: 10 }, (_, id) => server.connect({ id })));
    const closing = server.realtime.close({ drainMs: 500 });
    await Promise.race(clients.map((client) => client.closed));
    const { delivered } = await server.realtime.send({ everyone: true }, 'n', 1);
    expect(delivered).to.be.within(1, 9);
    await closing;
    await Promise.all(clients.map((client) => client.closed));
    expect(clients.filter(({ messages }) => messages.length === 1)).to.have.length(delivered);
  });

  it('is idempotent: each call gives the same end, onClose is told once', async () => {
    const server = await startServer();
    await server.connect({ id: 1 });
    const first = server.realtime.close();
    const second = server.realtime.close({ code: 1012 });
    await Promise.all([first, second]);
    await server.realtime.close();
    expect(server.closed.map(({ info }) => info.code)).to.deep.equal([1001]);
  });

  it('terminates within seconds what never answers the close frame', async () => {
    const server = await startServer();
    const peers = await Promise.all([1, 2, 3].map((id) => RawPeer.open(server.url({ id }))));
    const deaf = await RawPeer.open(server.url({ id: 'reads nothing' }));
    deaf.socket.pause();
    const start = performance.now();
    await server.realtime.close();
    expect(performance.now() - start).to.be.lessThan(4000);
    expect(server.closed).to.have.length(4);
    expect(server.realtime.hub.count()).to.equal(0);
    for (const peer of peers) {
      await peer.gone();
      expect(peer.frames.at(-1)?.payload.readUInt16BE()).to.equal(1001);
    }
    deaf.socket.destroy();
  });

  it('ends sessions whose handlers still run, and whose reading is paused', async () => {
    const server = await startServer({ maxQueuedBytes: 100, onError: () => undefined });
    let isAborted = false;
    const started = new Promise<void>((resolve) => {
      server.realtime.registry.on('slow', async (_content, _session, { signal }) => {
        signal.addEventListener('abort', () => (isAborted = true));
        resolve();
        await once(signal, 'abort');
      });
    });
    const client = await server.connect({ id: 1 });
    for (let index = 0; index < 20; index += 1) client.send('slow', 'x'.repeat(50));
    await started;
    await server.realtime.close();
    expect((await client.closed).code).to.equal(1001);
    expect(isAborted).to.equal(true);
  });

  it('leaves the HTTP server running, without our path, and app.locals without the sender', async () => {
    const app = express();
    app.get('/', (_req, res) => void res.send('still here'));
    const server = await startServer({}, { createApp: () => app });
    expect(app.locals).to.have.property('sender');
    await server.realtime.close();
    expect(app.locals).to.not.have.property('sender');
    expect((await get(server.port, '/')).statusCode).to.equal(200);
    const peer = await RawPeer.open(server.url({ id: 1 }));
    expect(peer.status).to.not.equal(101);
    expect(server.opened).to.have.length(0);
    peer.socket.destroy();
    // A second attach on the same server and app is possible now.
    expect(server.http.listenerCount('upgrade')).to.equal(0);
  });

  it('leaves no handle: no timer, no socket, nothing but what was there before', async () => {
    const app = express();
    // Mocha's own timer is there from the first turn on.
    await nextTurn();
    const before = handles();
    const server = await startServer({ heartbeatMs: 50 }, { createApp: () => app });
    const client = await server.connect({ id: 1, expiresAtMs: Date.now() + 1_000_000 });
    const stuck = await RawPeer.open(server.url({ id: 2 }));
    await client.settle();
    await server.stop();
    await client.closed;
    await stuck.gone();
    await nextTurn();
    await nextTurn();
    expect(handles()).to.deep.equal(before);
  });

  it('resolves at once where nobody is connected, and sends reach nobody afterwards', async () => {
    const server = await startServer();
    const start = performance.now();
    await server.realtime.close({ drainMs: 60_000 });
    expect(performance.now() - start).to.be.lessThan(1000);
    expect(await outcomeOf(() => server.realtime.send({ everyone: true }, 'n', 1))).to.be.oneOf([
      0,
      'ERR_REALTIME_CLOSED',
    ]);
  });
});

async function outcomeOf(send: () => Promise<{ readonly delivered: number }>): Promise<number | string> {
  try {
    return (await send()).delivered;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function get(port: number, path: string): Promise<IncomingMessage> {
  const req = request({ port, path, host: '127.0.0.1', agent: false }).end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  res.resume();
  await once(res, 'end');
  return res;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What keeps this process alive, beside what tests always have. */
function handles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/^(TTYWrap|PipeWrap|Immediate|FSReq|TickObject)/.test(name))
    .sort();
}
