import { expect } from 'chai';
import { installPage, jump, pass, startRig, useFakeClock } from './support';

const INTERVAL_MS = 25_000;
const TIMEOUT_MS = 5000;

describe('client: heartbeat', () => {
  useFakeClock();

  it('asks when nothing came for the interval of $hello, and leaves a line that does not answer', async () => {
    const { socket, changes, client } = await startRig();
    socket.open();
    await pass(INTERVAL_MS - 1);
    expect(socket.pings).to.equal(0);
    await pass(1);
    expect(socket.pings).to.equal(1);
    await pass(TIMEOUT_MS - 1);
    expect(client.status).to.equal('open');
    await pass(1);
    expect([client.status, socket.isClosed]).to.deep.equal(['waiting', true]);
    expect(changes.at(-1)?.end).to.deep.equal({ code: 1006, reason: 'no answer to ping' });
  });

  it('stays on a line that answers', async () => {
    const { socket, client } = await startRig();
    socket.open();
    for (let round = 1; round <= 10; round += 1) {
      await pass(INTERVAL_MS);
      expect(socket.pings).to.equal(round);
      await pass(10);
      socket.text('pong');
      await pass(TIMEOUT_MS - 10);
    }
    expect(client.status).to.equal('open');
  });

  it('takes any message for a sign of life, and does not ask while some come', async () => {
    const { socket, client } = await startRig();
    socket.open();
    for (let round = 0; round < 10; round += 1) {
      await pass(INTERVAL_MS - 1);
      socket.push('news', round);
    }
    expect(socket.pings).to.equal(0);
    while (socket.pings === 0) await pass(500);
    socket.push('news', 'instead of pong');
    await pass(TIMEOUT_MS);
    expect([socket.pings, client.status]).to.deep.equal([1, 'open']);
  });

  it('never asks a server whose $hello names no interval', async () => {
    const { socket, client } = await startRig();
    socket.open({ pingIntervalMs: undefined });
    await pass(3_600_000);
    expect([socket.pings, client.status]).to.deep.equal([0, 'open']);
  });

  it('a timer that fires late is no dead line: it asks again', async () => {
    const { socket, client } = await startRig();
    socket.open();
    await pass(INTERVAL_MS);
    expect(socket.pings).to.equal(1);
    // The tab was frozen: the answer, if any, is still behind the timer in the queue of events.
    await jump(60_000);
    expect([socket.pings, client.status]).to.deep.equal([2, 'open']);
    socket.text('pong');
    await pass(TIMEOUT_MS);
    expect(client.status).to.equal('open');
  });

  it('a hidden tab whose timers come once a minute keeps a line that answers', async () => {
    const { socket, client } = await startRig();
    socket.open();
    for (let minute = 0, answered = 0; minute < 10; minute += 1) {
      await jump(60_000);
      if (socket.pings > answered) socket.text('pong');
      answered = socket.pings;
    }
    expect(client.status).to.equal('open');
    expect(socket.pings).to.be.above(2);
  });

  it('a line that died while the machine slept is left soon after', async () => {
    const { socket, client } = await startRig();
    socket.open();
    await pass(INTERVAL_MS);
    await jump(3_600_000);
    expect(client.status).to.equal('open');
    await pass(TIMEOUT_MS);
    expect(client.status).to.equal('waiting');
  });

  it('asks no more once the line is over', async () => {
    const { socket, client } = await startRig();
    socket.open();
    client.close();
    await pass(3_600_000);
    expect(socket.pings).to.equal(0);
  });
});

describe('client: in a page', () => {
  useFakeClock();

  for (const [name, tell] of [
    ['online', (page: ReturnType<typeof installPage>) => page.tell('online')],
    ['visible', (page: ReturnType<typeof installPage>) => page.show('visible')],
    ['shown again', (page: ReturnType<typeof installPage>) => page.tell('pageshow')],
  ] as const) {
    it(`comes back at once when the page is ${name}`, async () => {
      const page = installPage();
      const { socket, sockets, client } = await startRig();
      socket.open().lose();
      tell(page);
      await pass(0);
      expect([sockets.length, client.status]).to.deep.equal([2, 'connecting']);
      tell(page);
      await pass(500);
      expect(sockets).to.have.length(2);
    });

    it(`asks at once whether the line is alive when the page is ${name}`, async () => {
      const page = installPage();
      const { socket, client } = await startRig();
      socket.open();
      for (let times = 0; times < 5; times += 1) {
        tell(page);
        await pass(1000);
      }
      // Asking again and again puts off nothing.
      expect([socket.pings, client.status]).to.deep.equal([1, 'waiting']);
    });
  }

  it('hidden is no reason to do anything', async () => {
    const page = installPage();
    const { socket, sockets } = await startRig();
    socket.open();
    page.show('hidden');
    expect(socket.pings).to.equal(0);
    socket.lose();
    page.show('hidden');
    await pass(0);
    expect(sockets).to.have.length(1);
  });

  it('leaves the line when the page goes, and comes back only with it', async () => {
    const page = installPage();
    const rig = await startRig();
    rig.socket.open();
    page.tell('pagehide');
    expect([rig.openSockets, rig.client.status]).to.deep.equal([0, 'waiting']);
    await pass(600_000);
    expect(rig.sockets).to.have.length(1);
    page.tell('pageshow');
    await pass(0);
    expect([rig.openSockets, rig.sockets.length]).to.deep.equal([1, 2]);
  });

  it('a page that goes while it connects, or waits, makes no socket until it is back', async () => {
    const page = installPage();
    let give: ((token: string) => void) | undefined;
    const rig = await startRig({ token: () => new Promise((resolve) => (give = resolve)) });
    page.tell('pagehide');
    give?.('late');
    await pass(600_000);
    page.tell('pagehide');
    await pass(600_000);
    expect(rig.sockets).to.have.length(0);
    page.tell('pageshow');
    give?.('now');
    await pass(0);
    expect(rig.sockets).to.have.length(1);
  });

  it('does not come back earlier than $draining said, whatever the page tells', async () => {
    const page = installPage();
    const { socket, sockets } = await startRig();
    socket.open().push('$draining', { reconnectInMs: 4000 });
    socket.lose(1012);
    await pass(1000);
    page.tell('online');
    page.tell('pagehide');
    page.tell('pageshow');
    await pass(2999);
    expect(sockets).to.have.length(1);
    await pass(1);
    expect(sockets).to.have.length(2);
  });

  it('listens to the page no more once it is closed', async () => {
    const page = installPage();
    const { client } = await startRig();
    expect(page.listeners).to.be.above(0);
    client.close();
    expect(page.listeners).to.equal(0);
  });
});
