import { expect } from 'chai';
import express5 from 'express';
import express4 from 'express4';
import request from 'supertest';
import { getSender } from '../../lib/index';
import { startApp } from '../support/app-server';

const ada = { id: 7 };

describe('getSender', () => {
  for (const [name, express] of [
    ['Express 4', express4],
    ['Express 5', express5],
  ] as const) {
    it(`finds the sender from a sub-app in a sub-app in a router: ${name}`, async () => {
      const [inner, outer, router] = [express() as express5.Express, express() as express5.Express, express.Router()];
      inner.get('/push', async (req, res) => {
        expect(req.app.locals).not.to.have.property('sender');
        res.json(await getSender(req).send({ everyone: true }, 'n', 'deep'));
      });
      outer.use('/inner', inner);
      router.use('/outer', outer as never);
      const { server, login } = await startApp({ express, mount: (app) => app.use('/api', router as never) });
      const client = await login(ada);
      const { body } = await request(server).get('/api/outer/inner/push').expect(200);
      expect(body.delivered).to.equal(1);
      expect(await client.next('n')).to.equal('deep');
    });
  }

  it('finds the one under another name', async () => {
    const { server, realtime, app } = await startApp({ localsKey: 'push' });
    app.get('/', (req, res) => {
      expect(getSender(req, 'push')).to.equal(realtime.sender);
      res.end();
    });
    await request(server).get('/').expect(200);
  });

  it('says clearly that nothing is attached, and takes nothing else for a sender', async () => {
    const app = express5();
    app.locals.sender = { send: () => Promise.resolve() } as never;
    app.get('/', (req, res) => {
      expect(() => getSender(req))
        .to.throw(/no sender under app.locals.sender of this request's app or its parents: call attachRealtime first/)
        .with.property('code', 'ERR_REALTIME_ATTACH');
      res.end();
    });
    await request(app).get('/').expect(200);
    expect(() => getSender({} as never)).to.throw(/call attachRealtime first/);
  });
});
