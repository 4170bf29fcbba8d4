import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Opcode, RawPeer, maskedFrame } from './raw-peer';
import type { RealtimeOptions } from '../../lib/index';
import type { TestServer } from './support';
import { TestClient, startServer, stopServers, tokenOf } from './support';
import { WebSocket } from 'ws';

const BEAT_MS = 60;

describe('heartbeat', () => {
  afterEach(stopServers);

  it('terminates a peer that answers nothing after two beats, once, with 1006 and why silent', async () => {
    // Beats long enough that a busy machine makes none late: a late one starts the count again.
    const server = await startServer({ heartbeatMs: BEAT_MS * 5 });
    const peer = await RawPeer.open(server.url({ id: 1 }));
    await peer.gone();
    await server.closings(1);
    expect(peer.count(Opcode.ping)).to.be.within(1, 2);
    expect(server.closed.map(({ info }) => info)).to.deep.equal([{ code: 1006, reason: '', why: 'silent' }]);
    expect(server.realtime.hub.count()).to.equal(0);
  });

  it('terminates half-open peers and leaves the live one beside them alone', async () => {
    const server = await startServer({ heartbeatMs: BEAT_MS });
    const live = await server.connect({ id: 'live' });
    const peers = await Promise.all(Array.from({ length: 20 }, (_, id) => RawPeer.open(server.url({ id }))));
    await Promise.all(peers.map((peer) => peer.gone()));
    await server.closings(20);
    expect(server.closed.every(({ info }) => info.why === 'silent')).to.equal(true);
    await live.settle();
    expect(server.realtime.hub.list().map(({ loginUser }) => loginUser?.id)).to.deep.equal(['live']);
  });

  const signs: readonly { readonly name: string; give(peer: RawPeer): void }[] = [
    { name: 'a protocol pong', give: (peer) => peer.send(Opcode.pong) },
    { name: 'an unasked protocol pong', give: (peer) => peer.send(Opcode.pong, 'anything') },
    { name: 'a protocol ping', give: (peer) => peer.send(Opcode.ping) },
    { name: 'a text ping', give: (peer) => peer.send(Opcode.text, 'ping') },
    { name: 'a message', give: (peer) => peer.send(Opcode.text, '{"type":"known","content":"1"}') },
    { name: 'a message of an unknown type', give: (peer) => peer.send(Opcode.text, '{"type":"unknown"}') },
    { name: 'text that is no message', give: (peer) => peer.send(Opcode.text, 'hello') },
    { name: 'one more fragment of a long message', give: fragment },
  ];
  for (const { name, give } of signs) {
    it(`takes ${name} as a sign of life`, async () => {
      const server = await startServer({ heartbeatMs: BEAT_MS });
      server.realtime.registry.on('known', () => undefined);
      const peer = await RawPeer.open(server.url({ id: 1 }));
      for (let beat = 1; beat <= 6; beat += 1) {
        await peer.got(Opcode.ping, beat);
        give(peer);
      }
      expect(server.closed).to.deep.equal([]);
      // And then it falls silent.
      await peer.gone();
      await server.closings(1);
      expect(server.closed[0]?.info.why).to.equal('silent');
    });
  }

  for (const beats of [1.2, 1.45, 2, 4]) {
    it(`does not take its own loop, blocked for ${beats} beats, for the silence of its peers`, async () => {
      const server = await startServer({ heartbeatMs: BEAT_MS });
      const peer = await RawPeer.open(server.url({ id: 1 }));
      for (let beat = 1; beat <= 6; beat += 1) {
        await peer.got(Opcode.ping, beat);
        // The pong lies in the kernel when the next beat comes, and is read only after it.
        block(beats * BEAT_MS);
        peer.send(Opcode.pong);
      }
      expect(server.closed).to.deep.equal([]);
      peer.socket.destroy();
      await server.closings(1);
    });
  }

  describe('while a session is not read because its handlers are behind', () => {
    it('does not take it for silent', async () => {
      const { server, peer, release } = await startPaused({ heartbeatMs: BEAT_MS });
      const beats = await server.connect({ id: 'counts beats' });
      for (let beat = 0; beat < 5; beat += 1) await once(beats.ws, 'ping');
      expect(server.closed).to.deep.equal([]);
      release();
      // Read again: it must give signs of life as all others.
      await peer.got(Opcode.ping, peer.count(Opcode.ping) + 1);
      await peer.gone();
      await server.closings(1);
      expect(server.closed[0]?.info.why).to.equal('silent');
    });

    it('closes it with 4429 after maxPauseMs', async () => {
      const { server, peer, release } = await startPaused({ heartbeatMs: BEAT_MS, maxPauseMs: 2 * BEAT_MS });
      await peer.got(Opcode.close);
      expect(peer.frames.at(-1)?.payload.readUInt16BE()).to.equal(4429);
      peer.socket.destroy();
      await server.closings(1);
      expect(server.closed[0]?.info).to.deep.equal({ code: 4429, reason: 'handlers too slow', why: 'flood' });
      release();
    });
  });

  it('keeps healthy sockets when its process was stopped (SIGSTOP) for many beats', async function () {
    // A child that compiles itself starts slowly on a busy machine.
    this.timeout(60_000);
    const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'stopped-server.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const lines = createInterface(child.stdout);
      const [port] = (await once(lines, 'line')) as [string];
      const clients = await Promise.all(
        Array.from({ length: 50 }, async (_, id) => {
          const client = new TestClient(new WebSocket(`ws://127.0.0.1:${port}/ws?token=${tokenOf({ id })}`));
          await once(client.ws, 'open');
          return client;
        }),
      );
      for (let stop = 0; stop < 3; stop += 1) {
        await Promise.all(clients.map(({ ws }) => once(ws, 'ping')));
        child.kill('SIGSTOP');
        block(500);
        child.kill('SIGCONT');
      }
      // Two more beats: enough to terminate whoever was taken for silent.
      for (let beat = 0; beat < 3; beat += 1) await Promise.all(clients.map(({ ws }) => once(ws, 'ping')));
      await Promise.all(clients.map((client) => client.settle()));
      expect(clients.every(({ ws }) => ws.readyState === WebSocket.OPEN)).to.equal(true);
    } finally {
      child.stdin.end();
      await once(child, 'close');
    }
  });
});

/** A peer that has sent more than may wait behind a handler that is not done. */
async function startPaused(
  options: Partial<RealtimeOptions>,
): Promise<{ readonly server: TestServer; readonly peer: RawPeer; release(): void }> {
  const server = await startServer({ ...options, maxQueuedBytes: 500, onError: () => undefined });
  let release = (): void => undefined;
  const done = new Promise<void>((resolve) => (release = resolve));
  server.realtime.registry.on('slow', () => done);
  const peer = await RawPeer.open(server.url({ id: 1 }));
  for (let index = 0; index < 20; index += 1)
    peer.send(Opcode.text, `{"type":"slow","content":"\\"${'x'.repeat(50)}\\""}`);
  const [session] = server.opened;
  while (session?.socket.isPaused !== true) await new Promise((resolve) => setImmediate(resolve));
  return { server, peer, release };
}

function fragment(peer: RawPeer): void {
  peer.socket.write(maskedFrame(peer.count(Opcode.ping) === 1 ? Opcode.text : 0, Buffer.from('x'), { isFinal: false }));
}

/** Holds this process still, as a long collection or a synchronous loop would. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
