import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { transformSync } from 'esbuild';
import express5 from 'express';
import type { Request } from 'express';
import express4 from 'express4';
import request from 'supertest';
import * as index from '../../lib/index';
import { RelayError, senderApi } from '../../lib/index';
import type { SenderApiOptions } from '../../lib/index';
import { mountSender } from '../../lib/http/app';
import { blocksOf } from '../support/pages';
import { startApp } from '../support/app-server';
import type { AppServer, AppServerOptions } from '../support/app-server';

const run = promisify(execFile);
const everything = () => ({ allTenants: true }) as const;
const ada = { id: 7, userType: 2 };
const toAda = { userId: 7, userType: 2 };

async function startApi(
  api: Partial<SenderApiOptions> = {},
  { mount, ...options }: AppServerOptions = {},
): Promise<AppServer> {
  return startApp({
    ...options,
    mount: (app) => {
      mount?.(app);
      app.use('/realtime', senderApi({ authorize: everything, ...api }));
    },
  });
}

describe('senderApi', () => {
  it('throws at start without authorize: a push endpoint is never open', () => {
    for (const options of [undefined, {}, { authorize: undefined }, { authorize: 'all' }]) {
      expect(() => senderApi(options as never))
        .to.throw(/option authorize must be a function/)
        .with.property('code', 'ERR_REALTIME_OPTION');
    }
  });

  it('throws at start for options that it does not know or cannot use', () => {
    const wrong = (options: object) => () => senderApi({ authorize: everything, ...options });
    expect(wrong({ localKey: 'sender' })).to.throw(/unknown option "localKey"; did you mean localsKey\?/);
    expect(wrong({ localsKey: '' })).to.throw(/localsKey must be a non-empty string/);
    expect(wrong({ maxBodyBytes: 0 })).to.throw(/maxBodyBytes must be a whole number/);
    expect(wrong({ onError: 1 })).to.throw(/onError must be a function/);
  });

  for (const [name, express] of [
    ['Express 4', express4],
    ['Express 5', express5],
  ] as const) {
    for (const parser of [
      'no parser',
      'express.json() before',
      'express.urlencoded() before',
      'express.json() after',
      'express.text() before',
      'express.raw() before',
    ]) {
      it(`pushes and answers the receipt: ${name}, ${parser}`, async () => {
        const parsers: Record<string, () => express5.RequestHandler> = {
          'express.json() before': () => express.json() as express5.RequestHandler,
          'express.urlencoded() before': () => express.urlencoded({ extended: true }) as express5.RequestHandler,
          'express.text() before': () => express.text({ type: '*/*' }) as express5.RequestHandler,
          'express.raw() before': () => express.raw({ type: '*/*' }) as express5.RequestHandler,
        };
        const before = parsers[parser];
        const { app, server, login } = await startApi({}, { express, mount: (app) => before && app.use(before()) });
        if (parser === 'express.json() after') app.use(express.json() as express5.RequestHandler);
        const client = await login(ada);
        const { body } = await request(server)
          .post('/realtime/send')
          .send({ target: toAda, type: 'notice', content: { title: 'héllo' } })
          .expect(200)
          .expect('content-type', 'application/json; charset=utf-8')
          .expect('cache-control', 'no-store');
        expect(body).to.include({ delivered: 1, relay: 'none' });
        expect(body.id).to.be.a('string');
        expect(await client.next('notice')).to.deep.equal({ title: 'héllo' });
      });
    }
  }

  it('pushes what another process sends with curl', async () => {
    const { url, login } = await startApi();
    const client = await login(ada);
    const body = JSON.stringify({ target: toAda, type: 'notice', content: [1, null] });
    const args = ['-sS', '-X', 'POST', `${url}/realtime/send`, '-H', 'content-type: application/json', '-d', body];
    const { stdout } = await run('curl', args);
    expect(JSON.parse(stdout)).to.include({ delivered: 1, relay: 'none' });
    expect(await client.next('notice')).to.deep.equal([1, null]);
  });

  it('takes the names of the seed and forwards messageContent verbatim', async () => {
    const { server, login, realtime } = await startApi();
    const client = await login(ada);
    const [session] = realtime.hub.list();
    const text = '{"b":1, "a":1.0}';
    // Java clients write what they leave out as null.
    const bodies = [
      { sessionId: session?.id, userId: null, userType: null },
      { sessionId: null, userId: 7, userType: 2 },
      { sessionId: null, userId: null, userType: 2 },
      { userId: '7', userType: '2' },
    ];
    for (const body of bodies) {
      const answer = await request(server)
        .post('/realtime/send')
        .send({ ...body, messageType: 'notice-push', messageContent: text })
        .expect(200);
      expect(answer.body.delivered).to.equal(1);
      expect(await client.nextText()).to.equal(JSON.stringify({ type: 'notice-push', content: text }));
    }
  });

  it('takes a target as the sender does: rooms, everyone, exceptions, nobody', async () => {
    const { server, login, realtime } = await startApi();
    await login(ada);
    await login({ id: 8 });
    for (const session of realtime.hub.list(toAda)) session.join('lobby');
    const delivered = async (target: object) =>
      (await request(server).post('/realtime/send').send({ target, type: 'n', content: null }).expect(200)).body
        .delivered;
    expect(await delivered({ everyone: true })).to.equal(2);
    expect(await delivered({ room: 'lobby' })).to.equal(1);
    expect(await delivered({ everyone: true, except: [toAda] })).to.equal(1);
    expect(await delivered({ userId: [] })).to.equal(0);
    expect(await delivered({ userId: 99 })).to.equal(0);
  });

  describe('refuses', () => {
    const good = { target: toAda, type: 'notice', content: 1 };
    const seeds = { userType: 2, messageType: 'notice', messageContent: '1' };
    const without = (body: object, key: string) =>
      Object.fromEntries(Object.entries(body).filter(([name]) => name !== key));
    const bad: readonly (readonly [string, unknown, string])[] = [
      ['an array', [], 'body'],
      ['an empty object', {}, 'target'],
      ['no target', without(good, 'target'), 'target'],
      ['a target that is null', { ...good, target: null }, 'target'],
      ['a target with a typo', { ...good, target: { userID: 7 } }, 'target'],
      ['a target with two addresses', { ...good, target: { userId: 7, room: 'a' } }, 'target'],
      ['a target without address', { ...good, target: {} }, 'target'],
      ['a target that is an array', { ...good, target: [] }, 'target'],
      ['a user id that JSON has rounded', { ...good, target: { userId: 2 ** 53 } }, 'target'],
      ['a tenant where there are none', { ...good, target: { ...toAda, tenantId: 1 } }, 'tenantId'],
      ['no type', without(good, 'type'), 'type'],
      ['a type that is empty', { ...good, type: '' }, 'type'],
      ['a type of the protocol', { ...good, type: '$hello' }, 'type'],
      ['no content', without(good, 'content'), 'content'],
      ['a field that is unknown', { ...good, tenantID: 1 }, 'tenantID'],
      ['own and seed names mixed', { ...good, messageType: 'notice' }, 'target'],
      ['seed: no messageType', without(seeds, 'messageType'), 'messageType'],
      ['seed: no messageContent', without(seeds, 'messageContent'), 'messageContent'],
      ['seed: empty messageContent', { ...seeds, messageContent: '' }, 'messageContent'],
      ['seed: messageContent that is no JSON', { ...seeds, messageContent: '{' }, 'messageContent'],
      ['seed: messageContent that is no string', { ...seeds, messageContent: {} }, 'messageContent'],
      ['seed: nobody', without(seeds, 'userType'), 'userType'],
      ['seed: userId that is no id', { ...seeds, userId: [7] }, 'userId'],
      ['seed: two addresses', { ...seeds, sessionId: 'a', userId: 7 }, 'target'],
    ];

    for (const [name, body, field] of bad) {
      it(`${name}: 400 naming ${field}`, async () => {
        const { server, login } = await startApi();
        const client = await login(ada);
        const answer = await request(server)
          .post('/realtime/send')
          .send(body as object)
          .expect(400);
        expect(answer.body.error).to.include({ code: 'bad_request', field });
        expect(answer.body.error.message).to.be.a('string').and.not.equal('');
        await request(server)
          .post('/realtime/send')
          .send({ ...good, content: 'marker' })
          .expect(200);
        expect(await client.next('notice')).to.equal('marker');
      });
    }

    it('a body that is not JSON: 400', async () => {
      const { server } = await startApi();
      const answer = await request(server)
        .post('/realtime/send')
        .set('content-type', 'application/json')
        .send('{')
        .expect(400);
      expect(answer.body).to.deep.equal({
        error: { code: 'bad_request', message: 'the body is not valid JSON', field: 'body' },
      });
    });

    it('an empty body: 400, read by us or by express.json()', async () => {
      for (const express of [express4, express5]) {
        const { server, app } = await startApi({}, { express });
        app.use('/parsed', express.json() as express5.RequestHandler, senderApi({ authorize: everything }));
        for (const path of ['/realtime/send', '/parsed/send']) {
          await request(server).post(path).set('content-type', 'application/json').expect(400);
        }
      }
    });

    it('a body above the limit: 413, by its announced length and by what comes', async () => {
      const { server, url } = await startApi({ maxBodyBytes: 1000 });
      const body = { ...good, content: 'x'.repeat(1000) };
      const answer = await request(server).post('/realtime/send').send(body).expect(413).expect('connection', 'close');
      expect(answer.body.error).to.include({ code: 'too_large', field: 'body' });

      const socket = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => undefined);
      const head = `POST /realtime/send HTTP/1.1\r\nHost: ${url}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
      socket.write(`${head}3e8\r\n${'x'.repeat(1000)}\r\n3e8\r\n${'x'.repeat(1000)}\r\n`);
      const [bytes] = await once(socket, 'data');
      expect(String(bytes)).to.match(/^HTTP\/1\.1 413 /);
      if (!socket.closed) await once(socket, 'close');
    });

    it('the default limit is 100 kB', async () => {
      const { server } = await startApi();
      const ofSize = (bytes: number) => {
        const empty = JSON.stringify({ ...good, content: '' }).length;
        return { ...good, content: 'x'.repeat(bytes - empty) };
      };
      await request(server).post('/realtime/send').send(ofSize(102_400)).expect(200);
      await request(server).post('/realtime/send').send(ofSize(102_401)).expect(413);
    });

    it('another media type, charset or encoding: 415 naming the header', async () => {
      const { server } = await startApi();
      const post = (headers: Record<string, string>) => request(server).post('/realtime/send').set(headers);
      const text = JSON.stringify(good);
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/jsonp',
        'application/json; charset=utf-16',
      ]) {
        const { body } = await post({ 'content-type': type }).send(text).expect(415);
        expect(body.error).to.include({ code: 'unsupported_media_type', field: 'content-type' });
      }
      const { body } = await post({ 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .serialize((buffer) => buffer)
        .send(gzipSync(text))
        .expect(415);
      expect(body.error).to.include({ field: 'content-encoding' });
      await post({ 'content-type': 'application/vnd.app+json; charset="UTF-8"' }).send(text).expect(200);
    });

    it('another method: 405 with Allow', async () => {
      const { server } = await startApi();
      await request(server).get('/realtime/send').expect(405).expect('allow', 'POST');
      await request(server).put('/realtime/send').send(good).expect(405);
    });
  });

  it('takes compressed bodies that express.json() has read', async () => {
    const { server, login } = await startApi({}, { mount: (app) => app.use(express5.json()) });
    await login(ada);
    const { body } = await request(server)
      .post('/realtime/send')
      .set({ 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .serialize((buffer) => buffer)
      .send(gzipSync(JSON.stringify({ target: toAda, type: 'notice', content: 1 })))
      .expect(200);
    expect(body.delivered).to.equal(1);
  });

  it('leaves other paths to the app', async () => {
    const { app, server } = await startApi();
    app.use((_req, res) => {
      res.status(404).send('the app');
    });
    for (const path of ['/realtime', '/realtime/sender', '/realtime/send/x', '/send']) {
      expect((await request(server).post(path).expect(404)).text).to.equal('the app');
    }
    await request(server).post('/realtime/send/?a=1').send({ target: toAda, type: 'n', content: 1 }).expect(200);
  });

  it('goes on serving when a caller hangs up in the middle of a body', async () => {
    const { server, url } = await startApi();
    const socket = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
    const head = `POST /realtime/send HTTP/1.1\r\nHost: ${url}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n`;
    const asked = once(server, 'request');
    socket.write(`${head}{`);
    const [req] = await asked;
    const gone = new Promise((resolve) => req.once('close', resolve));
    socket.resetAndDestroy();
    await gone;
    await request(server).post('/realtime/send').send({ target: toAda, type: 'n', content: 1 }).expect(200);
  });

  describe('authorize', () => {
    const body = { target: toAda, type: 'notice', content: 1 };
    const post = (server: AppServer['server'], sent: object = body) =>
      request(server).post('/realtime/send').send(sent);

    it('sees the request with what the middleware of the app put on it', async () => {
      const { server } = await startApi(
        // Annotated with Express's own type, as an app would.
        { authorize: (req: Request) => (req.get('x-key') === 'right' && req.user !== undefined ? everything() : null) },
        {
          mount: (app) =>
            app.use((req, _res, next) => {
              req.user = ada;
              next();
            }),
        },
      );
      await post(server).expect(401);
      await post(server).set('x-key', 'right').expect(200);
    });

    it('answers null or undefined: 401; false: 403; each before the body is read', async () => {
      for (const [answer, status, code] of [
        [null, 401, 'unauthenticated'],
        [undefined, 401, 'unauthenticated'],
        [false, 403, 'forbidden'],
      ] as const) {
        const { server } = await startApi({ authorize: async () => answer });
        const refused = await request(server)
          .post('/realtime/send')
          .set('content-type', 'text/plain')
          .send('{')
          .expect(status);
        expect(refused.body.error.code).to.equal(code);
      }
    });

    it('throws or rejects: 500 with a constant text, and onError has the error', async () => {
      const fault = new Error('secret');
      const asyncThrow = () => Promise.reject(fault);
      const syncThrow = () => {
        throw fault;
      };
      for (const authorize of [asyncThrow, syncThrow]) {
        const errors: Error[] = [];
        const { server } = await startApi({ authorize, onError: (error) => errors.push(error) });
        const refused = await post(server).expect(500);
        expect(refused.body).to.deep.equal({ error: { code: 'internal', message: 'internal error' } });
        expect(errors).to.deep.equal([fault]);
      }
    });

    it('answers what is no scope: 500, nothing is pushed, and onError says what is wrong', async () => {
      const wrong: readonly (readonly [unknown, RegExp])[] = [
        [true, /must be a scope/],
        [{}, /must have tenantId, or allTenants: true/],
        [{ tenantId: 1, allTenants: true }, /must have tenantId, or allTenants/],
        [{ allTenants: false }, /allTenants that is not true/],
        [{ tenantId: '' }, /tenantId that is no/],
        [{ tenantId: undefined }, /has tenantId: undefined/],
        [{ allTenants: true, type: ['a'] }, /unknown key "type"/],
        [{ allTenants: true, types: 'a' }, /types that are no array/],
        [{ allTenants: true, types: undefined }, /has types: undefined/],
        [{ allTenants: true, userTypes: [{}] }, /userTypes that are no array/],
        [{ tenantId: 1 }, /forTenant needs multiTenant/],
      ];
      for (const [answer, message] of wrong) {
        const errors: Error[] = [];
        const { server } = await startApi({ authorize: () => answer as never, onError: (error) => errors.push(error) });
        await post(server).expect(500);
        expect(errors.map((error) => error.message)).to.have.length(1);
        expect(errors[0]?.message).to.match(message);
      }
    });

    it('limits the message types: 403 naming the field', async () => {
      const { server } = await startApi({ authorize: () => ({ allTenants: true, types: ['notice'] }) });
      await post(server).expect(200);
      expect((await post(server, { ...body, type: 'other' }).expect(403)).body.error.field).to.equal('type');
      const seeds = { userType: 2, messageType: 'other', messageContent: '1' };
      expect((await post(server, seeds).expect(403)).body.error.field).to.equal('messageType');
    });

    it('limits the user types: only targets that name one of them', async () => {
      const { server } = await startApi({ authorize: () => ({ allTenants: true, userTypes: [2, 'x'] }) });
      const status = async (target: object) => (await post(server, { ...body, target })).status;
      expect(await status({ userId: 7, userType: 2 })).to.equal(200);
      expect(await status({ userType: '2' })).to.equal(200);
      expect(await status({ userType: 'x' })).to.equal(200);
      // No type means type 0.
      expect(await status({ userId: 7 })).to.equal(403);
      expect(await status({ userId: 7, userType: 1 })).to.equal(403);
      expect(await status({ userType: 1 })).to.equal(403);
      expect(await status({ everyone: true })).to.equal(403);
      expect(await status({ room: 'a' })).to.equal(403);
      expect(await status({ sessionId: 'a' })).to.equal(403);
      // Neither is a way around.
      expect(await status({ everyone: true, userType: 2 })).to.equal(400);
      expect(await status({ userType: [2] })).to.equal(400);
    });

    it('binds the caller to one tenant: others and all are 403', async () => {
      const { server, login } = await startApi({ authorize: () => ({ tenantId: 1 }) }, { multiTenant: true });
      const mine = await login({ ...ada, tenantId: 1 });
      const theirs = await login({ ...ada, tenantId: 2 });
      const send = (target: object) => post(server, { ...body, target });
      expect((await send(toAda).expect(200)).body.delivered).to.equal(1);
      expect((await send({ ...toAda, tenantId: '1' }).expect(200)).body.delivered).to.equal(1);
      expect((await send({ ...toAda, tenantId: 2 }).expect(403)).body.error.field).to.equal('tenantId');
      expect((await send({ everyone: true, allTenants: true }).expect(403)).body.error.field).to.equal('tenantId');
      const seeds = { userType: 2, messageType: 'notice', messageContent: '1' };
      expect((await post(server, { ...seeds, tenantId: 2 }).expect(403)).body.error.field).to.equal('tenantId');
      expect((await post(server, seeds).expect(200)).body.delivered).to.equal(1);
      expect(mine.unread).to.have.length.lessThanOrEqual(3);
      for (let count = 0; count < 3; count += 1) await mine.next('notice');
      expect(theirs.unread).to.deep.equal([]);
    });

    it('lets a caller for all tenants name the tenant, or all; neither is 400', async () => {
      const { server, login } = await startApi({}, { multiTenant: true });
      await login({ ...ada, tenantId: 1 });
      await login({ ...ada, tenantId: 2 });
      const send = (target: object) => post(server, { ...body, target });
      expect((await send({ ...toAda, tenantId: 2 }).expect(200)).body.delivered).to.equal(1);
      expect((await send({ ...toAda, allTenants: true }).expect(200)).body.delivered).to.equal(2);
      expect((await send(toAda).expect(400)).body.error.field).to.equal('tenantId');
    });
  });

  it('answers 503 with the receipt when the broker did not take it', async () => {
    const receipt = { id: 'a', delivered: 3, relay: 'none' } as const;
    const app = express5();
    const sender = { send: () => Promise.reject(new RelayError(receipt, new Error('away'))) };
    mountSender(app, 'sender', sender as never);
    const errors: Error[] = [];
    app.use(senderApi({ authorize: everything, onError: (error) => errors.push(error) }));
    const { body } = await request(app).post('/send').send({ target: toAda, type: 'n', content: 1 }).expect(503);
    expect(body.receipt).to.deep.equal(receipt);
    expect(body.error.code).to.equal('relay');
    expect(errors).to.deep.equal([]);
  });

  it('answers 503 with a constant text when the attach was closed, before or meanwhile, and reports nothing', async () => {
    const errors: Error[] = [];
    const sub = express5();
    const api = senderApi({ authorize: everything, onError: (error) => errors.push(error) });
    sub.use(api);
    const { server, realtime } = await startApi({}, { mount: (app) => app.use('/sub', sub) });
    // Closed while the request was on its way: its sender is at hand already.
    const app = express5();
    mountSender(app, 'sender', realtime.sender);
    app.use(api);
    await realtime.close();
    const body = { target: toAda, type: 'n', content: 1 };
    for (const sending of [request(server).post('/sub/send'), request(app).post('/send')]) {
      const refused = await sending.send(body).expect(503);
      expect(refused.body).to.deep.equal({ error: { code: 'closing', message: 'this process is closing' } });
      expect(refused.headers['retry-after']).to.equal('5');
    }
    expect(errors).to.deep.equal([]);
  });

  for (const page of ['README.md', 'lib/http/sender-api.md']) {
    it(`is closed where it is set up as ${page} shows, and the key was forgotten: 401`, async () => {
      const statusWith = async (env: NodeJS.ProcessEnv, key?: string): Promise<number> => {
        const { url } = await startApp({ mount: (app) => setUpAsShown(page, app, env) });
        const call = request(url)
          .post('/realtime/send')
          .send({ target: { everyone: true }, type: 'n', content: 1 });
        return (key === undefined ? await call : await call.set('x-api-key', key)).status;
      };
      expect(await statusWith({})).to.equal(401);
      expect(await statusWith({}, 'undefined')).to.equal(401);
      expect(await statusWith({ PUSH_KEY: '' }, '')).to.equal(401);
      expect(await statusWith({ PUSH_KEY: 'right' }, 'wrong')).to.equal(401);
      expect(await statusWith({ PUSH_KEY: 'right' }, 'right')).to.equal(200);
    });
  }

  it('works in a sub-app, and with the sender under another name', async () => {
    const sub = express5();
    sub.use(senderApi({ authorize: everything, localsKey: 'push' }));
    const { server, login } = await startApi({}, { localsKey: 'push', mount: (app) => app.use('/sub', sub) });
    await login(ada);
    const body = { target: toAda, type: 'n', content: 1 };
    expect((await request(server).post('/sub/send').send(body).expect(200)).body.delivered).to.equal(1);
  });

  it('says so when nothing is attached under its name: 500 and onError', async () => {
    const errors: Error[] = [];
    const { server } = await startApi({ localsKey: 'push', onError: (error) => errors.push(error) });
    await request(server).post('/realtime/send').send({ target: toAda, type: 'n', content: 1 }).expect(500);
    expect(errors.map(String)).to.have.length(1);
    expect(errors[0]).to.have.property('code', 'ERR_REALTIME_ATTACH');
  });
});

/** Runs the first block of a page that mounts the sender API. */
function setUpAsShown(page: string, app: unknown, env: NodeJS.ProcessEnv): void {
  const block = blocksOf(page).find(({ code }) => code.includes('senderApi({'));
  const { code } = transformSync(block?.code ?? '', { loader: 'ts', format: 'cjs' });
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- our own page
  new Function('require', 'app', 'process', code)(() => index, app, { env });
}
