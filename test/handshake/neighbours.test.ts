import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { createServer as createVite } from 'vite';
import type { ViteDevServer } from 'vite';
import type { WebSocket } from 'ws';
import { TLS_IDENTITY } from '../session/tls-identity';
import { jwtFor, jwtPassport } from './passport-support';
import { attempt, closeAll, expectServed, listen, listenTls, open, openDoor, portOf, started } from './support';

describe('servers and neighbours', () => {
  afterEach(closeAll);

  it('works on an https server', async () => {
    const app = express();
    const server = await listenTls(TLS_IDENTITY, app);
    const door = openDoor(server, { app, passport: jwtPassport() });
    const token = jwtFor({ sub: '7' });
    await expectServed(server, { token });
    await expectServed(server, { token, headers: { origin: `https://127.0.0.1:${portOf(server)}` } });
    expect((await attempt(server, { token: 'junk' })).status).to.equal(401);
    expect((await attempt(server, { path: '/other' })).status).to.equal(404);
    expect(door.logins).to.have.length(2);
  });

  it("works on what app.listen() returns, beside the app's own routes", async () => {
    const app = express();
    app.get('/ws', (_req, res) => res.send('a page of the same path'));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      openDoor(server, { app });
      await expectServed(server);
      expect(await (await fetch(`http://127.0.0.1:${portOf(server)}/ws`)).text()).to.equal('a page of the same path');
    } finally {
      await closeAll();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  });

  for (const [title, path, pathRewrite] of [
    ['that strips its prefix', '/ws', { '^/api': '' }],
    ['that keeps its prefix', '/api/ws', {}],
  ] as const) {
    it(`works behind a proxy ${title}`, async () => {
      const inner = await listen();
      const door = openDoor(inner, { path });
      const target = `http://127.0.0.1:${portOf(inner)}`;
      const proxy = createProxyMiddleware({ target, pathRewrite });
      const outer = createServer();
      outer.on('upgrade', (req, socket, head) => proxy.upgrade(req, socket as never, head));
      await started(outer);
      await expectServed(outer, { path: '/api/ws?x=1' });
      expect((await attempt(outer, { path: '/api/ws', token: 'bad' })).status).to.equal(401);
      expect(door.refusals()).to.deep.equal(['401 unauthenticated']);
    });
  }

  it('works beside http-proxy-middleware with ws: true, which grabs every upgrade that it sees', async () => {
    const upstream = await listen();
    openDoor(upstream, { path: '/theirs' });
    const app = express();
    app.use(createProxyMiddleware({ target: `http://127.0.0.1:${portOf(upstream)}`, ws: true }));
    const server = await started(createServer(app));
    const door = openDoor(server, { app });
    // The first plain request makes the proxy listen for upgrades.
    await fetch(`http://127.0.0.1:${portOf(server)}/`);
    expect(server.listenerCount('upgrade')).to.be.above(1);
    for (let round = 0; round < 5; round += 1) {
      await expectServed(server);
      await expectServed(server, { path: '/theirs' });
    }
    expect((await attempt(server, { token: 'bad' })).status).to.equal(401);
    expect(door.admitted).to.have.length(5);
  });
});

describe('a Vite dev server on the same server', () => {
  let vite: ViteDevServer;
  let root: string;
  let server: Server;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'handshake-vite-'));
    writeFileSync(join(root, 'index.html'), '<script type="module" src="/main.js"></script>');
    writeFileSync(join(root, 'main.js'), 'import.meta.hot.accept()');
    const app = express();
    server = createServer(app);
    vite = await createVite({
      root,
      configFile: false,
      logLevel: 'silent',
      server: { middlewareMode: true, hmr: { server } },
      optimizeDeps: { noDiscovery: true },
    });
    app.use(vite.middlewares);
    await started(server);
  });

  afterEach(async () => {
    await vite.close();
    await closeAll();
    rmSync(root, { recursive: true, force: true });
  });

  for (const path of ['/ws', '/']) {
    it(`keeps its HMR socket, and leaves us ours at ${path}`, async () => {
      const door = openDoor(server, { path });
      const token = viteToken(vite);
      const hmr = await open(server, { path: `/?token=${token}`, protocols: ['vite-hmr'] });
      expect(hmr.protocol).to.equal('vite-hmr');
      await expectServed(server, { path });
      await expectServed(server, { path, protocols: ['express-realtime.v1'] });
      const update = messageOf(hmr, '"full-reload"');
      vite.ws.send({ type: 'full-reload' });
      expect(await update).to.contain('full-reload');
      expect((await attempt(server, { path, token: 'bad' })).status).to.equal(401);
      expect(door.admitted).to.have.length(2);
    });
  }

  it('keeps its HMR socket after we closed', async () => {
    const door = openDoor(server);
    door.handshake.close();
    const hmr = await open(server, { path: `/?token=${viteToken(vite)}`, protocols: ['vite-hmr'] });
    const update = messageOf(hmr, '"full-reload"');
    vite.ws.send({ type: 'full-reload' });
    await update;
  });
});

/** The secret that Vite's own page gives its client. */
function viteToken(vite: ViteDevServer): string {
  return (vite.config as unknown as { webSocketToken: string }).webSocketToken;
}

async function messageOf(client: WebSocket, part: string): Promise<string> {
  return new Promise((resolve) => {
    client.on('message', (data: Buffer) => {
      const text = data.toString('utf8');
      if (text.includes(part)) resolve(text);
    });
  });
}
