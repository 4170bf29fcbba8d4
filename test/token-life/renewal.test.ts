import { expect } from 'chai';
import request from 'supertest';
import type { LoginUserInput } from '../../lib/index';
import { renewRoute } from '../../lib/index';
import type { TestClient } from '../../lib/testing/index';
import type { AppServer, AppServerOptions } from '../support/app-server';
import { AWAY, BAD, HOUR_MS, SlowLogin, V1, start, startNodes, tokenOf, userOf } from './support';

describe('the end of a login', () => {
  it('is told to a v1 client before, as a span, and never to a plain one', async () => {
    const app = await start({ expiryWarningMs: 2 * HOUR_MS });
    const user = { id: 7, expiresAtMs: Date.now() + HOUR_MS };
    const plain = await app.login(user);
    const v1 = await app.login(user, V1);
    const { expiresInMs: first } = (await v1.next('$hello')) as { expiresInMs: number };
    const warning = (await v1.next('$expiring')) as { expiresInMs: number };
    expect(Object.keys(warning)).to.deep.equal(['expiresInMs']);
    expect(warning.expiresInMs).to.be.within(1, first);
    plain.sendText('ping');
    expect(await plain.nextText()).to.equal('pong');
  });

  it('is not told while it is further away than expiryWarningMs', async () => {
    const app = await start({ expiryWarningMs: HOUR_MS });
    const far = await app.login({ id: 7, expiresAtMs: Date.now() + 2 * HOUR_MS }, V1);
    const near = await app.login({ id: 8, expiresAtMs: Date.now() + HOUR_MS / 2 }, V1);
    await far.next('$hello');
    await near.next('$expiring');
    far.sendText('ping');
    expect(await far.nextText()).to.equal('pong');
  });

  it('comes expiryGraceMs later, and until then a new token is taken', async () => {
    const app = await start({ expiryGraceMs: HOUR_MS });
    const client = await app.login({ id: 7, expiresAtMs: Date.now() - 1000 }, V1);
    expect(await client.next('$hello')).to.include({ expiresInMs: 0 });
    expect(await client.next('$expiring')).to.deep.equal({ expiresInMs: 0 });
    expect(await renew(client, { id: 7, expiresAtMs: Date.now() + HOUR_MS })).to.have.property('expiresInMs');
  });

  it('closes with 4401 when the grace is over, not before', async () => {
    const app = await start({ expiryGraceMs: 400 });
    const expiresAtMs = Date.now() + 100;
    const client = await app.login({ id: 7, expiresAtMs }, V1);
    expect(await client.closed).to.deep.equal({ code: 4401, reason: 'login expired' });
    expect(Date.now() - expiresAtMs).to.be.at.least(400);
  });
});

