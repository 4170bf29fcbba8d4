import { expect } from 'chai';
import type { CloseInfo, RealtimeOptions } from '../../lib/index';
import { startApp } from '../support/app-server';
import type { AppServer } from '../support/app-server';

const ada = { id: 7 };

/** An app whose handler `hold` waits until it is let go. */
async function startHeld(options: Partial<RealtimeOptions>) {
  let tellClosing: (info: CloseInfo) => void = () => undefined;
  const closing = new Promise<CloseInfo>((resolve) => {
    tellClosing = resolve;
  });
  const started = await startApp({ onClose: (_session, info) => tellClosing(info), ...options });
  const { registry } = started.realtime;
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const handled: unknown[] = [];
  registry.on('hold', (content) => {
    handled.push(content);
    return held;
  });
  registry.on('echo', (content, session) => {
    handled.push(content);
    session.send('echo', content);
  });
  return { ...started, client: await started.login(ada), handled, letGo, closing };
}

/** The codes of refused messages. */
function refusals({ events }: Pick<AppServer, 'events'>): string[] {
  return events.flatMap((event) => (event.name === 'message.refused' ? [event.code] : []));
}

describe('messages in: limits', () => {
  it('a binary message: 1003, after nothing else', async () => {
    const { client, closing, handled } = await startHeld({});
    client.socket.send(Buffer.from('{"type":"echo","content":"1"}'));
    client.send('echo', 2);
    expect((await client.closed).code).to.equal(1003);
    expect(handled).to.deep.equal([]);
    expect(await closing).to.include({ code: 1003, why: 'protocol' });
  });

  it('a message above maxPayloadBytes: 1009; one of that size is fine', async () => {
    const { client, closing } = await startHeld({ maxPayloadBytes: 1000 });
    const frame = (bytes: number) => `{"type":"echo","content":"1"${' '.repeat(bytes - 29)}}`;
    client.sendText(frame(1000));
    expect(await client.next('echo')).to.equal(1);
    client.sendText(frame(1001));
    expect((await client.closed).code).to.equal(1009);
    expect(await closing).to.include({ code: 1009, why: 'protocol' });
  });

  it('invalid UTF-8: 1007', async () => {
    const { client, closing } = await startHeld({});
    client.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect((await client.closed).code).to.equal(1007);
    expect(await closing).to.include({ why: 'protocol' });
  });

  it('more messages than maxMessagesPerSecond: dropped, then 4429 for a peer that goes on', async () => {
    const started = await startHeld({ maxMessagesPerSecond: 5 });
    const { client, handled, closing } = started;
    // Two seconds' worth at once is a burst; as much again is too much.
    for (let index = 0; index < 15; index += 1) client.send('echo', index);
    for (let index = 0; index < 10; index += 1) expect(await client.next('echo')).to.equal(index);
    client.sendText('ping');
    expect(await client.nextText()).to.equal('pong');
    expect(handled).to.have.length.within(10, 11);
    expect(new Set(refusals(started))).to.deep.equal(new Set(['rate_limited']));
    for (let index = 0; index < 10; index += 1) client.send('echo', index);
    expect(await client.closed).to.deep.equal({ code: 4429, reason: 'too many messages' });
    expect(await closing).to.include({ code: 4429, why: 'flood' });
  });

  it('more bytes than maxBytesPerSecond: dropped', async () => {
    const started = await startHeld({ maxBytesPerSecond: 500 });
    const { client, nextError } = started;
    client.send('echo', 'a'.repeat(900));
    expect(await client.next('echo')).to.have.length(900);
    client.send('echo', 'b'.repeat(900));
    expect((await nextError()).error.message).to.match(/type echo was refused: rate_limited/);
    expect(refusals(started)).to.deep.equal(['rate_limited']);
  });

  it('text pings are not counted as messages', async () => {
    const { client } = await startHeld({ maxMessagesPerSecond: 1 });
    for (let index = 0; index < 50; index += 1) client.sendText('ping');
    for (let index = 0; index < 50; index += 1) expect(await client.nextText()).to.equal('pong');
  });

  it('no limit with 0', async () => {
    const { client, handled, errors } = await startHeld({
      maxMessagesPerSecond: 0,
      maxBytesPerSecond: 0,
      maxQueuedMessages: 0,
      maxQueuedBytes: 0,
    });
    for (let index = 0; index < 2000; index += 1) client.send('echo', index);
    for (let index = 0; index < 2000; index += 1) await client.next('echo');
    expect(handled).to.have.length(2000);
    expect(errors).to.deep.equal([]);
  });

  it('more than maxQueuedMessages behind a running handler: refused, and the waiting ones are handled', async () => {
    const started = await startHeld({ maxQueuedMessages: 3 });
    const { client, handled, letGo, nextError } = started;
    client.send('hold', 'first');
    for (const index of [1, 2, 3, 4, 5]) client.send('echo', index);
    for (let count = 0; count < 2; count += 1) {
      expect((await nextError()).error.message).to.match(/type echo was refused: busy/);
    }
    letGo();
    for (const index of [1, 2, 3]) expect(await client.next('echo')).to.equal(index);
    client.send('echo', 'after');
    expect(await client.next('echo')).to.equal('after');
    expect(handled).to.deep.equal(['first', 1, 2, 3, 'after']);
    expect(refusals(started)).to.deep.equal(['busy', 'busy']);
  });

  it('a peer that goes on above maxQueuedMessages: 4429', async () => {
    const { client, letGo, closing, handled } = await startHeld({ maxQueuedMessages: 3 });
    client.send('hold');
    for (let index = 0; index < 7; index += 1) client.send('echo', index);
    expect((await client.closed).code).to.equal(4429);
    expect(await closing).to.include({ code: 4429, why: 'flood' });
    letGo();
    expect(handled).to.deep.equal([null]);
  });

  it('more than maxQueuedBytes waiting: the socket is not read until the handler is through, then all is handled', async () => {
    const { client, letGo, realtime, handled, errors } = await startHeld({
      maxQueuedBytes: 10_000,
      maxQueuedMessages: 0,
      maxMessagesPerSecond: 0,
      maxBytesPerSecond: 0,
    });
    const [session] = realtime.hub.list();
    const socket = session?.socket;
    client.send('hold', 'first');
    const paused = new Promise<void>((resolve) => {
      const pause = socket?.pause.bind(socket);
      Object.assign(socket ?? {}, {
        pause: () => {
          pause?.();
          resolve();
        },
      });
    });
    const text = 'x'.repeat(1000);
    for (let index = 0; index < 500; index += 1) client.send('echo', text + index);
    await paused;
    expect(socket?.isPaused).to.equal(true);
    letGo();
    for (let index = 0; index < 500; index += 1) expect(await client.next('echo')).to.equal(text + index);
    expect(socket?.isPaused).to.equal(false);
    expect(handled).to.have.length(501);
    expect(errors).to.deep.equal([]);
  });

  it('a paused session can be closed at once', async () => {
    const { client, realtime, letGo } = await startHeld({ maxQueuedBytes: 100, maxPauseMs: 60_000 });
    const [session] = realtime.hub.list();
    client.send('hold');
    client.send('echo', 'x'.repeat(200));
    client.sendText('ping');
    await client.nextText();
    expect(session?.socket.isPaused).to.equal(true);
    const startedAt = performance.now();
    session?.close(4000, 'bye');
    expect(await client.closed).to.deep.equal({ code: 4000, reason: 'bye' });
    expect(performance.now() - startedAt).to.be.lessThan(1000);
    letGo();
  });

  it('a session that stays paused for maxPauseMs: 4429', async () => {
    const { client, closing, letGo } = await startHeld({ maxQueuedBytes: 100, maxPauseMs: 50, heartbeatMs: 20 });
    client.send('hold');
    client.send('echo', 'x'.repeat(200));
    expect(await closing).to.include({ code: 4429, why: 'flood' });
    expect((await client.closed).code).to.equal(4429);
    letGo();
  });
});
