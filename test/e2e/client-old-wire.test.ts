import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { build } from 'esbuild';
import express from 'express';
import type { Browser } from 'playwright-core';
import { attachRealtime } from '../../lib/index';
import { launchOrSkip } from './browser';

/** What the page counts. */
interface OldPage {
  readonly connected: number;
  readonly lost: number;
  readonly texts: readonly string[];
  send(text: string): void;
}

/** As pages of the old system connect: VueUse with its heartbeat, a text `ping` a second and a second for the answer. */
const PAGE = `
  import { useWebSocket } from '@vueuse/core';
  const page = (window.page = { connected: 0, lost: 0, texts: [], send: undefined });
  const { send } = useWebSocket(location.origin.replace('http', 'ws') + '/infra/ws?token=one', {
    autoReconnect: true,
    heartbeat: true,
    onConnected: () => (page.connected += 1),
    onDisconnected: () => (page.lost += 1),
    onMessage: (_socket, { data }) => page.texts.push(data),
  });
  page.send = send;`;

describe('old wire in a browser', function () {
  this.timeout(60_000);
  let browser: Browser;

  before(async function () {
    browser = await launchOrSkip(this);
  });

  after(() => browser?.close());

  it("VueUse's one-second heartbeat loses no connection while a handler is slow", async () => {
    const stdin = { contents: PAGE, resolveDir: __dirname };
    const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'iife', logLevel: 'silent' });
    const app = express();
    app.get('/', (_req, res) => void res.type('html').send('<script src="/page.js"></script>'));
    app.get('/page.js', (_req, res) => void res.type('text/javascript').send(outputFiles[0]?.text));
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const realtime = attachRealtime(server, { path: '/infra/ws', authenticate: () => ({ id: 7 }) });
    let finish = (): void => undefined;
    let begun = (): void => undefined;
    const running = new Promise<void>((resolve) => (begun = resolve));
    realtime.registry.on('slow', async (_content, session) => {
      begun();
      await new Promise<void>((resolve) => (finish = resolve));
      session.send('done', { slow: true });
    });

    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => (globalThis as unknown as { page: OldPage }).page.connected === 1);
    const [session] = realtime.hub.list();
    const send = (text: string) =>
      page.evaluate((each) => (globalThis as unknown as { page: OldPage }).page.send(each), text);
    await send('{"type":"slow","content":"{}"}');
    // Waits in the queue behind the slow one.
    await send('{"type":"slow","content":"{}"}');
    await running;
    await page.waitForFunction(
      () => (globalThis as unknown as { page: OldPage }).page.texts.filter((text) => text === 'pong').length >= 5,
    );
    finish();
    await page.waitForFunction(() =>
      (globalThis as unknown as { page: OldPage }).page.texts.includes('{"type":"done","content":"{\\"slow\\":true}"}'),
    );
    const { connected, lost, texts } = await page.evaluate(() => {
      const { connected, lost, texts } = (globalThis as unknown as { page: OldPage }).page;
      return { connected, lost, texts };
    });
    expect({ connected, lost }).to.deep.equal({ connected: 1, lost: 0 });
    expect(texts.filter((text) => text !== 'pong')).to.deep.equal(['{"type":"done","content":"{\\"slow\\":true}"}']);
    expect(realtime.hub.list()).to.deep.equal([session]);

    await page.close();
    await realtime.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
});
