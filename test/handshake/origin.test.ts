import { expect } from 'chai';
import express from 'express';
import express4 from 'express4';
import { RealtimeError } from '../../lib/model/errors';
import {
  UPGRADE_HEADERS,
  attempt,
  closeAll,
  exchange,
  expectServed,
  handshakeText,
  listen,
  openDoor,
  portOf,
  startDoor,
  statusOfAnswer,
} from './support';

const FOREIGN = [
  'https://evil.example',
  'null',
  'https://good.example.evil.com',
  'https://evilgood.example',
  'HTTPS://GOOD.EXAMPLE',
  'https://good.example:8443',
  'https://good.example/',
  'https://user@good.example',
  'http://good.example',
  'same',
  'any',
  '',
  'file://',
  'constructor',
  'https://[::',
];

describe('origin', () => {
  afterEach(closeAll);

  for (const origin of FOREIGN) {
    it(`refuses '${origin}' when only https://good.example is allowed: 403, no code of the app ran`, async () => {
      let calls = 0;
      const count = (): null => {
        calls += 1;
        return null;
      };
      const { server, door } = await startDoor({ origins: ['https://good.example'], authenticate: count });
      const answer = await attempt(server, { headers: { origin }, token: 'good' });
      expect(answer.status).to.equal(403);
      expect(calls).to.equal(0);
      expect(door.refusals()).to.deep.equal(['403 origin']);
    });
  }

  it('refuses two Origin headers, even when each is allowed', async () => {
    const { server } = await startDoor({ origins: ['https://good.example', 'https://other.example'] });
    const twice = ['Origin: https://good.example', 'Origin: https://other.example'];
    const answer = await exchange(server, handshakeText('/ws?token=good', [...UPGRADE_HEADERS, ...twice]));
    expect(statusOfAnswer(answer)).to.equal(403);
    await expectServed(server);
  });

  it('takes listed origins, in whatever form they were listed', async () => {
    const origins = ['HTTPS://Good.Example:443/', 'capacitor://localhost', 'null', 'http://localhost:5173'];
    const { server } = await startDoor({ origins });
    for (const origin of ['https://good.example', 'capacitor://localhost', 'null', 'http://localhost:5173']) {
      await expectServed(server, { headers: { origin } });
    }
    // No page of a browser: an app or a service.
    await expectServed(server);
  });

  it('by default takes the same host and requests without Origin, nothing else', async () => {
    const { server } = await startDoor();
    const host = `127.0.0.1:${portOf(server)}`;
    await expectServed(server);
    await expectServed(server, { headers: { origin: `http://${host}` } });
    await expectServed(server, { headers: { origin: `https://${host}` } });
    for (const origin of ['http://127.0.0.1', `http://127.0.0.1:1`, `http://${host}.evil.com`, 'null', ...FOREIGN]) {
      expect((await attempt(server, { token: 'good', headers: { origin } })).status, origin).to.equal(403);
    }
  });

  it('compares hosts with and without the default port', async () => {
    const { server } = await startDoor();
    const headers = (host: string, origin: string): { headers: Record<string, string> } => ({
      headers: { host, origin },
    });
    await expectServed(server, headers('shop.example', 'https://shop.example'));
    await expectServed(server, headers('shop.example:443', 'https://shop.example'));
    await expectServed(server, headers('SHOP.example', 'https://shop.example'));
    expect((await attempt(server, headers('shop.example:80', 'https://shop.example'))).status).to.equal(403);
    expect((await attempt(server, headers('//[::', 'https://shop.example'))).status).to.equal(403);
  });

  it('takes the same host beside listed ones where the list says so', async () => {
    const { server } = await startDoor({ origins: ['same', 'http://localhost:5173'] });
    await expectServed(server, { headers: { origin: `http://127.0.0.1:${portOf(server)}` } });
    await expectServed(server, { headers: { origin: 'http://localhost:5173' } });
    expect((await attempt(server, { headers: { origin: 'https://evil.example' } })).status).to.equal(403);
  });

  it('takes every origin where asked to', async () => {
    const { server } = await startDoor({ origins: 'any' });
    await expectServed(server, { headers: { origin: 'https://evil.example' } });
    await expectServed(server, { headers: { origin: 'null' } });
  });

  for (const [title, create] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    it(`believes X-Forwarded-Host of a proxy that the app trusts, and of no other (${title})`, async () => {
      const headers = { origin: 'https://shop.example', 'x-forwarded-host': 'shop.example, inner' };
      const trusting = create();
      trusting.set('trust proxy', 'loopback');
      const server = await listen(trusting);
      openDoor(server, { app: trusting });
      await expectServed(server, { headers });
      const plain = create();
      const other = await listen(plain);
      openDoor(other, { app: plain });
      expect((await attempt(other, { headers })).status).to.equal(403);
    });
  }

  it('says on our side which option decides, on one line', async () => {
    const { server, door } = await startDoor();
    await attempt(server, { headers: { origin: 'http://localhost:5173' } });
    await attempt(server, { headers: { origin: 'x\t\u001b[31m"level":"error"' } }).catch(() => undefined);
    const [first] = door.hints();
    expect(first).to.equal('origin http://localhost:5173 refused; add it to origins');
    for (const hint of door.hints()) expect(hint).to.match(/^[\x20-\x7e…]+$/);
  });

  for (const entry of ['https://*.shop.example', 'shop.example', 'https://shop.example/path', '*', '', 7]) {
    it(`throws at start for the list entry ${JSON.stringify(entry)}`, async () => {
      const server = await listen();
      expect(() => openDoor(server, { origins: [entry as string] }))
        .to.throw(RealtimeError, /origins takes/)
        .with.property('code', 'ERR_REALTIME_OPTION');
    });
  }
});
