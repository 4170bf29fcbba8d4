import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { expect } from 'chai';
import cookieParser from 'cookie-parser';
import express from 'express';
import express4 from 'express4';
import { sign } from 'jsonwebtoken';
import { Passport } from 'passport';
import { Strategy as AnonymousStrategy } from 'passport-anonymous';
import { Strategy as BearerStrategy } from 'passport-http-bearer';
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt';
import type { Strategy } from 'passport';
import { SECRET, byHeader, jwtFor, jwtPassport, startCustom, strategyOf } from './passport-support';
import { attempt, closeAll, deferred, exchange, expectServed, handshakeText, open, openDoor, started } from './support';
import { startDoor, statusOfAnswer } from './support';
import type { Overrides, TestDoor } from './support';

interface Kind {
  readonly title: string;
  makeApp(): (RequestListener & { set?(name: string, value: unknown): unknown }) | undefined;
}

const KINDS: readonly Kind[] = [
  { title: 'Express 5', makeApp: () => express() },
  { title: 'Express 4', makeApp: () => express4() },
  { title: 'no Express app', makeApp: () => undefined },
];

async function start(
  kind: Kind,
  overrides: Overrides,
): Promise<{ server: Awaited<ReturnType<typeof started>>; door: TestDoor }> {
  const app = kind.makeApp();
  const server = await started(createServer(app));
  return { server, door: openDoor(server, { app, ...overrides }) };
}

for (const kind of KINDS) {
  describe(`Passport, ${kind.title}`, () => {
    afterEach(closeAll);

    it('lets in with passport-jwt by header; the token may come by header, subprotocol or query', async () => {
      const { server, door } = await start(kind, { passport: jwtPassport() });
      const token = jwtFor({ sub: '7', userType: 2 }, { expiresIn: 60 });
      await open(server, { token });
      await open(server, { path: `/ws?token=${token}` });
      await open(server, { protocols: ['express-realtime.v1', `bearer.${Buffer.from(token).toString('base64url')}`] });
      expect(door.logins).to.have.length(3);
      for (const login of door.logins) {
        expect(login).to.include({ id: '7', userType: 2 });
        expect(login?.expiresAtMs).to.be.above(Date.now());
      }
    });

    it('lets in with passport-jwt by query, under whatever name', async () => {
      for (const name of ['token', 'access', 'jwt']) {
        const { server } = await start(kind, { passport: jwtPassport(ExtractJwt.fromUrlQueryParameter(name)) });
        await open(server, { path: `/ws?x=1&${name}=${jwtFor({ sub: '7' })}` });
        expect((await attempt(server, { path: `/ws?${name}=junk` })).status).to.equal(401);
      }
    });

    it('renews a login with passport-jwt by header and by query', async () => {
      for (const extractor of [byHeader, ExtractJwt.fromUrlQueryParameter('token')]) {
        const { door } = await start(kind, { passport: jwtPassport(extractor) });
        const outcome = await door.handshake.renewLogin(jwtFor({ sub: '7' }));
        expect(outcome).to.deep.equal({ kind: 'user', loginUser: { id: '7', userType: 0 } });
        expect(await door.handshake.renewLogin('junk')).to.deep.equal({ kind: 'refused' });
      }
    });

    it('lets in with passport-jwt by cookie, parsed by cookie-parser', async () => {
      const fromCookie = (req: { cookies?: Record<string, string> }): string | null => req.cookies?.['jwt'] ?? null;
      const { server, door } = await start(kind, {
        passport: jwtPassport(fromCookie),
        middleware: [cookieParser() as never],
      });
      await open(server, { headers: { cookie: `a=b; jwt=${jwtFor({ sub: '7' })}` } });
      expect((await attempt(server, { headers: { cookie: 'jwt=junk' } })).status).to.equal(401);
      expect((await attempt(server)).status).to.equal(401);
      expect(door.logins).to.deep.equal([{ id: '7', userType: 0 }]);
    });

    it('lets in with passport-http-bearer by header and, where Express knows the query, by access_token', async () => {
      const passport = new Passport().use(
        new BearerStrategy((token, done) => done(null, token === 'good' ? { id: 9 } : false)) as unknown as Strategy,
      );
      const { server, door } = await start(kind, { passport, strategy: 'bearer' });
      await open(server, { token: 'good' });
      await open(server, { path: '/ws?token=good' });
      expect((await attempt(server, { token: 'bad' })).status).to.equal(401);
      expect((await attempt(server)).status).to.equal(401);
      const byParameter = await attempt(server, { path: '/ws?access_token=good' });
      expect(byParameter.status).to.equal(kind.title.startsWith('Express') ? 101 : 401);
      expect(door.logins[0]).to.deep.equal({ id: 9, userType: 0 });
    });

    it('lets in with a custom strategy that answers later and reads the request as Express gives it', async () => {
      const passport = new Passport().use(
        strategyOf(function (req) {
          const { get } = req as unknown as { get?(name: string): string };
          const key = get === undefined ? req.headers['x-key'] : get.call(req, 'X-Key');
          setImmediate(() => (key === 'right' ? this.success({ id: 'k' }, { scope: 'all' }) : this.fail('Key')));
        }),
      );
      const infos: unknown[] = [];
      const toLoginUser = (user: unknown, req: { headers: object }, info: unknown): unknown => {
        infos.push(info, 'x-key' in req.headers);
        return { ...(user as object), userType: 'key' };
      };
      const { server, door } = await start(kind, { passport, strategy: 'custom', toLoginUser });
      await open(server, { headers: { 'x-key': 'right' } });
      expect((await attempt(server, { headers: { 'x-key': 'wrong' } })).status).to.equal(401);
      expect(door.logins).to.deep.equal([{ id: 'k', userType: 'key' }]);
      expect(infos).to.deep.equal([{ scope: 'all' }, true]);
    });

    it("takes ['jwt', 'anonymous']: no token is a guest where allowed, a bad token is never one", async () => {
      const passport = jwtPassport(
        ExtractJwt.fromExtractors([byHeader, (req) => /jwt=([^;]*)/.exec(req.headers.cookie ?? '')?.[1] ?? null]),
      ).use(new AnonymousStrategy() as unknown as Strategy);
      for (const anonymous of [true, false]) {
        const { server, door } = await start(kind, { passport, strategy: ['jwt', 'anonymous'], anonymous });
        expect((await attempt(server)).status).to.equal(anonymous ? 101 : 401);
        expect((await attempt(server, { headers: { cookie: 'theme=dark' } })).status).to.equal(anonymous ? 101 : 401);
        for (const options of [
          { token: 'junk' },
          { path: '/ws?token=junk' },
          { path: '/ws?access_token=junk' },
          { path: '/ws?ticket=junk' },
          { headers: { authorization: 'Basic bWFyeTp4' } },
          { headers: { cookie: 'jwt=junk' } },
          { headers: { cookie: `jwt=${sign({ sub: '7' }, 'other secret')}` } },
          { protocols: ['express-realtime.v1', 'bearer.anVuaw'] },
        ]) {
          expect((await attempt(server, options)).status, JSON.stringify(options)).to.equal(401);
        }
        await open(server, { token: jwtFor({ sub: '7' }) });
        const logins = door.logins.map((login) => login?.id ?? null);
        expect(logins).to.deep.equal(anonymous ? [null, null, '7'] : ['7']);
      }
    });
  });
}

