import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import request from 'supertest';
import { refusal } from '../../lib/testing';
import { openDesk, unreadTypes } from './desk';

const MIA = 3;

describe('example app: login and chat', () => {
  const desk = openDesk();

  describe('login', () => {
    it('gives a token that HTTP and the socket take', async () => {
      const token = await desk.login('ada');
      const { body } = await desk.get(token, '/api/me').expect(200);
      expect(body).to.include({ id: 1, tenantId: 1, userType: 2, tenantName: 'Harbour Books' });
      const client = await desk.connect(token);
      expect(await client.next('online-users')).to.deep.equal([{ id: 1, name: 'Ada Berg', userType: 2 }]);
    });

    it('refuses a wrong password and an unknown user alike: 401', async () => {
      const wrong = await request(desk.server.url)
        .post('/api/login')
        .send({ username: 'ada', password: 'x' })
        .expect(401);
      const nobody = await request(desk.server.url)
        .post('/api/login')
        .send({ username: 'eve', password: 'x' })
        .expect(401);
      expect(wrong.body).to.deep.equal(nobody.body);
    });

    it('answers 400 that names the field to a body that is none, 413 to one that is too large', async () => {
      const { body } = await request(desk.server.url).post('/api/login').send({ username: 'ada' }).expect(400);
      expect(body.error).to.contain('password');
      await request(desk.server.url).post('/api/login').set('Content-Type', 'application/json').send('{').expect(400);
      await request(desk.server.url)
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
        await desk.get(token, '/api/me').expect(401);
        expect((await refusal(desk.server.app.server, { token })).status).to.equal(401);
      }
    });

    it('sends no inline script a chance: strict headers on every answer', async () => {
      for (const path of ['/', '/main.js', '/api/me', '/api/nothing']) {
        const { headers } = await request(desk.server.url).get(path);
        expect(headers['content-security-policy']).to.contain("script-src 'self'").and.not.contain('unsafe');
        expect(headers['x-content-type-options']).to.equal('nosniff');
        expect(headers).not.to.have.property('x-powered-by');
      }
    });
  });

  describe('chat', () => {
    it('reaches one user and the own tabs of the sender, nobody else', async () => {
      const [ada, mia, max] = [
        await desk.connect(await desk.login('ada')),
        await desk.connect(await desk.login('mia')),
        await desk.connect(await desk.login('max')),
      ];
      const answer = await desk.chat(mia, { text: 'hello', toUserId: 1 });
      expect(answer).to.deep.equal({ reached: 1 });
      const wanted = { fromUserId: MIA, text: 'hello', single: true, toName: 'Ada Berg' };
      expect(await ada.next('demo-message-receive')).to.include(wanted);
      expect(await mia.next('demo-message-receive')).to.include(wanted);
      await desk.chat(mia, { text: 'to all', toUserId: '' });
      expect(await max.next('demo-message-receive')).to.include({ text: 'to all', single: false });
    });

    it('reaches everyone of the tenant, and nobody of the other one', async () => {
      const [ada, bea] = [await desk.connect(await desk.login('ada')), await desk.connect(await desk.login('bea'))];
      expect(await desk.chat(ada, { text: 'ours' })).to.deep.equal({ reached: 1 });
      expect(await desk.chat(ada, { text: 'theirs?', toUserId: 5 })).to.deep.equal({ reached: 0 });
      await desk.chat(bea, { text: 'mine' });
      expect(await bea.next('demo-message-receive')).to.include({ text: 'mine' });
      expect(unreadTypes(bea)).not.to.contain('demo-message-receive');
    });

    it('tells who comes and goes, to the own tenant only', async () => {
      const ada = await desk.connect(await desk.login('ada'));
      const bea = await desk.connect(await desk.login('bea'));
      await ada.next('online-users');
      const mia = await desk.connect(await desk.login('mia'));
      expect(await ada.next('online-users')).to.have.length(2);
      await mia.close();
      expect(await ada.next('online-users')).to.have.length(1);
      expect(await bea.next('online-users')).to.have.length(1);
      expect(unreadTypes(bea)).not.to.contain('online-users');
    });
  });
});
