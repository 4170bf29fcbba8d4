import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Opcode, RawPeer } from './raw-peer';
import { startServer, stopServers } from './support';
import type { AnySession, TestServer } from './support';

const MEBIBYTE = 1024 * 1024;
/** What the plain wire and the frame header add to 70,000 and more bytes of text. */
const OVERHEAD_BYTES = '{"type":"n","content":"\\"\\""}'.length + 10;
/** What each queued frame costs beside its bytes. */
const FRAME_COST_BYTES = 64;

describe('slow reader', () => {
  afterEach(stopServers);

  it('gets exactly as much as maxBufferedBytes lets wait, and not one byte more', async () => {
    const server = await startServer({ maxBufferedBytes: MEBIBYTE, overflow: 'drop' });
    const { session } = await stalledPeer(server);
    // In one turn of the event loop from here on: nothing drains meanwhile.
    const room = MEBIBYTE - session.socket.bufferedAmount - FRAME_COST_BYTES - OVERHEAD_BYTES;
    expect(session.send('n', 'x'.repeat(room + 1))).to.equal(false);
    expect(session.send('n', 'x'.repeat(room))).to.equal(true);
    expect(session.send('n', '')).to.equal(false);
  });

  it('counts each waiting frame as 64 bytes more than it has', async () => {
    const server = await startServer({ maxBufferedBytes: MEBIBYTE, overflow: 'drop' });
    const { session } = await stalledPeer(server);
    const smallFrame = '{"type":"n","content":"1"}'.length + 2;
    const room = MEBIBYTE - session.socket.bufferedAmount - FRAME_COST_BYTES - OVERHEAD_BYTES;
    const left = 10 * smallFrame + 10 * FRAME_COST_BYTES;
    expect(session.send('n', 'x'.repeat(room - left - FRAME_COST_BYTES))).to.equal(true);
    let taken = 0;
    while (session.send('n', 1)) taken += 1;
    // What waits in our own queue is written when it would trip the limit, and costs its bytes alone from then on.
    expect(taken).to.be.greaterThan(9);
    expect(session.socket.bufferedAmount).to.be.lessThanOrEqual(MEBIBYTE);
    expect(session.socket.bufferedAmount).to.be.greaterThan(MEBIBYTE - FRAME_COST_BYTES - 2 * smallFrame);
  });

  it('gets a message of any size that may be sent while it has taken everything so far', async () => {
    const server = await startServer({ maxBufferedBytes: 1000 });
    const client = await server.connect({ id: 1 });
    expect(client.session.send('n', 'x'.repeat(5000))).to.equal(true);
    expect((await client.next()).content).to.have.length(5000);
  });

  it('takes a burst of one turn that is larger than the limit: the limit is for readers, not for bursts', async () => {
    const server = await startServer({ maxBufferedBytes: 10_000 });
    const client = await server.connect({ id: 1 });
    for (let index = 0; index < 50; index += 1) expect(client.session.send('n', 'x'.repeat(900))).to.equal(true);
    await client.got(50);
    expect(server.closed).to.have.length(0);
  });

  it('does not make pongs pile up with its pings: the newest is answered once it reads', async () => {
    const server = await startServer();
    const { session, peer } = await stalledPeer(server);
    const before = session.socket.bufferedAmount;
    let pings = 0;
    session.socket.on('ping', () => (pings += 1));
    for (let ping = 0; ping < 5000; ping += 1) peer.send(Opcode.ping, `${ping}`);
    while (pings < 5000) await nextTurn();
    expect(session.socket.bufferedAmount - before).to.be.lessThan(200);
    peer.socket.resume();
    await peer.until(() => peer.frames.at(-1)?.payload.toString() === '4999');
    expect(peer.count(Opcode.pong)).to.be.within(1, 10);
    peer.socket.destroy();
  });

  it('is closed with 4408 when it sends text pings without end: their answers count', async () => {
    const server = await startServer({ maxBufferedBytes: MEBIBYTE });
    const { session, peer } = await stalledPeer(server);
    let mostWrites = 0;
    const sendSome = () => {
      if (peer.socket.destroyed) return;
      for (let ping = 0; ping < 1000; ping += 1) peer.send(Opcode.text, 'ping');
      mostWrites = Math.max(mostWrites, waitingWrites(server));
      if (session.isOpen) setImmediate(sendSome);
    };
    sendSome();
    await server.closings(1);
    expect(server.closed[0]?.info).to.include({ code: 4408, why: 'slow' });
    // Each of them costs a hundred bytes and more beside its own: one a turn is fine, one a ping is not.
    expect(mostWrites).to.be.lessThan(2000);
    peer.socket.destroy();
  });

  describe('with overflow: close', () => {
    it('is closed with 4408 at once, told once, and costs the others nothing', async () => {
      const server = await startServer({ maxBufferedBytes: MEBIBYTE });
      const reader = await server.connect({ id: 'reader' });
      const { session, peer } = await stalledPeer(server);
      const content = 'x'.repeat(200_000);
      let broadcasts = 0;
      while (session.isOpen) {
        await server.realtime.send({ everyone: true }, 'n', content);
        broadcasts += 1;
      }
      expect(session.send('n', 1)).to.equal(false);
      await server.closings(1);
      expect(server.closed).to.deep.equal([{ session, info: { code: 4408, reason: 'too slow', why: 'slow' } }]);
      expect(server.realtime.hub.get(session.id)).to.equal(undefined);
      expect(server.realtime.hub.count()).to.equal(1);
      const told = server.events.filter(({ name }) => name === 'session.slow');
      expect(told).to.deep.equal([{ name: 'session.slow', sessionId: session.id, policy: 'close' }]);
      await reader.got(broadcasts);
      expect(await server.realtime.send({ everyone: true }, 'n', 'after')).to.include({ delivered: 1 });
      await reader.settle();
      expect(reader.messages.filter(({ content: got }) => got === content)).to.have.length(broadcasts);
      peer.socket.resume();
      await peer.gone();
    });

    it('gives the memory back at once', async () => {
      const limit = 48 * MEBIBYTE;
      const server = await startServer({ maxBufferedBytes: limit });
      const { session } = await stalledPeer(server);
      let serial = 0;
      while (session.socket.bufferedAmount < limit - 3 * MEBIBYTE) {
        session.send('n', `${(serial += 1)}${'x'.repeat(2 * MEBIBYTE)}`);
        await nextTurn();
      }
      const before = heldBytes();
      while (session.isOpen) session.send('n', 'x'.repeat(2 * MEBIBYTE));
      await server.closings(1);
      expect(before - heldBytes()).to.be.greaterThan(limit - 8 * MEBIBYTE);
    });
  });

  describe('with overflow: drop', () => {
    it('stays, loses what does not fit, is told once a spell, and gets the next message after it has read', async () => {
      const server = await startServer({ maxBufferedBytes: MEBIBYTE, overflow: 'drop' });
      const { session, peer } = await stalledPeer(server);
      const told = () => server.events.filter(({ name }) => name === 'session.slow');
      const block = 'x'.repeat(300_000);
      while (session.send('n', block));
      // Small ones still fit between large ones that do not: that is the same spell.
      for (let round = 0; round < 20; round += 1) {
        session.send('n', round);
        expect(session.send('n', block)).to.equal(false);
      }
      expect(told()).to.deep.equal([{ name: 'session.slow', sessionId: session.id, policy: 'drop' }]);
      expect(session.isOpen).to.equal(true);

      peer.socket.resume();
      while (session.socket.bufferedAmount > 0) await nextTurn();
      expect(session.send('n', 'back')).to.equal(true);
      while (!peer.texts.some((text) => text.includes('back'))) await peer.got(Opcode.text, peer.texts.length + 1);
      expect(server.closed).to.have.length(0);

      await stall(peer, session);
      while (session.send('n', block));
      expect(told()).to.have.length(2);
      peer.socket.destroy();
      await server.closings(1);
    });
  });
});

/** A peer that does not read, with more than its kernel buffers hold on the way to it. */
async function stalledPeer(server: TestServer): Promise<{ readonly peer: RawPeer; readonly session: AnySession }> {
  const peer = await RawPeer.open(server.url({ id: 'slow' }));
  const session = server.opened.at(-1);
  if (session === undefined) throw new Error('no session');
  await stall(peer, session);
  return { peer, session };
}

async function stall(peer: RawPeer, session: AnySession): Promise<void> {
  peer.socket.pause();
  const block = 'x'.repeat(100_000);
  // The kernel takes a while to refuse more: full when nothing was taken in twenty turns.
  for (let turns = 0; turns < 20; turns += 1) {
    const before = session.socket.bufferedAmount;
    if (before < 200_000) {
      session.send('fill', block);
      turns = 0;
    }
    await nextTurn();
  }
}

/** The writes that the stream under the first socket keeps. */
function waitingWrites({ sockets }: TestServer): number {
  // Not in the types.
  const [socket] = sockets as unknown as readonly { _writableState: { getBuffer(): readonly unknown[] } }[];
  return socket?._writableState.getBuffer().length ?? 0;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What buffers hold after a collection. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}