describe('$auth', () => {
  it('moves the end: the session is open after the old one', async () => {
    const app = await start();
    const client = await app.login({ id: 7, expiresAtMs: Date.now() + 600 }, V1);
    const marker = await app.login({ id: 8, expiresAtMs: Date.now() + 1000 });
    const expiresAtMs = Date.now() + HOUR_MS;
    const { expiresInMs } = (await renew(client, { id: 7, expiresAtMs })) as { expiresInMs: number };
    expect(expiresInMs).to.be.within(HOUR_MS - 60_000, HOUR_MS);
    await marker.closed;
    const [session] = app.realtime.hub.list({ userId: 7 });
    expect(session?.isOpen).to.equal(true);
    expect(session?.loginUser?.expiresAtMs).to.equal(expiresAtMs);
    expect(session?.socket.loginUser).to.equal(session?.loginUser);
  });

  it('says nothing of an end where the new token has none', async () => {
    const app = await start();
    const client = await app.login({ id: 7, expiresAtMs: Date.now() + HOUR_MS }, V1);
    expect(await renew(client, { id: 7 })).to.deep.equal({});
  });

  it('closes with 4401 for a token that is refused, or another user, user type or tenant', async () => {
    const app = await start({ multiTenant: true });
    const tokens = [
      BAD,
      '',
      ...[{ id: 8 }, { userType: 1 }, { tenantId: 2 }].map((other) => tokenOf({ id: 7, tenantId: 1, ...other })),
    ];
    for (const token of tokens.filter((each) => each !== '')) {
      const client = await app.login({ id: 7, tenantId: 1 }, V1);
      client.send('$auth', { token }, 1);
      expect(await client.closed).to.deep.equal({ code: 4401, reason: 'login refused' });
    }
    expect(app.errors).to.deep.equal([]);
  });

  it('takes 7 and "7" for one user', async () => {
    const app = await start();
    const client = await app.login({ id: 7 }, V1);
    expect(await renew(client, { id: '7', userType: '0' })).to.deep.equal({});
  });

  it('leaves the session as it is when the token cannot be judged', async () => {
    const app = await start();
    const client = await app.login({ id: 7, expiresAtMs: Date.now() + HOUR_MS }, V1);
    const [session] = app.realtime.hub.list();
    const before = session?.loginUser;
    client.send('$auth', { token: AWAY }, 1);
    expect(await client.next('$error')).to.include({ code: 'internal', retryable: true });
    expect((await app.nextError()).error.message).to.equal('connect ECONNREFUSED');
    expect(session?.loginUser).to.equal(before);
    expect(await renew(client, { id: 7 })).to.deep.equal({});
  });

  it('is refused without a token, and the session stays', async () => {
    const app = await start();
    const client = await app.login({ id: 7 }, V1);
    for (const content of [null, {}, { token: 7 }, { token: '' }, 'token']) {
      client.send('$auth', content, 1);
      expect(await client.next('$error')).to.include({ code: 'bad_message' });
    }
    expect(await renew(client, { id: 7 })).to.deep.equal({});
  });

  it('runs one at a time: another is busy until the first is answered', async () => {
    const login = new SlowLogin();
    const app = await start({ authenticate: login.authenticate });
    const token = tokenOf({ id: 7 });
    const connecting = app.login({ id: 7 }, V1);
    await login.begun();
    login.release();
    const client = await connecting;
    client.send('$auth', { token }, 1);
    await login.begun();
    client.send('$auth', { token }, 2);
    expect(await client.next('$error')).to.include({ code: 'busy', retryable: true });
    login.release();
    expect(await client.next('$reply')).to.deep.equal({});
    client.send('$auth', { token }, 3);
    await login.begun();
    login.release();
    expect(await client.next('$reply')).to.deep.equal({});
  });

  it('is nothing to a plain client: its $auth is a message like any other', async () => {
    const app = await start();
    const client = await app.login({ id: 7 });
    client.send('$auth', { token: BAD });
    expect((await app.nextError()).error.message).to.contain('unknown_type');
    client.sendText('ping');
    expect(await client.nextText()).to.equal('pong');
  });
});

