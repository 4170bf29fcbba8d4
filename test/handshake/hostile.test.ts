import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import express from 'express';
import { jwtFor, jwtPassport } from './passport-support';
import {
  UPGRADE_HEADERS,
  attempt,
  authenticateByToken,
  closeAll,
  deferred,
  exchange,
  expectServed,
  handshakeText,
  open,
  openDoor,
  rawConnect,
  resetNow,
  readAll,
  readUntil,
  startDoor,
  started,
  statusOfAnswer,
} from './support';

/** A text frame with a zero mask. */
function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

describe('hostile peers', () => {
  afterEach(closeAll);

  it('that reset the connection during the login, 1000 of them, cost nothing but themselves', async () => {
    let gate = deferred();
    let isSeen = deferred();
    const { server, door } = await startDoor({
      maxPendingUpgrades: 20,
      authenticate: async (req) => {
        if (req.headers.authorization === 'Bearer good') return { id: 'good' };
        isSeen.resolve();
        await gate.promise;
        return { id: 'gone' };
      },
    });
    for (let round = 0; round < 50; round += 1) {
      const peers = await Promise.all(Array.from({ length: 20 }, () => rawConnect(server)));
      [gate, isSeen] = [deferred(), deferred()];
      for (const peer of peers) peer.write(handshakeText('/ws'));
      await isSeen.promise;
      for (const peer of peers) resetNow(peer);
      // A round trip, so that all have been read; then they are decided.
      await exchange(server, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      gate.resolve();
      await expectServed(server);
    }
    // One that was let in unknowingly has closed at once.
    const left = [...door.sessions].filter((ws) => ws.readyState === ws.OPEN);
    await Promise.all(left.map((ws) => once(ws, 'close')));
    await expectServed(server);
    expect(door.errors).to.deep.equal([]);
  }).timeout(60_000);

  it('that half-close during the login get nothing, and their slot comes back', async () => {
    const gate = deferred();
    const reached = deferred<IncomingMessage>();
    const { server, door } = await startDoor({
      maxPendingUpgrades: 1,
      authenticate: async (req) => {
        if (req.headers.authorization === 'Bearer good') return { id: 'good' };
        reached.resolve(req);
        await gate.promise;
        return { id: 'gone' };
      },
    });
    const peer = await rawConnect(server);
    peer.write(handshakeText('/ws'));
    const { socket } = await reached.promise;
    const ended = deferred();
    socket.once('end', () => ended.resolve());
    socket.resume();
    peer.end();
    await ended.promise;
    const answer = readAll(peer);
    gate.resolve();
    expect(await answer).to.equal('');
    await expectServed(server);
    expect(door.refusals()).to.deep.equal(['0 gone']);
  });

  it('that glue frames to the handshake are heard, also during a slow login', async () => {
    const { server } = await startDoor({
      authenticate: async (req) => {
        await Promise.resolve();
        return authenticateByToken(req);
      },
    });
    for (const parts of [
      [Buffer.concat([Buffer.from(handshakeText('/ws?token=good')), textFrame('one'), textFrame('two')])],
      [Buffer.from(handshakeText('/ws?token=good')), textFrame('one'), textFrame('two')],
    ]) {
      const peer = await rawConnect(server);
      for (const part of parts) peer.write(part);
      const got = await readUntil(peer, 'two');
      expect(got).to.match(/^HTTP\/1\.1 101 [^]*\r\n\r\n[^]*one[^]*two/);
    }
  });

  it('that send megabytes before the login is decided are not buffered', async () => {
    const gate = deferred();
    const reached = deferred<IncomingMessage>();
    const { server } = await startDoor({
      authenticate: async (req) => {
        if (req.headers.authorization === 'Bearer good') return { id: 'good' };
        reached.resolve(req);
        await gate.promise;
        return null;
      },
    });
    const peer = await rawConnect(server);
    peer.write(handshakeText('/ws'));
    const { socket } = await reached.promise;
    peer.write(Buffer.alloc(32 * 1024 * 1024));
    // Two round trips of another socket: time for what would arrive.
    await expectServed(server);
    await expectServed(server);
    expect(socket.readableLength).to.be.below(256 * 1024);
    const answer = readAll(peer);
    gate.resolve();
    expect(statusOfAnswer(await answer)).to.be.oneOf([0, 401]);
    await expectServed(server);
  }).timeout(60_000);

  it('that send junk behind the handshake lose their socket only', async () => {
    const { server } = await startDoor();
    for (const junk of [
      Buffer.alloc(70_000, 0xff),
      Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
      Buffer.from('81020000', 'hex'),
    ]) {
      const answer = await exchange(server, handshakeText('/ws?token=good'), junk);
      expect(statusOfAnswer(answer)).to.equal(101);
    }
    await expectServed(server);
  });

  it('that bring junk tokens are each refused, 600 at once, and good ones come in meanwhile', async () => {
    const app = express();
    const server = await started(createServer(app));
    const door = openDoor(server, { app, passport: jwtPassport(), maxPendingUpgrades: 100 });
    const junk = Array.from({ length: 600 }, (_, index) => exchange(server, handshakeText(`/ws?token=junk${index}`)));
    const good = await open(server, { token: jwtFor({ sub: '7' }) });
    const answers = await Promise.all(junk);
    expect(new Set(answers.map(statusOfAnswer))).to.deep.equal(new Set([401]));
    expect(good.readyState).to.equal(good.OPEN);
    expect(door.logins).to.deep.equal([{ id: '7', userType: 0 }]);
  }).timeout(60_000);

  it('that drip a request are ended by the timeouts of the server, which the door leaves alone', async () => {
    const server = createServer({ headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 30 });
    await started(server);
    openDoor(server);
    const peer = await rawConnect(server);
    peer.write('GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: webso');
    expect(await readAll(peer)).to.match(/^HTTP\/1\.1 408 /);
    await expectServed(server);
  });

  const ODD_HEADERS: readonly (readonly [string, readonly string[]])[] = [
    ['an extension named constructor', ['Sec-WebSocket-Extensions: constructor']],
    ['an extension named __proto__', ['Sec-WebSocket-Extensions: __proto__; __proto__=1']],
    ['a malformed extension', ['Sec-WebSocket-Extensions: permessage-deflate; a="']],
    ['compression', ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits']],
    ['a subprotocol named __proto__', ['Sec-WebSocket-Protocol: __proto__, constructor']],
    ['a subprotocol of many spaces', [`Sec-WebSocket-Protocol: a${' '.repeat(7000)}b`]],
    ['a header named __proto__', ['__proto__: x', 'constructor: y']],
    ['an endless Authorization', [`Authorization: Bearer ${' '.repeat(7000)}x y`]],
    ['a Host that is none', ['Origin: http://a', 'X-Forwarded-Host: //[::']],
  ];
  for (const [title, headers] of ODD_HEADERS) {
    it(`that send ${title} get one answer in HTTP, quickly`, async () => {
      const { server } = await startDoor();
      const text = handshakeText('/ws', [...UPGRADE_HEADERS, ...headers]);
      expect(statusOfAnswer(await exchange(server, text))).to.be.oneOf([400, 401, 403]);
      await expectServed(server);
    });
  }

  it('never get compression', async () => {
    const { server } = await startDoor();
    const { headers, status } = await attempt(server, { token: 'good', perMessageDeflate: true });
    expect(status).to.equal(101);
    expect(headers).not.to.have.property('sec-websocket-extensions');
  });

  it('cannot send more than maxPayloadBytes: 1009', async () => {
    const { server } = await startDoor({ maxPayloadBytes: 1000 });
    const client = await open(server, { token: 'good' });
    client.send('x'.repeat(1001));
    expect((await once(client, 'close'))[0]).to.equal(1009);
  });

  it('leave nothing behind: no request or response is kept once the socket is open', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const app = express();
    const server = await started(createServer(app));
    const kept: WeakRef<object>[] = [];
    const door = openDoor(server, {
      app,
      passport: jwtPassport((req) => {
        kept.push(new WeakRef(req));
        return /^Bearer (.*)/.exec(req.headers.authorization ?? '')?.[1] ?? null;
      }),
      middleware: [
        (req: object, res: object, next: () => void) => {
          kept.push(new WeakRef(req), new WeakRef(res));
          next();
        },
      ],
    });
    for (let index = 0; index < 5; index += 1) await open(server, { token: jwtFor({ sub: '7' }) });
    expect(kept).to.have.length(15);
    for (let round = 0; round < 20 && kept.some((reference) => reference.deref() !== undefined); round += 1) {
      await expectServed(server, { token: jwtFor({ sub: '8' }) });
      collect();
    }
    const alive = kept.slice(0, 15).filter((reference) => reference.deref() !== undefined);
    expect(alive).to.have.length(0);
    expect(door.sessions.size).to.be.within(5, 6);
  });
});
