import { expect } from 'chai';
import { ClientPage, openClientStage } from './client-stage';

describe('client in a browser', function () {
  this.timeout(90_000);
  const stage = openClientStage();

  it('sends, asks and listens', async () => {
    const server = await stage.start();
    const tab = await ClientPage.open(stage.context, server);
    expect(await tab.say('ü😀')).to.equal(1);
    server.sessions[0]?.send('news', { a: 1 });
    server.sessions[0]?.send('news', { a: 1 });
    expect(await tab.hears(2)).to.deep.equal([{ a: 1 }, { a: 1 }]);
    expect(server.heard).to.deep.equal(['ü😀']);
  });

  describe('laptop sleep', () => {
    it('keeps a line that is still there', async () => {
      const server = await stage.start();
      await stage.context.clock.install();
      const tab = await ClientPage.open(stage.context, server);
      const id = await tab.sessionId();
      for (let nights = 0; nights < 3; nights += 1) {
        await stage.context.clock.fastForward('08:00:00');
        expect(await tab.say('morning')).to.equal(nights + 1);
      }
      expect(await tab.sessionId()).to.equal(id);
      expect((await tab.changes()).map(({ status }) => status)).to.deep.equal(['connecting', 'open']);
    });

    it('leaves a line that died meanwhile, and opens another one', async () => {
      const server = await stage.start();
      await stage.context.clock.install();
      const tab = await ClientPage.open(stage.context, server, { pongTimeoutMs: 200, minBackoffMs: 20 });
      const id = await tab.sessionId();
      // The peer is gone without a word: nothing is read, nothing answered, nothing closed.
      server.sessions[0]?.socket.pause();
      await stage.context.clock.fastForward('08:00:00');
      await tab.isBack(id);
      expect((await tab.changes()).find(({ status }) => status === 'waiting')?.end?.reason).to.equal(
        'no answer to ping',
      );
      expect(await tab.say('morning')).to.equal(1);
    });
  });

  it('comes back after a restart of the server, and sends what was kept', async () => {
    const server = await stage.start();
    const tab = await ClientPage.open(stage.context, server, { minBackoffMs: 50, maxBackoffMs: 200 });
    const id = await tab.sessionId();
    await server.stop();
    await tab.is('waiting');
    await tab.send('kept');
    await server.start();
    await tab.isBack(id);
    expect(await tab.say('after')).to.equal(2);
    expect(server.heard).to.deep.equal(['kept', 'after']);
    const ended = (await tab.changes()).find(({ status }) => status === 'waiting');
    expect(ended?.end?.code).to.equal(1001);
    expect(ended?.retryInMs).to.be.within(0, 5000);
  });

  it('renews a login that ends while a message is typed: line, session and draft stay', async () => {
    let logins = 0;
    const server = await stage.start({ expiryWarningMs: 60_000 }, () => {
      logins += 1;
      return { id: 7, expiresAtMs: Date.now() + (logins === 1 ? 3000 : 3_600_000) };
    });
    const tab = await ClientPage.open(stage.context, server);
    const [session] = server.sessions;
    const endsAtMs = session?.loginUser.expiresAtMs ?? 0;
    await tab.page.locator('#draft').pressSequentially('half a mess');
    await tab.page.waitForFunction((ends) => Date.now() > ends + 1000, endsAtMs, { polling: 50 });
    await tab.page.locator('#draft').pressSequentially('age');
    const draft = await tab.page.locator('#draft').inputValue();
    expect(await tab.say(draft)).to.equal(1);
    expect(server.heard).to.deep.equal(['half a message']);
    expect(server.sessions).to.deep.equal([session]);
    expect(server.tokens).to.have.length(2);
    expect((await tab.changes()).map(({ status }) => status)).to.deep.equal(['connecting', 'open']);
  });

  it('is offline, keeps what is sent, and is back as soon as the network is', async () => {
    const server = await stage.start();
    // Only the event can bring it back in time: by itself it would wait for minutes.
    const tab = await ClientPage.open(stage.context, server, { minBackoffMs: 1e7, maxBackoffMs: 1e7 });
    const id = await tab.sessionId();
    await tab.page.evaluate(() => void (Math.random = () => 0.5));
    await stage.context.setOffline(true);
    server.sessions[0]?.socket.terminate();
    await tab.is('waiting');
    for (const content of [1, 2, 3]) await tab.send(content);
    await stage.context.setOffline(false);
    await tab.isBack(id);
    expect(await tab.say(4)).to.equal(4);
    expect(server.heard).to.deep.equal([1, 2, 3, 4]);
  });

  it('two tabs of one user have a line each; one that closes costs the other nothing', async () => {
    let noteClosed = (): void => undefined;
    const closed = new Promise<void>((resolve) => (noteClosed = resolve));
    const server = await stage.start({ onClose: () => noteClosed() });
    const [one, other] = [await ClientPage.open(stage.context, server), await ClientPage.open(stage.context, server)];
    expect(server.sessions).to.have.length(2);
    await server.realtime.sender.send({ userId: 7 }, 'news', 'both');
    expect([await one.hears(1), await other.hears(1)]).to.deep.equal([['both'], ['both']]);
    const id = await other.sessionId();
    await one.page.close();
    await closed;
    expect(await other.say('alone')).to.equal(1);
    expect(await other.sessionId()).to.equal(id);
    expect(server.sessions.map((session) => session.id)).to.deep.equal([id]);
  });
});

describe('client in the back/forward cache', function () {
  this.timeout(90_000);
  const stage = openClientStage({ hasCache: true });

  it('leaves its line when the page goes, and has a new one when it is back', async () => {
    let noteClosed = (): void => undefined;
    const closed = new Promise<void>((resolve) => (noteClosed = resolve));
    const server = await stage.start({ onClose: () => noteClosed() });
    const tab = await ClientPage.open(stage.context, server, { minBackoffMs: 50 });
    const id = await tab.sessionId();
    await tab.page.evaluate(() => Object.assign(globalThis, { isKept: true }));
    await tab.page.goto(`${server.url}/other`);
    await closed;
    expect(server.sessions).to.deep.equal([]);
    // The page is not loaded again, so there is no load to wait for.
    await tab.page.evaluate('history.back()').catch(() => undefined);
    await tab.page.waitForFunction(() => 'isKept' in globalThis, undefined, { polling: 50 });
    await tab.isBack(id);
    expect(await tab.say('back')).to.equal(1);
    expect(server.sessions).to.have.length(1);
  });
});
