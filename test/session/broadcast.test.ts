import { expect } from 'chai';
import type { Socket } from 'node:net';
import { parseMessage, startServer, stopServers } from './support';
import type { TestClient } from './support';

const SOCKETS = 400;
const MAX_SLICE_MS = 20;

describe('broadcast to many sockets', () => {
  const { now } = performance;

  afterEach(async () => {
    performance.now = now;
    await stopServers();
  });

  for (const writeMs of [0.02, 0.25, 0.7]) {
    it(`keeps slices of the event loop under ${MAX_SLICE_MS} ms where a write takes ${writeMs} ms, and order with later messages`, async () => {
      const server = await startServer();
      const clients: TestClient[] = [];
      while (clients.length < SOCKETS) {
        const ids = Array.from({ length: 50 }, (_, index) => clients.length + index);
        clients.push(...(await Promise.all(ids.map((id) => server.connect({ id })))));
      }
      const last = SOCKETS - 1;
      const turns = timeWrites(server.sockets, writeMs);
      const receipt = server.realtime.send({ everyone: true }, 'all', 1);
      void server.realtime.send({ userId: last }, 'one', 2);
      const second = server.realtime.send({ everyone: true }, 'all', 3);
      // Not part of the first slices: queued while they run.
      setImmediate(() => void server.realtime.send({ userId: last }, 'one', 4));
      expect((await receipt).delivered).to.equal(SOCKETS);
      expect((await second).delivered).to.equal(SOCKETS);

      await Promise.all(clients.map((client) => client.got(2)));
      await clients[last]?.got(4);
      expect(Math.max(...turns())).to.be.lessThan(MAX_SLICE_MS);
      expect(turns().length).to.be.greaterThanOrEqual(Math.floor((SOCKETS * writeMs) / MAX_SLICE_MS));
      expect(clients[last]?.texts.map((text) => parseMessage(text).content)).to.deep.equal([1, 2, 3, 4]);
      for (const client of clients.slice(0, last)) {
        expect(client.texts.map((text) => parseMessage(text).content)).to.deep.equal([1, 3]);
      }
    });
  }
});

/** Lets each write take a fixed time on the clock that the program reads, and sums that up for each turn of the loop. */
function timeWrites(sockets: readonly Socket[], writeMs: number): () => readonly number[] {
  const { now } = performance;
  let spent = 0;
  let spentThisTurn = 0;
  const turns: number[] = [];
  performance.now = () => now.call(performance) + spent;
  for (const socket of sockets) {
    // Passes on what it is called with.
    const write = socket.write.bind(socket) as (...args: readonly unknown[]) => boolean;
    socket.write = (...args: readonly unknown[]) => {
      spent += writeMs;
      spentThisTurn += writeMs;
      return write(...args);
    };
  }
  const noteTurn = () => {
    if (spentThisTurn > 0) turns.push(spentThisTurn);
    spentThisTurn = 0;
    if (performance.now !== now) setImmediate(noteTurn);
  };
  setImmediate(noteTurn);
  return () => turns;
}
