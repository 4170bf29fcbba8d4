import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import express from 'express';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { ClientStatus, RealtimeClient, StatusChange } from '../../lib/client/index';
import type { LoginUserInput, Realtime, RealtimeOptions, Session } from '../../lib/index';
import { attachRealtime } from '../../lib/index';
import { launchOrSkip } from './browser';

/** What the test page keeps in `window`. */
export interface PageState {
  readonly client: RealtimeClient;
  readonly changes: StatusChange[];
  readonly heard: unknown[];
}

const root = join(__dirname, '..', '..');

/** A server with the client and one page that uses it; restarts on its port. */
export class ClientServer {
  readonly #options: Partial<RealtimeOptions>;
  readonly #user: () => LoginUserInput;
  readonly tokens: string[] = [];
  readonly heard: unknown[] = [];
  #running: { readonly server: Server; readonly realtime: Realtime } | undefined;
  #port = 0;

  /** @param user whom a token stands for at the moment it is fetched. */
  constructor(options: Partial<RealtimeOptions> = {}, user: () => LoginUserInput = () => ({ id: 7 })) {
    this.#options = options;
    this.#user = user;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get realtime(): Realtime {
    if (this.#running === undefined) throw new Error('the server is not running');
    return this.#running.realtime;
  }

  get sessions(): readonly Session[] {
    return this.realtime.hub.list() as Session[];
  }

  async start(): Promise<this> {
    const script = await clientScript();
    const app = express();
    app.get('/client.js', (_req, res) => void res.type('text/javascript').send(script));
    app.get('/token', (_req, res) => {
      const token = Buffer.from(JSON.stringify(this.#user())).toString('base64url');
      this.tokens.push(token);
      res.set('cache-control', 'no-store').send(token);
    });
    app.get('/other', (_req, res) => void res.type('html').send('<p>another page</p>'));
    app.get('/', (req, res) => void res.type('html').send(pageOf(JSON.stringify(req.query))));
    const server = createServer(app);
    const realtime = attachRealtime(server, {
      authenticate: ({ headers }) => {
        const token = headers.authorization?.slice('Bearer '.length) ?? '';
        return token === '' ? null : (JSON.parse(Buffer.from(token, 'base64url').toString()) as LoginUserInput);
      },
      onError: () => undefined,
      ...this.#options,
    });
    realtime.registry.on('say', (content) => {
      this.heard.push(content);
      return this.heard.length;
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#running = { server, realtime };
    return this;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    await running.realtime.close();
    running.server.closeAllConnections();
    running.server.close();
    await once(running.server, 'close');
  }
}

let script: Promise<string> | undefined;

function clientScript(): Promise<string> {
  const entryPoints = [join(root, 'lib', 'client', 'index.ts')];
  script ??= build({ entryPoints, bundle: true, write: false, format: 'esm', target: 'es2020' }).then(
    ({ outputFiles }) => outputFiles[0]?.text ?? '',
  );
  return script;
}

/** The query of the page are options of its client, numbers as text. */
function pageOf(query: string): string {
  return `<!doctype html><title>client</title><input id="draft">
    <script type="module">
      import { connect } from '/client.js';
      const numbers = Object.entries(${query}).map(([key, value]) => [key, Number(value)]);
      const token = async () => (await fetch('/token')).text();
      window.changes = [];
      window.heard = [];
      window.client = connect('/ws', { token, onError() {}, ...Object.fromEntries(numbers) });
      window.client.onStatus((change) => window.changes.push(change));
      window.client.on('news', (content) => window.heard.push(content));
    </script>`;
}

/** A page of a {@link ClientServer}. */
export class ClientPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Opens the page, with options of its client, once its line is open. */
  static async open(
    context: BrowserContext,
    { url }: ClientServer,
    options: Readonly<Record<string, number>> = {},
  ): Promise<ClientPage> {
    const opened = new ClientPage(await context.newPage());
    const query = new URLSearchParams(
      Object.entries(options).map(([key, value]): [string, string] => [key, `${value}`]),
    );
    await opened.page.goto(`${url}/?${query.toString()}`);
    await opened.is('open');
    return opened;
  }

  /** Waits until the client has this status. */
  async is(status: ClientStatus): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => (globalThis as unknown as PageState).client?.status === wanted,
      status,
      { polling: 20 },
    );
  }

  /** Waits until the client is open on another session than this one. */
  async isBack(former: string): Promise<void> {
    await this.page.waitForFunction(
      (id) => {
        const { client } = globalThis as unknown as PageState;
        return client.status === 'open' && client.sessionId !== id;
      },
      former,
      { polling: 20 },
    );
  }

  async hears(count: number): Promise<unknown[]> {
    await this.page.waitForFunction((wanted) => (globalThis as unknown as PageState).heard.length >= wanted, count, {
      polling: 20,
    });
    return this.page.evaluate(() => (globalThis as unknown as PageState).heard);
  }

  sessionId(): Promise<string> {
    return this.page.evaluate(() => String((globalThis as unknown as PageState).client.sessionId));
  }

  changes(): Promise<StatusChange[]> {
    return this.page.evaluate(() => (globalThis as unknown as PageState).changes);
  }

  /** Asks the server, and resolves to its reply. */
  say(content: unknown): Promise<unknown> {
    return this.page.evaluate((each) => (globalThis as unknown as PageState).client.request('say', each), content);
  }

  /** Sends without waiting for anything. */
  send(content: unknown): Promise<boolean> {
    return this.page.evaluate((each) => (globalThis as unknown as PageState).client.send('say', each), content);
  }
}

/** A browser for the tests of the describe block that calls it, and a new context and server for each. */
export interface ClientStage {
  readonly context: BrowserContext;
  start(...args: ConstructorParameters<typeof ClientServer>): Promise<ClientServer>;
}

/** Sets a {@link ClientStage} up. @param hasCache keeps pages in the back/forward cache, as browsers of users do. */
export function openClientStage({ hasCache = false } = {}): ClientStage {
  const servers: ClientServer[] = [];
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;

  before(async function () {
    browser = await launchOrSkip(this, hasCache ? { ignoreDefaultArgs: ['--disable-back-forward-cache'] } : {});
  });

  after(() => browser?.close());

  beforeEach(async () => {
    context = await browser?.newContext();
    context?.setDefaultTimeout(30_000);
  });

  afterEach(async () => {
    await context?.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  return {
    get context() {
      if (context === undefined) throw new Error('the browser starts before the tests');
      return context;
    },
    start: (...args) => {
      const server = new ClientServer(...args);
      servers.push(server);
      return server.start();
    },
  };
}
