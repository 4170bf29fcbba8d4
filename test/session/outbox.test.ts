import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { RawPeer, Opcode } from './raw-peer';
import { parseMessage, startServer, stopServers } from './support';
import type { TestServer } from './support';

describe('session outbox', function () {
  // Hundreds of sockets, one after another, over TLS too.
  this.timeout(60_000);

  afterEach(stopServers);

  for (const isTls of [false, true]) {
    describe(isTls ? 'over TLS' : 'over TCP', () => {
      it('keeps 3,000 messages in order among pings and pongs of both sides', async () => {
        const server = await startServer({ maxMessagesPerSecond: 0 }, { isTls });
        const client = await server.connect({ id: 1 });
        let pongs = 0;
        let pings = 0;
        client.ws.on('pong', () => (pongs += 1));
        client.ws.on('ping', () => (pings += 1));
        const total = 3000;
        let sent = 0;
        await new Promise<void>((resolve) => {
          const sendSome = () => {
            for (let burst = 1 + (sent % 7); burst > 0 && sent < total; burst -= 1) {
              client.session.send('n', { sent, pad: 'x'.repeat(sent % 300) });
              sent += 1;
            }
            if (sent % 3 === 0) client.ws.ping();
            if (sent % 4 === 0) client.ws.send('ping');
            if (sent % 5 === 0) client.session.socket.ping();
            if (sent < total) setImmediate(sendSome);
            else resolve();
          };
          sendSome();
        });
        await client.settle();
        const order = client.messages.map(({ content }) => (content as { sent: number }).sent);
        expect(order).to.deep.equal(Array.from({ length: total }, (_, index) => index));
        expect(pongs).to.be.greaterThan(100);
        expect(pings).to.be.greaterThan(100);
        expect(client.texts.filter((text) => text === 'pong')).to.have.length.greaterThan(100);
        expect(server.errors).to.deep.equal([]);
      });

      for (const burst of [1, 3, 20]) {
        it(`writes a burst of ${burst} in one tick with one write`, async () => {
          const server = await startServer({}, { isTls });
          const client = await server.connect({ id: 1 });
          const writes = countWrites(socketOf(server));
          for (let index = 0; index < burst; index += 1) client.session.send('n', index);
          await client.got(burst);
          expect(writes()).to.equal(1);
          for (let index = 0; index < burst; index += 1) void server.realtime.send({ userId: 1 }, 'n', index);
          await client.got(2 * burst);
          expect(writes()).to.equal(2);
        });
      }

      it('writes a burst that is too large to copy with one write too', async () => {
        const server = await startServer({}, { isTls });
        const client = await server.connect({ id: 1 });
        const writes = countWrites(socketOf(server));
        for (let index = 0; index < 10; index += 1) client.session.send('n', `${index}${'x'.repeat(30_000)}`);
        await client.got(10);
        expect(writes()).to.equal(1);
        expect(client.messages.map(({ content }) => (content as string)[0]).join('')).to.equal('0123456789');
      });

      it('carries every kind of text, alone and in bursts of all kinds', async () => {
        const server = await startServer({}, { isTls });
        const client = await server.connect({ id: 1 });
        const kinds = [
          'plain',
          'caf\u00e9 \u0080\u00ff',
          '中文',
          '😀',
          '\u0000\u007f',
          'x'.repeat(15_000),
          'ü'.repeat(9000),
        ];
        const bursts = [...kinds.map((kind) => [kind]), kinds.slice(0, 5), kinds, [...kinds, 'y'.repeat(70_000)]];
        for (const [index, burst] of bursts.entries()) {
          for (const text of burst) client.session.send('n', text);
          await client.got(bursts.slice(0, index + 1).flat().length);
        }
        expect(client.messages.map(({ content }) => content)).to.deep.equal(bursts.flat());
      });

      it('loses no last message before an immediate close, 200 times out of 200', async () => {
        const server = await startServer({}, { isTls });
        for (let round = 0; round < 200; round += 1) {
          const client = await server.connect({ id: round });
          client.session.send('first', round);
          client.session.send('last', round);
          client.session.close(4000, 'bye');
          expect(client.session.send('too late', round)).to.equal(false);
          expect(await client.closed).to.deep.equal({ code: 4000, reason: 'bye' });
          expect(client.messages).to.deep.equal([
            { type: 'first', content: round },
            { type: 'last', content: round },
          ]);
        }
      });

      it('never writes after the end of a socket, whichever way 200 peers leave while they are sent to', async () => {
        const server = await startServer({}, { isTls });
        const faults: unknown[] = [];
        for (let round = 0; round < 200; round += 1) {
          const client = await server.connect({ id: round });
          server.sockets.at(-1)?.on('error', (error: NodeJS.ErrnoException) => faults.push(error.code));
          const { session } = client;
          let isOver = false;
          const keepSending = () => {
            session.send('n', 'x'.repeat(100));
            session.socket.ping(undefined, undefined, () => undefined);
            if (!isOver) setImmediate(keepSending);
          };
          keepSending();
          await client.got(1);
          if (round % 3 === 0) client.ws.close(1000);
          else if (round % 3 === 1) client.ws.terminate();
          else (client.ws as unknown as { _socket: Socket })._socket.end();
          await server.closings(round + 1);
          isOver = true;
        }
        expect(faults).to.not.include('ERR_STREAM_WRITE_AFTER_END');
        expect(server.errors).to.deep.equal([]);
        expect(server.realtime.hub.count()).to.equal(0);
      });
    });
  }

  it('answers a text ping after everything that was queued before it, and at once', async () => {
    const server = await startServer();
    const peer = await RawPeer.open(server.url({ id: 1 }));
    const [session] = server.opened;
    // In the same turn as the ping comes, and before it.
    socketOf(server).prependListener('data', () => session?.send('before', 1));
    const writes = countWrites(socketOf(server));
    peer.send(Opcode.text, 'ping');
    await peer.got(Opcode.text, 2);
    expect(peer.texts.map((text) => (text === 'pong' ? text : parseMessage(text).type))).to.deep.equal([
      'before',
      'pong',
    ]);
    expect(writes()).to.equal(1);
    peer.socket.destroy();
  });

  it('makes whole, final, unmasked text frames of every length that changes the header', async () => {
    const server = await startServer();
    const peer = await RawPeer.open(server.url({ id: 1 }));
    const overhead = '{"type":"t","content":"\\"\\""}'.length;
    const lengths = [125, 126, 127, 15_999, 16_000, 16_001, 65_535, 65_536, 70_000];
    void server.realtime.send({ userId: 1 }, 't', '');
    // Written as text and as bytes.
    for (const start of ['xx', 'ü']) {
      for (const length of lengths) {
        void server.realtime.send({ userId: 1 }, 't', start + 'x'.repeat(length - overhead - 2));
      }
    }
    await peer.got(Opcode.text, 1 + 2 * lengths.length);
    expect(peer.frames.map(({ payload }) => payload.length)).to.deep.equal([overhead, ...lengths, ...lengths]);
    expect(peer.frames.every(({ isFinal, hasRsv1, opcode }) => isFinal && !hasRsv1 && opcode === Opcode.text)).to.equal(
      true,
    );
    peer.socket.destroy();
    await server.closings(1);
  });

  it('tells how many frames were queued and never written', async () => {
    const server = await startServer();
    const client = await server.connect({ id: 1 });
    for (let index = 0; index < 3; index += 1) client.session.send('n', index);
    client.session.socket.terminate();
    expect(client.session.send('n', 3)).to.equal(false);
    await server.told('session.closed');
    expect(server.events.at(-1)).to.include({ name: 'session.closed', why: 'lost', discarded: 3 });
    expect(server.errors).to.deep.equal([]);
  });

  it('costs the others no frame when one socket of a broadcast is broken', async () => {
    const server = await startServer();
    const [a, broken, b] = [
      await server.connect({ id: 1 }),
      await server.connect({ id: 2 }),
      await server.connect({ id: 3 }),
    ];
    const tcp = server.sockets[1];
    if (tcp === undefined) throw new Error('no socket');
    tcp.write = () => {
      throw new Error('broken socket');
    };
    const receipt = await server.realtime.send({ everyone: true }, 'n', 1);
    expect(receipt.delivered).to.equal(3);
    expect(await a.next()).to.deep.equal({ type: 'n', content: 1 });
    expect(await b.next()).to.deep.equal({ type: 'n', content: 1 });
    expect(server.errors.map(({ message }) => message)).to.deep.equal(['broken socket']);
    broken.ws.terminate();
    await once(broken.ws, 'close');
  });
});

/** Counts what reaches the operating system: each call of the stream's own write is one. */
function countWrites(socket: Socket): () => number {
  let count = 0;
  for (const name of ['_write', '_writev'] as const) {
    const original = socket[name]?.bind(socket) as ((...args: unknown[]) => void) | undefined;
    if (original === undefined) continue;
    Object.assign(socket, {
      [name]: (...args: unknown[]) => {
        count += 1;
        original(...args);
      },
    });
  }
  return () => count;
}

function socketOf(server: TestServer): Socket {
  const socket = server.sockets.at(-1);
  if (socket === undefined) throw new Error('the server has no socket');
  return socket;
}
