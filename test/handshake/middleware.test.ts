import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import cookieParser from 'cookie-parser';
import express from 'express';
import type { Express, Request } from 'express';
import express4 from 'express4';
import { rateLimit } from 'express-rate-limit';
import session, { MemoryStore } from 'express-session';
import morgan from 'morgan';
import { Passport } from 'passport';
import type { Middleware } from '../../lib/handshake/handshake';
import { jwtFor, jwtPassport } from './passport-support';
import {
  UPGRADE_HEADERS,
  attempt,
  authenticateByToken,
  closeAll,
  deferred,
  echo,
  exchange,
  expectServed,
  handshakeText,
  open,
  openDoor,
  portOf,
  rawConnect,
  resetNow,
  started,
  statusOfAnswer,
} from './support';
import type { Overrides, TestDoor } from './support';

interface Kind {
  readonly title: string;
  makeApp(): Express | undefined;
}

const KINDS: readonly Kind[] = [
  { title: 'Express 5', makeApp: () => express() },
  { title: 'Express 4', makeApp: () => express4() },
  { title: 'no Express app', makeApp: () => undefined },
];

/** Types middleware of Express's ecosystem as what the option takes. */
function chain(...middleware: readonly unknown[]): Middleware[] {
  return middleware as Middleware[];
}

