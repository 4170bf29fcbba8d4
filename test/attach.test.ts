import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import express5 from 'express';
import type { Express } from 'express';
import express4 from 'express4';
import { sign } from 'jsonwebtoken';
import { Passport } from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { attachRealtime } from '../lib/index';
import type { CloseInfo, RealtimeOptions } from '../lib/index';
import { refusal } from '../lib/testing/index';
import { authenticate, closeAfterTest, listen, openClient, startApp, tokenOf } from './support/app-server';
import { raise } from './support/raise';

const ada = { id: 7, userType: 1 };
const token = tokenOf(ada);

/** Attaches and closes after the test. */
function attach(server: Server, options: Partial<RealtimeOptions> = {}) {
  const realtime = attachRealtime(server, { authenticate, ...options });
  closeAfterTest(() => realtime.close());
  return realtime;
}

describe('attachRealtime', () => {
  it('gives an app with passport-jwt realtime in one line', async () => {
    const passport = new Passport();
    const jwtFromRequest = ExtractJwt.fromAuthHeaderAsBearerToken();
    passport.use(new Strategy({ jwtFromRequest, secretOrKey: 'secret' }, (claims, done) => done(null, claims)));
    const app = express5();
    const server = app.listen(0, '127.0.0.1');
    const { registry, sender, close } = attachRealtime(server, { passport });
    closeAfterTest(async () => {
      await close();
      server.close();
      await once(server, 'close');
    });
    registry.on('chat', (content, session) => session.send('chat', { echo: content }));

    const client = await openClient(server, { token: sign({ sub: 'u7', userType: 2 }, 'secret', { expiresIn: 60 }) });
    client.send('chat', 'hi');
    expect(await client.next('chat')).to.deep.equal({ echo: 'hi' });
    expect((await sender.send({ userId: 'u7', userType: 2 }, 'n', 1)).delivered).to.equal(1);
    expect((await refusal(server, { token: sign({ sub: 'u7' }, 'other secret') })).status).to.equal(401);
    await app.locals.sender.send({ everyone: true }, 'n', 2);
    expect([await client.next('n'), await client.next('n')]).to.deep.equal([1, 2]);
  });

  for (const [name, express] of [
    ['Express 4', express4],
    ['Express 5', express5],
  ] as const) {
    it(`finds the app among the listeners of the server: ${name}`, async () => {
      const app = express() as Express;
      const server = createServer(app);
      server.prependListener('request', () => undefined);
      const realtime = attach(server);
      expect(app.locals.sender).to.equal(realtime.sender);
    });
  }

  it('takes the app as an option when the listener is another function', async () => {
    const app = express5();
    const server = createServer((req, res) => {
      app(req, res);
    });
    expect(() => attach(server))
      .to.throw(/option app/)
      .with.property('code', 'ERR_REALTIME_ATTACH');
    const realtime = attach(server, { app });
    expect(app.locals.sender).to.equal(realtime.sender);
  });

  it('throws for a server or an app that is none', () => {
    const app = express5();
    for (const wrong of [undefined, null, app, {}, 3000, 'server']) {
      expect(() => attach(wrong as never))
        .to.throw(/first argument must be the HTTP server/)
        .with.property('code', 'ERR_REALTIME_ATTACH');
    }
    for (const wrong of [{}, () => undefined]) {
      expect(() => attach(createServer(app), { app: wrong }))
        .to.throw(/option app must be an Express app/)
        .with.property('code', 'ERR_REALTIME_OPTION');
    }
  });

  it('is a sender with sender, registry, hub, ready, health and close beside', async () => {
    const { realtime } = await startApp();
    expect(realtime).to.include.all.keys(
      'send',
      'sendText',
      'disconnect',
      'count',
      'isOnline',
      'forTenant',
      'sender',
      'registry',
      'hub',
      'ready',
      'health',
      'close',
    );
    await realtime.ready;
  });

  it('tolerates one trailing slash in path, on either side', async () => {
    const { server, realtime } = await startApp({ path: '/live/' });
    await openClient(server, { token, path: '/live' });
    await openClient(server, { token, path: '/live/' });
    expect(realtime.hub.count()).to.equal(2);
    expect((await refusal(server, { token, path: '/live//' })).status).to.equal(404);
  });

  describe('two on one server', () => {
    it('keep their sessions, types and senders apart', async () => {
      const { app, server, realtime: first } = await startApp();
      const second = attach(server, { path: '/admin', localsKey: 'adminSender' });
      expect(app.locals.sender).to.equal(first.sender);
      expect(app.locals['adminSender']).to.equal(second.sender);
      first.registry.on('who', (_content, session) => session.send('who', 'first'));
      second.registry.on('who', (_content, session) => session.send('who', 'second'));
      const [one, two] = [await openClient(server, { token }), await openClient(server, { token, path: '/admin' })];
      one.send('who');
      two.send('who');
      expect(await one.next('who')).to.equal('first');
      expect(await two.next('who')).to.equal('second');
      expect((await second.send({ everyone: true }, 'n', 1)).delivered).to.equal(1);
      expect(await two.next('n')).to.equal(1);
      await second.close();
      expect((await two.closed).code).to.equal(1001);
      expect((await refusal(server, { token, path: '/admin' })).status).to.equal(404);
      one.send('who');
      expect(await one.next('who')).to.equal('first');
      expect(one.unread).to.deep.equal([]);
    });

    it('cannot have one path: the second throws and changes nothing', async () => {
      const { app, server, realtime } = await startApp();
      for (const path of ['/ws', '/ws/']) {
        expect(() => attach(server, { path, localsKey: 'other' }))
          .to.throw(/path \/ws is already attached/)
          .with.property('code', 'ERR_REALTIME_ATTACH');
      }
      expect(app.locals).not.to.have.property('other');
      await openClient(server, { token });
      expect(realtime.hub.count()).to.equal(1);
    });

    it('cannot have one place on app.locals, nor one that the app uses', async () => {
      const { app, server, realtime } = await startApp();
      app.locals['mine'] = undefined;
      for (const localsKey of ['sender', 'mine', 'settings']) {
        expect(() => attach(server, { path: '/other', localsKey }))
          .to.throw(/is taken: give a second attach its own option localsKey/)
          .with.property('code', 'ERR_REALTIME_ATTACH');
      }
      expect(app.locals.sender).to.equal(realtime.sender);
      expect((await refusal(server, { token, path: '/other' })).status).to.equal(404);
    });
  });

  it('enabled: false hooks nothing; the sender is there and reaches nobody', async () => {
    const { app, server, realtime, url } = await startApp({
      enabled: false,
      mount: (app) =>
        app.get('/ws', (_req, res) => {
          res.send('the app');
        }),
    });
    expect(server.listenerCount('upgrade')).to.equal(0);
    expect(app.locals.sender).to.equal(realtime.sender);
    expect(await realtime.send({ everyone: true }, 'n', 1)).to.include({ delivered: 0, relay: 'none' });
    expect(() => realtime.send({ userID: 1 } as never, 'n', 1)).to.throw(/unknown key/);
    realtime.registry.on('chat', () => undefined);
    // Node answers as it does without us.
    const answer = await fetch(`${url}/ws`);
    expect(await answer.text()).to.equal('the app');
    expect((await refusal(server, { token })).status).to.equal(200);
    await realtime.close();
    expect(app.locals).not.to.have.property('sender');
  });

  it('enabled: false needs no login', async () => {
    const server = createServer(express5());
    const realtime = attachRealtime(server, { enabled: false });
    await realtime.close();
  });

  describe('close', () => {
    it('tells every session to come back, takes itself off, and leaves the server to the app', async () => {
      const { app, server, realtime, login, url } = await startApp({
        mount: (app) =>
          app.get('/', (_req, res) => {
            res.send('up');
          }),
      });
      const clients = [await login(ada), await login({ id: 8 })];
      const closing = realtime.close();
      expect(realtime.close()).to.equal(closing);
      await closing;
      for (const client of clients) expect(await client.closed).to.deep.equal({ code: 1001, reason: '' });
      expect(realtime.hub.count()).to.equal(0);
      expect(app.locals).not.to.have.property('sender');
      expect(server.listenerCount('upgrade')).to.equal(0);
      expect(await (await fetch(url)).text()).to.equal('up');
    });

    it('takes the code for a restart; what cannot be throws at once and closes nothing', async () => {
      const { realtime, login } = await startApp();
      const client = await login(ada);
      const wrong = [{ code: 999 }, { code: '1012' }, { drainMs: -1 }, { drainMs: NaN }];
      for (const options of wrong) {
        expect(() => realtime.close(options as never))
          .to.throw(/must be/)
          .with.property('code');
      }
      const late = await login({ id: 8 });
      await realtime.close({ code: 1012 });
      expect((await client.closed).code).to.equal(1012);
      expect((await late.closed).code).to.equal(1012);
    });

    it('makes room for a new attach on the same path', async () => {
      const { server, realtime } = await startApp();
      await realtime.close();
      const again = attach(server);
      await openClient(server, { token });
      expect(again.hub.count()).to.equal(1);
    });
  });

  describe('hooks', () => {
    it('onOpen comes before the first message, onClose once with code, reason and why', async () => {
      const log: unknown[] = [];
      const closed = new Promise<CloseInfo>((resolve) => {
        void startApp({
          onOpen: (session) => log.push(['open', session.loginUser?.id]),
          onClose: (session, info) => {
            log.push(['close', session.loginUser?.id]);
            resolve(info);
          },
        }).then(async ({ realtime, login }) => {
          realtime.registry.on('chat', (content) => log.push(['chat', content]));
          const client = await login(ada);
          client.send('chat', 1);
          await client.close(4000, 'done');
        });
      });
      expect(await closed).to.deep.equal({ code: 4000, reason: 'done', why: 'client' });
      expect(log).to.deep.equal([
        ['open', 7],
        ['chat', 1],
        ['close', 7],
      ]);
    });

    it('onEvent is told of openings, refusals and closings, without tokens and contents', async () => {
      const { server, realtime, login, events } = await startApp();
      const client = await login(ada);
      client.send('s3cret-type', 's3cret');
      client.sendText('ping');
      await client.nextText();
      await refusal(server, { token, headers: { origin: 'https://evil.example' } });
      await realtime.close();
      expect(events.map(({ name }) => name)).to.deep.equal([
        'session.opened',
        'message.refused',
        'handshake.refused',
        'session.closed',
      ]);
      const sessionId = events[0]?.name === 'session.opened' ? events[0].sessionId : '';
      expect(events[0]).to.deep.equal({ name: 'session.opened', sessionId, userId: 7, userType: 1 });
      expect(events[1]).to.deep.equal({
        name: 'message.refused',
        sessionId,
        code: 'unknown_type',
        type: 's3cret-type',
      });
      expect(events[2]).to.include({ status: 403, why: 'origin' });
      expect(events[3]).to.deep.equal({ name: 'session.closed', sessionId, code: 1001, why: 'shutdown', discarded: 0 });
      expect(JSON.stringify(events)).not.to.include(token);
    });

    for (const [what, fail] of [
      ['throw', (message: string): void => raise(new Error(message))],
      ['are asynchronous and reject', async (message: string): Promise<void> => raise(new Error(message))],
    ] as const) {
      it(`that ${what} change nothing and are reported`, async () => {
        const { login, realtime, nextError } = await startApp({
          onOpen: () => fail('onOpen'),
          onClose: () => fail('onClose'),
          onEvent: ({ name }) => fail(name),
        });
        realtime.registry.on('echo', (content, session) => session.send('echo', content));
        const client = await login(ada);
        client.send('echo', 1);
        expect(await client.next('echo')).to.equal(1);
        await client.close();
        const messages: string[] = [];
        while (messages.length < 4) messages.push((await nextError()).error.message);
        expect(messages).to.have.members(['session.opened', 'onOpen', 'onClose', 'session.closed']);
      });
    }

    it('onError that rejects becomes a process warning', async () => {
      const warned = once(process, 'warning');
      const { realtime, login } = await startApp({ onError: async () => raise(new Error('broken async onError')) });
      realtime.registry.on('bad', () => raise(new Error('boom')));
      const client = await login(ada);
      client.send('bad');
      const [warning] = await warned;
      expect(warning).to.have.property(
        'message',
        'express-realtime: broken async onError (give onError to handle this)',
      );
    });

    it('onError that throws becomes a process warning', async () => {
      const warned = once(process, 'warning');
      const { realtime, login } = await startApp({ onError: () => raise(new Error('broken onError')) });
      realtime.registry.on('bad', () => raise(new Error('boom')));
      const client = await login(ada);
      client.send('bad');
      const [warning] = await warned;
      expect(warning).to.have.property('message', 'express-realtime: broken onError (give onError to handle this)');
    });
  });

  it('without onError faults are process warnings, at most ten in ten seconds', async () => {
    const server = createServer(express5());
    await listen(server);
    const { registry } = attach(server);
    registry.on('bad', (content) => raise(new Error(`fault ${String(content)}`)));
    const warnings: (Error & { readonly code?: unknown })[] = [];
    const handleWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', handleWarning);
    closeAfterTest(async () => process.off('warning', handleWarning));
    const client = await openClient(server, { token });
    client.send('other', 's3cret');
    for (let index = 0; index < 30; index += 1) client.send('bad', index);
    client.sendText('ping');
    await client.nextText();
    expect(warnings).to.have.length(10);
    expect(warnings[0]?.message).to.equal(
      'express-realtime: a message of type other was refused: unknown_type: no handler for this type (give onError to handle this)',
    );
    expect(warnings[0]?.code).to.equal('ERR_REALTIME_REFUSED');
    expect(warnings[1]).to.include({
      message: 'express-realtime: fault 0 (give onError to handle this)',
      code: 'ERR_REALTIME_HANDLER',
    });
  });

  it('warns once when the process is one of several and has no broker', async () => {
    const warnings: string[] = [];
    const handleWarning = ({ message }: Error) => {
      if (message.includes('one of several')) warnings.push(message);
    };
    process.on('warning', handleWarning);
    process.env['NODE_APP_INSTANCE'] = '0';
    closeAfterTest(async () => {
      process.off('warning', handleWarning);
      delete process.env['NODE_APP_INSTANCE'];
    });
    const settled = () => new Promise(setImmediate);
    await startApp();
    await settled();
    // pm2's first instance may be the only one.
    expect(warnings).to.deep.equal([]);
    process.env['NODE_APP_INSTANCE'] = '1';
    await startApp({ enabled: false });
    await settled();
    expect(warnings).to.deep.equal([]);
    await startApp();
    await startApp();
    await settled();
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/give option broker/);
  });

  it('warns in a worker of node:cluster that has no broker', async () => {
    cluster.setupPrimary({ exec: join(__dirname, 'support/attach-in-worker.ts'), execArgv: ['--import', 'tsx'] });
    const worker = cluster.fork();
    const [message] = await once(worker, 'message');
    expect(message).to.match(/one of several \(node:cluster or NODE_APP_INSTANCE\)/);
    await once(worker, 'exit');
  });
});