describe('renewRoute', () => {
  const mount: AppServerOptions['mount'] = (app) => {
    app.post('/renew', renewRoute({ authorize: userOf }));
  };

  function post(app: AppServer, user: LoginUserInput | null, body: object): request.Test {
    const call = request(app.server).post('/renew');
    return (user === null ? call : call.set('authorization', `Bearer ${tokenOf(user)}`)).send(body);
  }

  it('moves the end of a session on the plain wire, and nothing else of its user', async () => {
    const app = await start({ mount });
    await app.login({ id: 7, expiresAtMs: Date.now() + 500, scopes: ['read'] });
    const marker = await app.login({ id: 8, expiresAtMs: Date.now() + 900 });
    const [session] = app.realtime.hub.list({ userId: 7 });
    const expiresAtMs = Date.now() + HOUR_MS;
    const answer = await post(app, { id: 7, expiresAtMs, scopes: ['write'] }, { sessionId: session?.id }).expect(200);
    expect((answer.body as { expiresInMs: number }).expiresInMs).to.be.within(HOUR_MS - 60_000, HOUR_MS);
    await marker.closed;
    expect(session?.isOpen).to.equal(true);
    expect(session?.loginUser).to.deep.equal({ id: 7, userType: 0, scopes: ['read'], expiresAtMs });
  });

  it('reaches a session on another node: 202; 503 while the broker is away', async () => {
    const { bus, nodes } = await startNodes(2, { mount });
    const [a, b] = nodes as [AppServer, AppServer];
    await b.login({ id: 7, expiresAtMs: Date.now() + HOUR_MS });
    const [session] = b.realtime.hub.list();
    const user = { id: 7, expiresAtMs: Date.now() + 3 * HOUR_MS };
    await post(a, user, { sessionId: session?.id }).expect(202);
    await post(a, { ...user, id: 8 }, { sessionId: session?.id }).expect(202);
    await bus.settled();
    expect(session?.loginUser).to.include(user);

    bus.down();
    await post(a, user, { sessionId: session?.id }).expect(503, { error: { code: 'relay' } });
  });

  it('answers 404 for a session that is not there, or another user’s, which stays as it was', async () => {
    const app = await start({ mount });
    await app.login({ id: 7 });
    const [session] = app.realtime.hub.list();
    const before = session?.loginUser;
    const expiresAtMs = Date.now() + HOUR_MS;
    for (const [id, sessionId] of [
      [8, session?.id],
      [7, `${session?.id}x`],
      [7, 'nonsense'],
    ]) {
      const user = { id: Number(id), expiresAtMs };
      await post(app, user, { sessionId }).expect(404, { error: { code: 'unknown_session' } });
    }
    expect(session?.loginUser).to.equal(before);
  });

  it('refuses nobody (401), a revoked login (401), and a body without a session (400)', async () => {
    const app = await start({ mount });
    const user = { id: 7, expiresAtMs: Date.now() + HOUR_MS, issuedAtMs: Date.now() - HOUR_MS };
    await app.login(user);
    const [session] = app.realtime.hub.list();
    await post(app, null, { sessionId: session?.id }).expect(401);
    await post(app, user, {}).expect(400);
    await app.realtime.revoke({ userId: 7, issuedBefore: Date.now() });
    await post(app, user, { sessionId: session?.id }).expect(401, { error: { code: 'unauthenticated' } });
  });

  it('answers 413 to a body that is too large, and closes the connection, which cannot serve another request', async () => {
    const app = await start({ mount });
    const user = { id: 7, expiresAtMs: Date.now() + HOUR_MS };
    const call = post(app, user, { sessionId: 'x'.repeat(2000) }).set('connection', 'keep-alive');
    const { body } = await call.expect(413).expect('connection', 'close');
    expect(body.error).to.include({ code: 'too_large' });
  });

  it('gives the application’s error handler what authorize did wrong: an end that is missing', async () => {
    const errors: unknown[] = [];
    const app = await start({
      mount: (express) => {
        mount(express);
        express.use((error: unknown, _req: unknown, res: { sendStatus(status: number): void }, _next: unknown) => {
          errors.push(error);
          res.sendStatus(500);
        });
      },
    });
    await post(app, { id: 7 }, { sessionId: 'x' }).expect(500);
    expect(errors[0]).to.include({ code: 'ERR_REALTIME_LOGIN_USER' });
  });

  it('throws for options that cannot be used', () => {
    expect(() => renewRoute({} as never)).to.throw('renewRoute: authorize must be a function');
    expect(() => renewRoute({ authorize: () => null, localsKey: '' })).to.throw('localsKey');
  });
});

async function renew(client: TestClient, user: LoginUserInput): Promise<unknown> {
  client.send('$auth', { token: tokenOf(user) }, 'renewal');
  return client.next('$reply');
}
