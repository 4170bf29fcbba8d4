import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import request from 'supertest';
import { connect, refusal } from '../../lib/testing';
import type { TestClient } from '../../lib/testing';
import { ExampleServer } from '../e2e/example-server';

const MIA = 3;
const MAX = 4;
const NORA = 7;

describe('example app: HTTP and socket', () => {
  const clients: TestClient[] = [];
  let server: ExampleServer;

  beforeEach(async () => {
    server = await new ExampleServer().start();
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await server.remove();
  });

  async function login(username: string): Promise<string> {
    const { body } = await request(server.url)
      .post('/api/login')
      .send({ username, password: `${username}-demo` })
      .expect(200);
    return body.token;
  }

  async function open(token: string): Promise<TestClient> {
    const client = await connect(server.app.server, { token, tokenIn: 'protocol' });
    clients.push(client);
    return client;
  }

  /** Asks the chat handler and resolves with its answer. */
  async function chat(client: TestClient, content: object): Promise<unknown> {
    client.socket.send(JSON.stringify({ type: 'demo-message-send', id: 1, content }));
    return client.next('$reply');
  }

  const get = (token: string, path: string) => request(server.url).get(path).set('Authorization', `Bearer ${token}`);
  const post = (token: string, path: string, body: object) =>
    request(server.url).post(path).set('Authorization', `Bearer ${token}`).send(body);
  const say = (token: string, conversationId: number, content: string, clientMessageId: string = randomUUID()) =>
    post(token, `/api/customer-service/conversations/${conversationId}/messages`, { content, clientMessageId });

  describe('login', () => {
    it('gives a token that HTTP and the socket take', async () => {
      const token = await login('ada');
      const { body } = await get(token, '/api/me').expect(200);
      expect(body).to.include({ id: 1, tenantId: 1, userType: 2, tenantName: 'Harbour Books' });
      const client = await open(token);
      expect(await client.next('online-users')).to.deep.equal([{ id: 1, name: 'Ada Berg', userType: 2 }]);
    });

    it('refuses a wrong password and an unknown user alike: 401', async () => {
      const wrong = await request(server.url).post('/api/login').send({ username: 'ada', password: 'x' }).expect(401);
      const nobody = await request(server.url).post('/api/login').send({ username: 'eve', password: 'x' }).expect(401);
      expect(wrong.body).to.deep.equal(nobody.body);
    });

    it('answers 400 that names the field to a body that is none, 413 to one that is too large', async () => {
      const { body } = await request(server.url).post('/api/login').send({ username: 'ada' }).expect(400);
      expect(body.error).to.contain('password');
      await request(server.url).post('/api/login').set('Content-Type', 'application/json').send('{').expect(400);
      await request(server.url)
        .post('/api/login')
        .send({ username: 'x'.repeat(40_000) })
        .expect(413);
    });

    it('refuses a token with another signature, without one, of another issuer, or expired: 401 on both', async () => {
      const claims = { userId: 1, tenantId: 1 };
      const issuer = 'express-realtime-example';
      const tokens = [
        jwt.sign(claims, 'another secret', { issuer }),
        jwt.sign(claims, '', { issuer, algorithm: 'none' }),
        jwt.sign(claims, 'secret of a test', { issuer: 'another' }),
        jwt.sign(claims, 'secret of a test', { issuer, expiresIn: -1 }),
        jwt.sign({ userId: 1, tenantId: 2 }, 'secret of a test', { issuer }),
      ];
      for (const token of tokens) {
        await get(token, '/api/me').expect(401);
        expect((await refusal(server.app.server, { token })).status).to.equal(401);
      }
    });

    it('sends no inline script a chance: strict headers on every answer', async () => {
      for (const path of ['/', '/main.js', '/api/me', '/api/nothing']) {
        const { headers } = await request(server.url).get(path);
        expect(headers['content-security-policy']).to.contain("script-src 'self'").and.not.contain('unsafe');
        expect(headers['x-content-type-options']).to.equal('nosniff');
        expect(headers).not.to.have.property('x-powered-by');
      }
    });
  });

  describe('chat', () => {
    it('reaches one user and the own tabs of the sender, nobody else', async () => {
      const [ada, mia, max] = [
        await open(await login('ada')),
        await open(await login('mia')),
        await open(await login('max')),
      ];
      const answer = await chat(mia, { text: 'hello', toUserId: 1 });
      expect(answer).to.deep.equal({ reached: 1 });
      const wanted = { fromUserId: MIA, text: 'hello', single: true, toName: 'Ada Berg' };
      expect(await ada.next('demo-message-receive')).to.include(wanted);
      expect(await mia.next('demo-message-receive')).to.include(wanted);
      await chat(mia, { text: 'to all', toUserId: '' });
      expect(await max.next('demo-message-receive')).to.include({ text: 'to all', single: false });
    });

    it('reaches everyone of the tenant, and nobody of the other one', async () => {
      const [ada, bea] = [await open(await login('ada')), await open(await login('bea'))];
      expect(await chat(ada, { text: 'ours' })).to.deep.equal({ reached: 1 });
      expect(await chat(ada, { text: 'theirs?', toUserId: 5 })).to.deep.equal({ reached: 0 });
      await chat(bea, { text: 'mine' });
      expect(await bea.next('demo-message-receive')).to.include({ text: 'mine' });
      expect(bea.unread.map(({ type }) => type)).not.to.contain('demo-message-receive');
    });

    it('tells who comes and goes, to the own tenant only', async () => {
      const ada = await open(await login('ada'));
      const bea = await open(await login('bea'));
      await ada.next('online-users');
      const mia = await open(await login('mia'));
      expect(await ada.next('online-users')).to.have.length(2);
      await mia.close();
      expect(await ada.next('online-users')).to.have.length(1);
      expect(await bea.next('online-users')).to.have.length(1);
      expect(bea.unread.map(({ type }) => type)).not.to.contain('online-users');
    });
  });

  describe('notices', () => {
    it('are written and pushed by admins, and reach every tab of the tenant', async () => {
      const [ada, mia] = [await login('ada'), await login('mia')];
      const tabs = [await open(ada), await open(mia), await open(mia)];
      const other = await open(await login('nora'));
      const { body: draft } = await post(ada, '/api/notices', { title: 'Hours', content: 'Closed.' }).expect(201);
      expect((await get(mia, '/api/notices')).body.notices).to.deep.equal([]);

      const { body } = await post(ada, `/api/notices/${draft.id}/push`, {}).expect(200);
      expect(body.reached).to.equal(3);
      for (const tab of tabs) expect(await tab.next('notice-push')).to.deep.equal(body.notice);
      expect((await get(mia, '/api/notices')).body.notices).to.deep.equal([body.notice]);

      const bea = await login('bea');
      expect((await get(bea, '/api/notices')).body.notices).to.deep.equal([]);
      await post(bea, `/api/notices/${draft.id}/push`, {}).expect(404);
      await chat(other, { text: 'marker' });
      await other.next('demo-message-receive');
      expect(other.unread.map(({ type }) => type)).not.to.contain('notice-push');
    });

    it('cannot be written or pushed by members: 403', async () => {
      const mia = await login('mia');
      await post(mia, '/api/notices', { title: 'x', content: 'y' }).expect(403);
      await post(mia, '/api/notices/1/push', {}).expect(403);
      await request(server.url).post('/api/notices/1/push').expect(401);
    });

    it('that were read stay read, and other tabs of the user are told', async () => {
      const [ada, mia] = [await login('ada'), await login('mia')];
      const tab = await open(mia);
      const { body: first } = await post(ada, '/api/notices', { title: 'a', content: 'b' });
      await post(ada, `/api/notices/${first.id}/push`, {});
      const again = await post(ada, `/api/notices/${first.id}/push`, {});
      expect(again.body.notice.pushNumber).to.equal(2);
      await post(mia, '/api/notices/read', { upTo: 2 }).expect(200);
      expect(await tab.next('notice-read')).to.deep.equal({ readUpTo: 2 });
      await post(mia, '/api/notices/read', { upTo: 1 }).expect(200);
      expect((await get(mia, '/api/notices')).body.readUpTo).to.equal(2);
      expect((await get(ada, '/api/notices')).body.readUpTo).to.equal(0);
    });
  });

  describe('customer service', () => {
    it('takes a message of a member to all admins of the tenant, and to no other member', async () => {
      const [mia, ada, amos, max, bea] = await Promise.all(['mia', 'ada', 'amos', 'max', 'bea'].map(login));
      const tabs = await Promise.all([mia, ada, amos].map((token) => open(token ?? '')));
      const others = await Promise.all([max, bea].map((token) => open(token ?? '')));
      const { body } = await say(mia ?? '', MIA, 'Where is my parcel?').expect(201);
      expect(body).to.include({ conversationId: MIA, senderId: MIA, senderType: 1, readStatus: false });
      for (const tab of tabs) expect(await tab.next('kefu_message_type')).to.deep.equal(body);
      for (const other of others) {
        await chat(other, { text: 'marker' });
        await other.next('demo-message-receive');
        expect(other.unread.map(({ type }) => type)).not.to.contain('kefu_message_type');
      }
    });

    it('counts what is unread, tells who has read it, and never takes a mark back', async () => {
      const [mia, ada, amos] = [await login('mia'), await login('ada'), await login('amos')];
      const { body: first } = await say(mia, MIA, 'one');
      const { body: second } = await say(mia, MIA, 'two');
      const conversations = (token: string) => get(token, '/api/customer-service/conversations');
      expect((await conversations(amos)).body[0]).to.deep.include({ id: MIA, unread: 2, lastMessage: second });

      const tab = await open(mia);
      const read = `/api/customer-service/conversations/${MIA}/read`;
      await post(ada, read, { upTo: second.id }).expect(200);
      expect(await tab.next('kefu_message_read_status_change')).to.deep.equal({
        conversationId: MIA,
        readerType: 2,
        upTo: second.id,
      });
      await post(ada, read, { upTo: first.id }).expect(200);
      expect((await conversations(amos)).body[0].unread).to.equal(0);
      const { body: history } = await get(mia, `/api/customer-service/conversations/${MIA}/messages`);
      expect(history.map(({ readStatus }: { readStatus: boolean }) => readStatus)).to.deep.equal([true, true]);
    });

    it('stores a message that is sent twice once, and pushes it once', async () => {
      const mia = await login('mia');
      const tab = await open(mia);
      const id = randomUUID();
      const [first, second] = [await say(mia, MIA, 'once', id), await say(mia, MIA, 'once', id)];
      expect(second.body).to.deep.equal(first.body);
      await say(mia, MIA, 'marker');
      expect(await tab.next('kefu_message_type')).to.include({ content: 'once' });
      expect(await tab.next('kefu_message_type')).to.include({ content: 'marker' });
    });

    it('hides conversations of others: 404 for another member, another tenant, an admin id', async () => {
      const [mia, ada] = [await login('mia'), await login('ada')];
      await say(mia, MAX, 'x').expect(404);
      await say(ada, NORA, 'x').expect(404);
      await say(ada, 1, 'x').expect(404);
      await get(ada, `/api/customer-service/conversations/${NORA}/messages`).expect(404);
      await post(mia, `/api/customer-service/conversations/${MAX}/read`, { upTo: 1 }).expect(404);
    });

    it('refuses what is no message: 400 that names the field', async () => {
      const mia = await login('mia');
      expect((await say(mia, MIA, '  ').expect(400)).body.error).to.contain('content');
      expect((await say(mia, MIA, 'x', 'no uuid').expect(400)).body.error).to.contain('clientMessageId');
      expect((await say(mia, MIA, 'x'.repeat(4001)).expect(400)).body.error).to.contain('content');
    });

    it('gives history page by page, and what came after a message', async () => {
      const mia = await login('mia');
      for (let number = 1; number <= 55; number += 1) await say(mia, MIA, `m${number}`).expect(201);
      const messages = `/api/customer-service/conversations/${MIA}/messages`;
      const textsOf = (body: readonly { content: string }[]) => body.map(({ content }) => content);
      const { body: last } = await get(mia, messages);
      expect(textsOf(last)).to.have.length(50).and.include('m55').and.not.include('m5');
      const { body: earlier } = await get(mia, `${messages}?before=${last[0].id}`);
      expect(textsOf(earlier)).to.deep.equal(['m1', 'm2', 'm3', 'm4', 'm5']);
      const { body: after } = await get(mia, `${messages}?after=${last[47].id}`);
      expect(textsOf(after)).to.deep.equal(['m54', 'm55']);
    });
  });

  it('keeps notices, messages and read marks over a restart', async () => {
    const [mia, ada] = [await login('mia'), await login('ada')];
    const { body: message } = await say(mia, MIA, 'still here?');
    await post(ada, `/api/customer-service/conversations/${MIA}/read`, { upTo: message.id });
    const { body: draft } = await post(ada, '/api/notices', { title: 'Kept', content: 'x' });
    await post(ada, `/api/notices/${draft.id}/push`, {});
    const tab = await open(mia);
    await server.stop();
    expect((await tab.closed).code).to.equal(1012);
    await server.start();
    const { body } = await get(mia, `/api/customer-service/conversations/${MIA}/messages`);
    expect(body).to.deep.equal([{ ...message, readStatus: true }]);
    expect((await get(mia, '/api/notices')).body.notices[0].title).to.equal('Kept');
  });
});