describe('Passport, which strategies may misbehave', () => {
  afterEach(closeAll);

  it('takes a Strategy itself, and keeps two requests at once apart', async () => {
    const gates = new Map([
      ['anna', deferred()],
      ['mary', deferred()],
    ]);
    const strategy = strategyOf(async function (req) {
      const id = String(req.headers['x-user']);
      await gates.get(id)?.promise;
      this.success({ id });
    });
    const { server, door } = await startDoor({ passport: new Passport(), strategy });
    const anna = open(server, { headers: { 'x-user': 'anna' } });
    const mary = open(server, { headers: { 'x-user': 'mary' } });
    gates.get('mary')?.resolve();
    const marys = await mary;
    gates.get('anna')?.resolve();
    const annas = await anna;
    const idOf = (client: object): unknown => {
      const port = (client as { _socket: { localPort: number } })._socket.localPort;
      return door.admitted.find(({ socket }) => (socket as { remotePort?: number }).remotePort === port)?.loginUser?.id;
    };
    expect([idOf(annas), idOf(marys)]).to.deep.equal(['anna', 'mary']);
  });

  it('refuses an unknown strategy with 500 and says its name', async () => {
    const { server, door } = await startDoor({ passport: new Passport(), strategy: 'jwtt' });
    expect((await attempt(server, { token: 'x' })).status).to.equal(500);
    expect(door.errors[0]?.message).to.contain('"jwtt"');
  });

  const ends: readonly (readonly [string, Parameters<typeof startCustom>[0], number, number])[] = [
    [
      'fails',
      function () {
        this.fail('Bearer');
      },
      401,
      0,
    ],
    [
      'fails with 400',
      function () {
        this.fail(400);
      },
      401,
      0,
    ],
    [
      'fails without a word',
      function () {
        this.fail();
      },
      401,
      0,
    ],
    [
      'fails with null',
      function () {
        this.fail(null);
      },
      401,
      0,
    ],
    [
      'redirects',
      function () {
        this.redirect('/login');
      },
      401,
      0,
    ],
    [
      'passes',
      function () {
        this.pass();
      },
      401,
      0,
    ],
    [
      'gives false as user',
      function () {
        this.success(false);
      },
      401,
      0,
    ],
    [
      'answers through the response',
      function (req) {
        req.res.end('hi');
      },
      401,
      0,
    ],
    [
      'writes to the response and fails',
      function (req) {
        req.res.write('x');
        this.fail();
      },
      401,
      0,
    ],
    [
      'calls error',
      function () {
        this.error(new Error('broken'));
      },
      500,
      1,
    ],
    [
      'calls error with a text',
      function () {
        this.error('broken');
      },
      500,
      1,
    ],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      500,
      1,
    ],
    [
      'throws undefined',
      () => {
        throw undefined as unknown as Error;
      },
      500,
      1,
    ],
    ['rejects', () => Promise.reject(new Error('broken')), 500, 1],
    [
      'succeeds and then throws',
      function () {
        this.success({ id: 'mary' });
        throw new Error('broken');
      },
      101,
      0,
    ],
    [
      'succeeds twice',
      function () {
        this.success({ id: 'mary' });
        this.success({ id: 'anna' });
      },
      101,
      0,
    ],
    [
      'succeeds and fails',
      function () {
        this.success({ id: 'mary' });
        this.fail();
      },
      101,
      0,
    ],
    [
      'fails and succeeds',
      function () {
        this.fail();
        this.success({ id: 'mary' });
      },
      401,
      0,
    ],
    [
      'passes and succeeds',
      function () {
        this.pass();
        this.success({ id: 'mary' });
      },
      401,
      0,
    ],
    [
      'fails and rejects',
      async function () {
        this.fail();
        await Promise.reject(new Error('broken'));
      },
      401,
      0,
    ],
    [
      'calls error and redirects',
      function () {
        this.error(new Error('x'));
        this.redirect('/login');
      },
      500,
      1,
    ],
    ['never decides', () => undefined, 503, 0],
    [
      'cannot reach its key server',
      function () {
        this.fail(codeError('ECONNREFUSED'));
      },
      503,
      1,
    ],
    [
      'cannot reach its key server by fetch',
      function () {
        this.error(causeError('ENOTFOUND'));
      },
      503,
      1,
    ],
    [
      'throws since its database is away',
      () => {
        throw codeError('ETIMEDOUT');
      },
      503,
      1,
    ],
    [
      'got 502 from its key server',
      function () {
        this.error(Object.assign(new Error('x'), { status: 502 }));
      },
      503,
      1,
    ],
    [
      'stumbles over its input',
      () => {
        throw codeError('ERR_INVALID_ARG_TYPE');
      },
      500,
      1,
    ],
  ];
  for (const [title, act, status, errors] of ends) {
    it(`gives one answer when the strategy ${title}: ${status}`, async () => {
      const { server, door } = await startCustom(act, { authTimeoutMs: status === 503 && errors === 0 ? 20 : 5000 });
      const answer = await attempt(server, { token: 'x' });
      expect(answer.status).to.equal(status);
      expect(answer.headers).not.to.have.property('location');
      expect(door.errors).to.have.length(errors);
      expect(door.refusals()).to.have.length(status === 101 ? 0 : 1);
      expect(door.admitted).to.have.length(status === 101 ? 1 : 0);
      if (status === 101) expect(door.logins).to.deep.equal([{ id: 'mary', userType: 0 }]);
    });
  }

  it('writes one answer on the wire when the strategy does everything at once', async () => {
    const { server } = await startCustom(function (req) {
      req.res.setHeader('Set-Cookie', 'a=b');
      this.redirect('/login');
      req.res.end('hello');
      this.fail('x');
      this.error(new Error('x'));
      this.success({ id: 'mary' });
    });
    const answer = await exchange(server, handshakeText('/ws'));
    expect(answer.match(/HTTP\/1\.1/g)).to.have.length(1);
    expect(statusOfAnswer(answer)).to.equal(401);
    expect(answer).not.to.match(/login|hello|a=b/);
  });

  it('sets a cookie that the strategy asks for with the 101', async () => {
    const { server } = await startCustom(function (req) {
      req.res.setHeader('Set-Cookie', ['a=b', 'c=d']);
      req.res.setHeader('Content-Length', '7');
      req.res.setHeader('Connection', 'close');
      this.success({ id: 'mary' });
    });
    const { headers, status } = await attempt(server);
    expect(status).to.equal(101);
    expect(headers['set-cookie']).to.deep.equal(['a=b', 'c=d']);
    expect(headers.connection).to.equal('Upgrade');
    expect(headers).not.to.have.property('content-length');
    await expectServed(server);
  });

  it('forgets the late decision of a strategy that was too slow', async () => {
    const gate = deferred();
    const acted = deferred();
    const { server, door } = await startCustom(
      async function () {
        await gate.promise;
        this.success({ id: 'mary' });
        acted.resolve();
      },
      { authTimeoutMs: 20 },
    );
    const answer = await attempt(server);
    expect([answer.status, answer.headers['retry-after']]).to.deep.equal([503, '5']);
    gate.resolve();
    await acted.promise;
    expect(door.admitted).to.have.length(0);
    expect(door.refusals()).to.deep.equal(['503 auth-timeout']);
  });

  it('refuses a token that makes the key provider throw: 500, and the next one is served', async () => {
    const passport = new Passport().use(
      new JwtStrategy(
        {
          jwtFromRequest: byHeader,
          secretOrKeyProvider: (_req: unknown, token: string, done: (error: unknown, key?: string) => void) => {
            JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
            done(null, SECRET);
          },
        },
        (claims: unknown, done) => done(null, claims),
      ),
    );
    const { server, door } = await startDoor({ passport });
    expect((await attempt(server, { token: 'garbage' })).status).to.equal(500);
    expect(door.errors).to.have.length(1);
    await expectServed(server, { token: jwtFor({ sub: '7' }) });
  });

  const now = Math.floor(Date.now() / 1000);
  const parts = jwtFor({ sub: '7' }).split('.');
  const none = (alg: string): string =>
    `${Buffer.from(JSON.stringify({ alg, typ: 'JWT' })).toString('base64url')}.${parts[1] ?? ''}.`;
  const TOKENS: readonly (readonly [string, string])[] = [
    ['alg none', none('none')],
    ['alg None', none('None')],
    ['alg none with the old signature', `${none('none')}${parts[2] ?? ''}`],
    ['another algorithm', sign({ sub: '7' }, SECRET, { algorithm: 'HS512' })],
    ['another secret', sign({ sub: '7' }, 'other')],
    ['an empty signature', `${parts[0] ?? ''}.${parts[1] ?? ''}.`],
    ['changed claims', `${parts[0] ?? ''}.${Buffer.from('{"sub":"8"}').toString('base64url')}.${parts[2] ?? ''}`],
    ['expired', jwtFor({ sub: '7', exp: now - 10 })],
    ['not yet valid', jwtFor({ sub: '7', nbf: now + 1000 })],
    ['an exp that is a text', `${parts[0] ?? ''}.${Buffer.from('{"exp":"x"}').toString('base64url')}.x`],
    ['two parts', `${parts[0] ?? ''}.${parts[1] ?? ''}`],
    ['not a JWT', 'xyz'],
    ['16 kB minus', 'x'.repeat(12_000)],
  ];
  for (const [title, token] of TOKENS) {
    it(`refuses a JWT with 401: ${title}`, async () => {
      const { server, door } = await startDoor({ passport: jwtPassport(), anonymous: true });
      expect((await attempt(server, { token })).status).to.equal(401);
      expect((await attempt(server, { path: `/ws?token=${token}` })).status).to.equal(401);
      expect(door.admitted).to.have.length(0);
      await expectServed(server, { token: jwtFor({ sub: '7' }) });
    });
  }

  it('says on our side why a token was refused, without the token', async () => {
    const { server, door } = await startDoor({ passport: jwtPassport() });
    await attempt(server, { token: jwtFor({ sub: '7', exp: now - 10 }) });
    await attempt(server);
    await attempt(server, { token: 'xyz' });
    expect(door.hints()).to.deep.equal(['jwt expired', 'No auth token', 'jwt malformed']);
  });
});

function codeError(code: string): Error {
  return Object.assign(new Error(`${code} at 10.0.0.1`), { code });
}

function causeError(code: string): Error {
  return new TypeError('fetch failed', { cause: codeError(code) });
}
