import type { IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { sign } from 'jsonwebtoken';
import {
  UPGRADE_HEADERS,
  attempt,
  authenticateByToken,
  closeAll,
  exchange,
  expectServed,
  handshakeText,
  open,
  startDoor,
  statusOfAnswer,
} from './support';

const bearer = (token: string): string => `bearer.${Buffer.from(token).toString('base64url')}`;

describe('token', () => {
  afterEach(closeAll);

  const CARRIERS: readonly (readonly [string, object])[] = [
    ['the Authorization header', { headers: { authorization: 'Bearer mary' } }],
    ['the header in lower case', { headers: { authorization: 'bearer mary' } }],
    ['the subprotocol bearer.<base64url>', { protocols: ['express-realtime.v1', bearer('mary')] }],
    ['the query', { path: '/ws?token=mary' }],
    ['the query, with its scheme', { path: '/ws?token=Bearer%20mary' }],
    ['the query, with its scheme and a plus', { path: '/ws?x=1&token=Bearer+mary' }],
    ['the query, while the header is empty', { path: '/ws?token=mary', headers: { authorization: '' } }],
    ['the query, twice the same', { path: '/ws?token=mary&token=mary' }],
    ['the query and the header, the same', { path: '/ws?token=mary', headers: { authorization: 'Bearer mary' } }],
  ];
  for (const [title, options] of CARRIERS) {
    it(`is found in ${title}, and stands in Authorization`, async () => {
      const seen: (string | undefined)[] = [];
      const { server, door } = await startDoor({
        authenticate: (req) => {
          seen.push(req.headers.authorization?.toLowerCase());
          return authenticateByToken({
            headers: { authorization: req.headers.authorization?.replace('bearer', 'Bearer') },
          } as IncomingMessage);
        },
      });
      await open(server, options);
      expect(seen).to.deep.equal(['bearer mary']);
      expect(door.logins).to.deep.equal([{ id: 'mary', userType: 0 }]);
    });
  }

  it('leaves an Authorization header of another scheme alone', async () => {
    const seen: unknown[] = [];
    const { server } = await startDoor({
      authenticate: (req) => {
        seen.push(req.headers.authorization);
        return { id: 'mary' };
      },
    });
    await open(server, { headers: { authorization: 'Basic bWFyeTpzZWNyZXQ=' }, path: '/ws?token=other' });
    await open(server, { headers: { authorization: 'raw-token' } });
    expect(seen).to.deep.equal(['Basic bWFyeTpzZWNyZXQ=', 'raw-token']);
  });

  const REFUSED: readonly (readonly [string, object])[] = [
    ['header and query differ', { path: '/ws?token=mary', headers: { authorization: 'Bearer anna' } }],
    ['a bare header and the query differ', { path: '/ws?token=mary', headers: { authorization: 'anna' } }],
    ['the query has two', { path: '/ws?token=mary&token=anna' }],
    ['two, one of them under an escaped name', { path: '/ws?token=mary&%74oken=anna' }],
    ['subprotocol and query differ', { path: '/ws?token=anna', protocols: ['express-realtime.v1', bearer('mary')] }],
    ['two subprotocols carry different ones', { protocols: [bearer('anna'), bearer('mary')] }],
    ['the subprotocol carries line breaks', { protocols: ['express-realtime.v1', bearer('a\r\nX: y')] }],
    ['the subprotocol is no base64url', { protocols: ['express-realtime.v1', 'bearer.a!b'] }],
    ['the subprotocol carries nothing', { protocols: ['express-realtime.v1', 'bearer.'] }],
    ['the query carries a line break', { path: '/ws?token=a%0d%0aX:y' }],
    ['the query carries what is no ASCII', { path: '/ws?token=%D0%B1' }],
    ['the query is malformed', { path: '/ws?token=%FF%' }],
  ];
  for (const [title, options] of REFUSED) {
    it(`is refused with 400 when ${title}; the next one is served`, async () => {
      const { server, door } = await startDoor();
      expect((await attempt(server, options)).status).to.equal(400);
      expect(door.admitted).to.have.length(0);
      await expectServed(server);
    });
  }

  it('is read only where tokenFrom says', async () => {
    const { server } = await startDoor({ tokenFrom: ['protocol'] });
    expect((await attempt(server, { token: 'mary' })).status).to.equal(401);
    expect((await attempt(server, { path: '/ws?token=mary' })).status).to.equal(401);
    const client = await open(server, { protocols: ['express-realtime.v1', bearer('mary')], token: 'anna' });
    expect(client.protocol).to.equal('express-realtime.v1');
  });

  it('is never echoed: the answer names a subprotocol that the server speaks, or none', async () => {
    const { server } = await startDoor({ protocols: ['express-realtime.v1', 'express-realtime.plain'] });
    const marker = bearer('SECRETMARKER');
    const headers = (offer: string): string[] => [
      ...UPGRADE_HEADERS,
      'Connection: Upgrade',
      `Sec-WebSocket-Protocol: ${offer}`,
    ];
    const cases: readonly (readonly [string, string | undefined])[] = [
      [`${marker}, express-realtime.v1`, 'express-realtime.v1'],
      [`${marker},express-realtime.plain`, 'express-realtime.plain'],
      [`express-realtime.plain, ${marker}, express-realtime.v1`, 'express-realtime.v1'],
      [marker, undefined],
      [`chat, ${marker}`, undefined],
    ];
    for (const [offer, selected] of cases) {
      // The server leaves right after the 101, since the frame that follows is no frame.
      const answer = await exchange(server, handshakeText('/ws', headers(offer)), Buffer.from('ffff', 'hex'));
      expect(statusOfAnswer(answer)).to.equal(101);
      expect(/\r\nSec-WebSocket-Protocol: ([^\r]*)/i.exec(answer)?.[1]).to.equal(selected);
      expect(answer).not.to.contain(marker);
      expect(answer).not.to.contain('SECRETMARKER');
    }
  });

  it('gives the session an end: the exp of the token that came in', async () => {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const token = sign({ sub: 'mary', exp }, 'secret');
    const { server, door } = await startDoor({ authenticate: () => ({ id: 'mary' }) });
    await open(server, { token });
    await open(server, { path: `/ws?token=${token}` });
    await open(server, { protocols: ['express-realtime.v1', bearer(token)] });
    const ends = door.logins.map((loginUser) => loginUser?.expiresAtMs);
    expect(ends).to.deep.equal([exp * 1000, exp * 1000, exp * 1000]);
  });

  it('does not move the end that the application gave', async () => {
    const token = sign({ sub: 'mary' }, 'secret', { expiresIn: 3600 });
    const { server, door } = await startDoor({ authenticate: () => ({ id: 'mary', expiresAtMs: 4_102_444_800_000 }) });
    await open(server, { token });
    expect(door.logins[0]?.expiresAtMs).to.equal(4_102_444_800_000);
  });

  for (const [title, token] of [
    ['has no exp', sign({ sub: 'mary' }, 'secret', { noTimestamp: true })],
    ['has an exp that is a text', `e30.${Buffer.from('{"exp":"4102444800"}').toString('base64url')}.x`],
    ['is null inside', `e30.${Buffer.from('null').toString('base64url')}.x`],
    ['is no JSON inside', 'a.b.c'],
    ['is opaque', 'opaque'],
    ['has an endless exp', `e30.${Buffer.from('{"exp":1e999}').toString('base64url')}.x`],
  ] as const) {
    it(`gives no end when the token ${title}`, async () => {
      const { server, door } = await startDoor({ authenticate: () => ({ id: 'mary' }) });
      await open(server, { token });
      expect(door.logins).to.deep.equal([{ id: 'mary', userType: 0 }]);
    });
  }

  it('is nowhere in events, errors, sessions or what is kept of the socket', async () => {
    const marker = 'SECRETMARKER';
    const { server, door } = await startDoor({
      authenticate: (req) => {
        if (req.url?.includes('fail') === true) throw new Error('the database is away');
        return req.url?.includes('refuse') === true ? null : { id: 'mary' };
      },
    });
    await open(server, { path: `/ws?token=${marker}` });
    await open(server, { protocols: ['express-realtime.v1', bearer(marker)] });
    await open(server, { token: marker });
    for (const path of ['/ws?refuse', '/ws?fail', '/ws?token=other']) await attempt(server, { path, token: marker });
    await attempt(server, { path: `/elsewhere?token=${marker}` });
    const kept = inspect([door.events, door.errors, door.admitted, door.sessions], { depth: 12, showHidden: true });
    expect(kept).not.to.contain(marker);
    expect(kept).not.to.contain(Buffer.from(marker).toString('base64url'));
    expect(door.events).to.have.length(4);
  });
});
