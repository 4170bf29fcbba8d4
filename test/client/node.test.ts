import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import type { ClientOptions, RealtimeClient, StatusChange } from '../../lib/client/index';
import { connect } from '../../lib/client/index';
import type { LoginUserInput, Session } from '../../lib/index';
import { MessageError } from '../../lib/index';
import type { AppServer } from '../support/app-server';
import { closeAfterTest, startApp, tokenOf } from '../support/app-server';

/** A client on real sockets, and the changes of its status, none of which is missed. */
interface NodeClient {
  readonly client: RealtimeClient;
  /** The next change to this status, or the oldest one that nobody waited for. */
  next(status: StatusChange['status']): Promise<StatusChange>;
}

function openClient(server: AppServer, options: ClientOptions = {}): NodeClient {
  const client = connect(server.url.replace('http', 'ws') + '/ws', {
    token: () => tokenOf({ id: 7 }),
    createSocket: (url, protocols) => new WebSocket(url, protocols),
    minBackoffMs: 20,
    maxBackoffMs: 100,
    onError: () => undefined,
    ...options,
  });
  closeAfterTest(async () => client.close());
  const changes: StatusChange[] = [];
  let look = (): void => undefined;
  client.onStatus((change) => {
    changes.push(change);
    look();
  });
  const next = async (status: StatusChange['status']): Promise<StatusChange> => {
    for (;;) {
      const change = changes.shift();
      if (change?.status === status) return change;
      if (change === undefined) await new Promise<void>((resolve) => (look = resolve));
    }
  };
  return { client, next };
}

const sessionOf = (server: AppServer) => server.realtime.hub.list()[0] as Session;

describe('client: in Node over ws', () => {
  it('sends, asks and listens', async () => {
    const server = await startApp();
    server.realtime.registry.on('echo', (content) => content);
    server.realtime.registry.on('hello', (content, session) => void session.send('hello', [content]));
    server.realtime.registry.on('taken', () => {
      throw new MessageError('taken', 'this name is taken', { retryable: true });
    });
    const { client, next } = openClient(server);
    const heard = new Promise((resolve) => client.on('hello', resolve));
    // Before it is open: kept, and sent in order.
    client.send('hello', { a: 1 });
    expect(await client.request('echo', 'ü😀')).to.equal('ü😀');
    expect(await heard).to.deep.equal([{ a: 1 }]);
    const error = await client.request('taken', null).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'taken', message: 'this name is taken', retryable: true });
    await next('open');
    expect(client.sessionId).to.equal(sessionOf(server).id);
  });

  it('answers what the server asks', async () => {
    const server = await startApp();
    const { client, next } = openClient(server);
    client.on('where', async (content) => ({ at: content }));
    await next('open');
    expect(await sessionOf(server).request('where', 5)).to.deep.equal({ at: 5 });
    const error = await sessionOf(server)
      .request('who', 5)
      .catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'unknown_type' });
  });

  it('comes back after the server cut the line, with the same listeners', async () => {
    const server = await startApp();
    const { client, next } = openClient(server);
    const heard = new Promise((resolve) => client.on('news', resolve));
    await next('open');
    const first = client.sessionId;
    sessionOf(server).socket.terminate();
    expect((await next('waiting')).end?.code).to.equal(1006);
    await next('open');
    expect(client.sessionId).not.to.equal(first);
    await server.realtime.sender.send({ userId: 7 }, 'news', 1);
    expect(await heard).to.equal(1);
    expect(server.realtime.hub.list()).to.have.length(1);
  });

  it('stays away when it was removed', async () => {
    const server = await startApp();
    const { client, next } = openClient(server);
    await next('open');
    await server.realtime.sender.disconnect({ userId: 7 });
    expect((await next('closed')).end?.code).to.equal(4403);
    expect(client.status).to.equal('closed');
  });

  it('keeps the line over the end of its token, by $expiring and $auth', async () => {
    const server = await startApp({ expiryWarningMs: 60_000 });
    let asked = 0;
    let noteSecond = (): void => undefined;
    const second = new Promise<void>((resolve) => (noteSecond = resolve));
    const { client, next } = openClient(server, {
      token: () => {
        asked += 1;
        if (asked === 2) noteSecond();
        const user: LoginUserInput = { id: 7, expiresAtMs: Date.now() + (asked === 1 ? 30_000 : 3_600_000) };
        return tokenOf(user);
      },
    });
    server.realtime.registry.on('until', (_content, session) => session.loginUser.expiresAtMs);
    await next('open');
    const first = client.sessionId;
    await second;
    let until = 0;
    while (until < Date.now() + 60_000) until = (await client.request('until', null)) as number;
    expect([asked, client.sessionId, client.status]).to.deep.equal([2, first, 'open']);
  });

  it('is let in again by another token, after a handshake was refused', async () => {
    const server = await startApp();
    const tokens = ['bm90IGEgdXNlcg', tokenOf({ id: 7 })];
    const { next } = openClient(server, { token: () => tokens.shift() });
    expect((await next('waiting')).end?.code).to.equal(1006);
    await next('open');
  });

  it('hears of a server that closes when to come back', async () => {
    const server = await startApp();
    const { next } = openClient(server, { minBackoffMs: 60_000, maxBackoffMs: 60_000 });
    await next('open');
    await server.realtime.close();
    const { end, retryInMs } = await next('waiting');
    expect(end?.code).to.equal(1001);
    expect(retryInMs).to.be.within(0, 5000);
  });
});

describe('client: as a module', () => {
  const run = promisify(execFile);
  const entry = join(__dirname, '..', '..', 'lib', 'client', 'index.ts');

  it('does nothing when a server loads it, and leaves no global', async () => {
    const script = `
      const before = Object.getOwnPropertyNames(globalThis).join();
      const { connect } = require(${JSON.stringify(entry)});
      console.log(typeof connect, before === Object.getOwnPropertyNames(globalThis).join());
      console.log(process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name)).join());
    `;
    const { stdout } = await run(process.execPath, ['--import', 'tsx', '-e', script], { timeout: 60_000 });
    expect(stdout.trim()).to.equal('function true');
  });

  it('lets the process end after close', async () => {
    const script = `
      const { connect } = require(${JSON.stringify(entry)});
      const client = connect('ws://127.0.0.1:1/ws', { createSocket: () => { throw new Error('none'); }, onError() {} });
      client.request('a', 1).catch(({ code }) => console.log(code));
      client.onStatus(({ status }) => { if (status === 'waiting') client.close(); });
    `;
    const { stdout } = await run(process.execPath, ['--import', 'tsx', '-e', script], { timeout: 60_000 });
    expect(stdout.trim()).to.equal('closed');
  });
});