type Step = (
  req: Request & { readonly marks?: unknown },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => unknown;

function steps(...middleware: readonly Step[]): Middleware[] {
  return chain(...middleware);
}

async function start(
  kind: Kind,
  overrides: Overrides,
  app = kind.makeApp(),
): Promise<{ server: Server; door: TestDoor }> {
  const server = await started(createServer(app));
  return { server, door: openDoor(server, { app, ...overrides }) };
}

function throwError(): never {
  throw new Error('broken hook');
}

/** Works without an Express app too: its defaults use `req.ip` and `res.send`. */
const BY_SOCKET = {
  windowMs: 60_000,
  validate: false,
  keyGenerator: (req: IncomingMessage) => req.socket.remoteAddress ?? '',
  handler: (_req: unknown, res: ServerResponse, _next: unknown, options: { statusCode: number }) => {
    res.statusCode = options.statusCode;
    res.end('Too many requests');
  },
};

for (const kind of KINDS) {
  describe(`middleware, ${kind.title}`, () => {
    afterEach(closeAll);

    it('lets in by express-session and passport.session(); a refusal stores no session and sets no cookie', async () => {
      const store = new MemoryStore();
      const passport = new Passport();
      passport.serializeUser((user, done) => done(null, (user as { id: number }).id));
      passport.deserializeUser((id: number, done) => done(null, { id, userType: 1 }));
      const sessions = session({ secret: 's', resave: false, saveUninitialized: true, store });
      const login = express().use(sessions, passport.initialize());
      login.post('/login', (req, res) => req.login({ id: 5 }, () => res.end('in')));
      const loginServer = await started(createServer(login));
      const answer = await fetch(`http://127.0.0.1:${portOf(loginServer)}/login`, { method: 'POST' });
      const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      const before = Object.keys((store as unknown as { sessions: object }).sessions);
      expect(before).to.have.length(1);

      const middleware = chain(sessions, passport.initialize(), passport.session());
      for (const login of [
        { passport, strategy: 'session' },
        { authenticate: (req: unknown) => (req as Request).user },
      ]) {
        const { server, door } = await start(kind, { ...login, middleware });
        const client = await open(server, { headers: { cookie } });
        expect(await echo(client, 'x')).to.equal('x');
        for (const headers of [{}, { cookie: 'connect.sid=s%3Ajunk.junk' }]) {
          const refused = await exchange(server, handshakeText('/ws'));
          expect(statusOfAnswer(refused)).to.equal(401);
          expect(refused).not.to.match(/set-cookie/i);
          expect((await attempt(server, { headers })).status).to.equal(401);
        }
        expect(door.logins).to.deep.equal([{ id: 5, userType: 1 }]);
        expect(Object.keys((store as unknown as { sessions: object }).sessions)).to.deep.equal(before);
      }
    });

    it('logs each upgrade once with morgan, with its status and a masked token', async () => {
      const lines: string[] = [];
      let wake = (): void => undefined;
      const stream = { write: (line: string) => (lines.push(line.trim()), wake()) };
      const lineCount = async (count: number): Promise<void> => {
        while (lines.length < count) await new Promise<void>((resolve) => (wake = resolve));
      };
      const { server, door } = await start(kind, {
        middleware: chain(morgan(':method :url :status :response-time', { stream })),
      });
      await expectServed(server, { path: '/ws?a=1&token=good&ticket=tick%20et&b=2' });
      await lineCount(1);
      await attempt(server, { path: '/ws?%74oken=bad&Token=bad&access_token=bad' });
      await lineCount(2);
      expect(lines[0]).to.match(/^GET \/ws\?a=1&token=\*\*\*&ticket=\*\*\*&b=2 101 [\d.]+$/);
      expect(lines[1]).to.match(/^GET \/ws\?%74oken=\*\*\*&Token=\*\*\*&access_token=\*\*\* 401 [\d.]+$/);
      expect(door.admitted).to.have.length(1);
    });

    it('counts with express-rate-limit, which answers 429 itself; its headers stand in the 101', async () => {
      const limiter = rateLimit({ ...BY_SOCKET, limit: 2, standardHeaders: 'draft-6', legacyHeaders: false });
      const { server, door } = await start(kind, { middleware: chain(limiter) });
      const first = await attempt(server, { token: 'good' });
      expect([first.status, first.headers['ratelimit-remaining']]).to.deep.equal([101, '1']);
      expect((await attempt(server, { token: 'bad' })).status).to.equal(401);
      const answer = await exchange(server, handshakeText('/ws?token=good'));
      expect(answer)
        .to.match(/^HTTP\/1\.1 429 /)
        .and.to.match(/\r\nConnection: close\r\n/i);
      expect(answer).to.contain('Too many requests');
      expect(door.refusals()).to.deep.equal(['401 unauthenticated', '429 middleware']);
    });

    it('gives back what express-rate-limit takes for failed or successful requests', async () => {
      for (const [option, token] of [
        ['skipFailedRequests', 'bad'],
        ['skipSuccessfulRequests', 'good'],
      ] as const) {
        const returned = deferred();
        const limiter = rateLimit({ ...BY_SOCKET, limit: 1, [option]: true });
        const store = limiter as unknown as { getKey(key: string): Promise<{ totalHits: number } | undefined> };
        const { server } = await start(kind, {
          // 101 is neither above 399 nor a request that Express ends: the limiter is asked as its docs say.
          middleware: chain(limiter, (_req: unknown, res: ServerResponse, next: () => void) => {
            res.once('close', () => setImmediate(returned.resolve));
            next();
          }),
        });
        await attempt(server, { token });
        await returned.promise;
        expect((await store.getKey('127.0.0.1'))?.totalHits ?? 0, option).to.equal(0);
      }
    });

    it('sees the request as in the app, with a masked token; the strategy sees the token', async () => {
      const seen: Record<string, unknown>[] = [];
      const look = (req: Request, res?: ServerResponse & { locals?: object }): void => {
        seen.push({
          url: req.url,
          originalUrl: req.originalUrl,
          query: req.query,
          ip: req.ip,
          host: typeof req.get === 'function' ? req.get('Host')?.replace(/\d+$/, 'port') : undefined,
          res: req.res === res && res?.req === req && typeof res.locals === 'object',
          json: typeof (res as { json?: unknown } | undefined)?.json,
        });
      };
      const { server } = await start(kind, {
        passport: jwtPassport((req) => {
          look(req as Request);
          return /[?&]token=([^&]*)/.exec(req.url)?.[1] ?? null;
        }),
        middleware: steps((req, res, next) => {
          look(req, res);
          next();
        }),
      });
      const token = jwtFor({ sub: '7' });
      await open(server, { path: `/ws?token=${token}&a=1` });
      const isExpress = kind.title.startsWith('Express');
      expect(seen[0]).to.deep.include({
        url: '/ws?token=***&a=1',
        originalUrl: '/ws?token=***&a=1',
        res: true,
        ip: isExpress ? '127.0.0.1' : undefined,
        host: isExpress ? '127.0.0.1:port' : undefined,
        json: isExpress ? 'function' : 'undefined',
      });
      expect(seen[1]).to.include({ url: `/ws?token=${token}&a=1`, originalUrl: '/ws?token=***&a=1' });
      if (!isExpress) return;
      expect(seen[0]?.['query']).to.deep.include({ token: '***', a: '1' });
      expect(seen[1]?.['query']).to.deep.include({ token, a: '1' });
    });

    it('runs in order, each once, async ones too, and may call next twice', async () => {
      const order: string[] = [];
      const { server } = await start(kind, {
        middleware: steps(
          async (_req, _res, next) => {
            await Promise.resolve();
            order.push('first');
            next();
            next(new Error('too late'));
          },
          (_req, _res, next) => {
            order.push('second');
            setImmediate(next);
          },
          (_req, _res, next) => {
            order.push('third');
            next('router');
          },
        ),
      });
      await expectServed(server);
      expect(order).to.deep.equal(['first', 'second', 'third']);
    });

    it('puts the cookies that it sets, early or right before the head, into the 101', async () => {
      const { server } = await start(kind, {
        middleware: steps((_req, res, next) => {
          res.setHeader('Set-Cookie', ['a=1']);
          res.setHeader('X-Early', 'yes');
          const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => ServerResponse;
          // As cookie-session does, through on-headers.
          res.writeHead = (...args: unknown[]) => {
            res.appendHeader('Set-Cookie', 'b=2');
            return writeHead(...args);
          };
          next();
        }),
      });
      const { status, headers } = await attempt(server, { token: 'good' });
      expect(status).to.equal(101);
      expect(headers['set-cookie']).to.deep.equal(['a=1', 'b=2']);
      expect(headers['x-early']).to.equal('yes');
      const refused = await exchange(server, handshakeText('/ws'));
      expect(refused).to.match(/^HTTP\/1\.1 401 /);
      expect(refused).not.to.match(/set-cookie|x-early/i);
    });

    it('whose hook on the response throws costs only its own upgrade, and its place comes back', async () => {
      const { server, door } = await start(kind, {
        maxPendingUpgrades: 1,
        middleware: steps((req, res, next) => {
          if (req.headers['x-fail'] === 'head') res.writeHead = () => throwError();
          if (req.headers['x-fail'] === 'finish') res.on('finish', throwError);
          next();
        }),
      });
      const statuses: number[] = [];
      for (const token of ['good', 'bad']) {
        for (const where of ['head', 'finish']) {
          const text = handshakeText(`/ws?token=${token}`, [...UPGRADE_HEADERS, `X-Fail: ${where}`]);
          // A frame that is none ends a socket that was let in.
          statuses.push(statusOfAnswer(await exchange(server, text, Buffer.from('ffff', 'hex'))));
        }
      }
      expect(statuses).to.deep.equal([500, 101, 401, 401]);
      const survivor = await open(server, { token: 'good', headers: { 'x-fail': 'finish' } });
      expect(await echo(survivor, 'x')).to.equal('x');
      expect(door.errors.map(({ message }) => message)).to.include('broken hook');
      await expectServed(server);
    });

    it('may answer itself, once, whatever it does after that', async () => {
      const answers: readonly (readonly [Step, RegExp])[] = [
        [(_req, res) => res.writeHead(418).end('short'), /^HTTP\/1\.1 418 [^]*short/],
        [(_req, res, next) => (res.end('done'), next()), /^HTTP\/1\.1 200 [^]*done/],
        [(_req, res, next) => (res.end('done'), next(new Error('x'))), /^HTTP\/1\.1 200 [^]*done/],
        [(_req, res) => setImmediate(() => res.end('x'.repeat(300_000))), /x{300000}$/],
        [(_req, res) => (res.write('part one '), setImmediate(() => res.end('part two'))), /part one [^]*part two/],
      ];
      for (const [step, expected] of answers) {
        const { server, door } = await start(kind, { middleware: steps(step) });
        const answer = await exchange(server, handshakeText('/ws?token=good'));
        expect(answer).to.match(expected);
        expect(answer.match(/HTTP\/1\.1/g)).to.have.length(1);
        expect(answer).to.match(/\r\nConnection: close\r\n/i);
        expect(door.admitted).to.have.length(0);
        expect(door.events).to.have.length(1);
      }
    });

    it('may redirect with Express, which is its answer', async () => {
      if (!kind.title.startsWith('Express')) return;
      const { server } = await start(kind, {
        middleware: chain((_req: unknown, res: { redirect(to: string): void }) => res.redirect('/login')),
      });
      expect(await exchange(server, handshakeText('/ws'))).to.match(/^HTTP\/1\.1 302 [^]*\r\nLocation: \/login\r\n/);
    });

    it('cannot write to the socket once it has gone on', async () => {
      const late = deferred();
      const { server } = await start(kind, {
        middleware: steps((req, res, next) => {
          next();
          res.write('smuggled');
          if (req.headers['x-end'] !== undefined) res.end('smuggled');
          res.flushHeaders();
          late.resolve();
        }),
        authenticate: async (req) => {
          await late.promise;
          return authenticateByToken(req);
        },
      });
      await expectServed(server);
      for (const headers of [UPGRADE_HEADERS, [...UPGRADE_HEADERS, 'X-End: 1']]) {
        const answer = await exchange(server, handshakeText('/ws', headers));
        expect(statusOfAnswer(answer)).to.equal(401);
        expect(answer).not.to.contain('smuggled');
      }
    });

    const FAILURES: readonly (readonly [string, Step, number, number])[] = [
      [
        'throws',
        () => {
          throw new Error('broken');
        },
        500,
        1,
      ],
      ['rejects', () => Promise.reject(new Error('broken')), 500, 1],
      ['gives next an error', (_req, _res, next) => next(new Error('broken')), 500, 1],
      ['gives next a text', (_req, _res, next) => next('broken'), 500, 1],
      ['gives next a 403', (_req, _res, next) => next(Object.assign(new Error('csrf'), { status: 403 })), 403, 0],
      ['gives next a 418', (_req, _res, next) => next(Object.assign(new Error('tea'), { status: 418 })), 500, 1],
      [
        'cannot reach its store',
        () => {
          throw Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
        },
        503,
        1,
      ],
      [
        'throws after next',
        (_req, _res, next) => {
          next();
          throw new Error('late');
        },
        101,
        0,
      ],
    ];
    for (const [title, step, status, errors] of FAILURES) {
      it(`that ${title} costs only its own upgrade: ${status}`, async () => {
        const { server, door } = await start(kind, {
          middleware: steps((req, res, next) => (req.headers['x-fail'] === undefined ? next() : step(req, res, next))),
        });
        expect((await attempt(server, { token: 'good', headers: { 'x-fail': '1' } })).status).to.equal(status);
        expect(door.errors).to.have.length(errors);
        await expectServed(server);
      });
    }

    it('that never goes on is refused with 503 at the deadline; what it does later changes nothing', async () => {
      let goOn = (): void => undefined;
      const { server, door } = await start(kind, {
        authTimeoutMs: 20,
        middleware: steps((_req, res, next) => {
          goOn = () => {
            next();
            res.end('late');
          };
        }),
      });
      const answer = await exchange(server, handshakeText('/ws?token=good'));
      expect(statusOfAnswer(answer)).to.equal(503);
      goOn();
      expect(door.admitted).to.have.length(0);
      expect(door.refusals()).to.deep.equal(['503 auth-timeout']);
    });

    it('that began an answer and never ends it loses its socket at the deadline', async () => {
      const { server, door } = await start(kind, {
        authTimeoutMs: 20,
        middleware: steps((_req, res) => res.write('half an ans')),
      });
      const answer = await exchange(server, handshakeText('/ws?token=good'));
      expect(answer.match(/HTTP\/1\.1/g)).to.have.length(1);
      expect(door.refusals()).to.deep.equal(['503 auth-timeout']);
    });

    it('is told that the response is over, whichever way it ended', async () => {
      const over: string[] = [];
      const all = deferred();
      const watch: Step = (req, res, next) => {
        const name = String(req.headers['x-name']);
        res.on('finish', () => over.push(`${name} finish ${res.statusCode}`));
        res.on('close', () => {
          over.push(`${name} close`);
          if (name === 'gone') all.resolve();
        });
        next();
      };
      const gate = deferred();
      const reached = deferred();
      let goneSocket: Socket | undefined;
      const { server } = await start(kind, {
        middleware: steps(watch, (req, res, next) => (req.headers['x-name'] === 'answered' ? res.end() : next())),
        authenticate: async (req) => {
          if (req.headers['x-name'] !== 'gone') return authenticateByToken(req);
          goneSocket = req.socket;
          reached.resolve();
          await gate.promise;
          return { id: 'x' };
        },
      });
      await attempt(server, { token: 'good', headers: { 'x-name': 'in' } });
      await attempt(server, { token: 'bad', headers: { 'x-name': 'out' } });
      await attempt(server, { token: 'good', headers: { 'x-name': 'answered' } });
      const peer = await rawConnect(server);
      peer.write(handshakeText('/ws').replace('Upgrade\r\n', 'Upgrade\r\nX-Name: gone\r\n'));
      await reached.promise;
      const closed = deferred();
      goneSocket?.once('close', () => closed.resolve());
      resetNow(peer);
      await closed.promise;
      gate.resolve();
      await all.promise;
      expect(over).to.deep.equal([
        'in finish 101',
        'in close',
        'out finish 401',
        'out close',
        'answered finish 200',
        'answered close',
        'gone close',
      ]);
    });
  });
}

describe('middleware of an app with settings', () => {
  afterEach(closeAll);

  for (const [title, create] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    it(`sees the address that a trusted proxy names (${title})`, async () => {
      const app = create().set('trust proxy', true);
      const ips: unknown[] = [];
      const server = await started(createServer(app));
      openDoor(server, { app, middleware: steps((req, _res, next) => (ips.push(req.ip, req.app === app), next())) });
      await expectServed(server, { headers: { 'x-forwarded-for': '203.0.113.9' } });
      expect(ips).to.deep.equal(['203.0.113.9', true]);
    });

    it(`leaves the app's own requests as they are (${title})`, async () => {
      const app = create().use(cookieParser());
      app.get('/hello', (req: IncomingMessage & { cookies?: unknown }, res) => res.json(req.cookies));
      const server = await started(createServer(app as RequestListener));
      openDoor(server, { app, middleware: chain(cookieParser()) });
      const answer = await fetch(`http://127.0.0.1:${portOf(server)}/hello`, { headers: { cookie: 'a=1' } });
      expect(await answer.json()).to.deep.equal({ a: '1' });
      await expectServed(server);
    });
  }
});
