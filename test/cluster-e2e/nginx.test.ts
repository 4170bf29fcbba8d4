import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import request from 'supertest';
import type { TestClient } from '../../lib/testing';
import { connect, refusal } from '../../lib/testing';
import { missingNginx, startNginx } from '../servers/nginx';
import type { NginxServer } from '../servers/nginx';
import { missingRedis, startRedis } from '../servers/redis';
import type { RedisServer } from '../servers/redis';
import { describeWithServer, freePorts } from '../servers/server';
import { ExampleCluster, login, pushByKey } from './example-cluster';

const SITE = join(__dirname, '../../example-app/nginx.conf');
const ADMINS = ['ada', 'amos'];
const MEMBERS = ['mia', 'max'];
const EVERYONE = { everyone: true, tenantId: 1 };

/** A tab, and which process holds it. */
interface Tab {
  readonly client: TestClient;
  readonly isOnRestarted: boolean;
}

describeWithServer('three processes of the example app behind nginx', missingNginx() ?? missingRedis(), function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let nginx: NginxServer;
  let cluster: ExampleCluster;
  let ports: readonly number[];

  before(async () => {
    redis = await startRedis();
    ports = await freePorts(3);
    cluster = new ExampleCluster(() => redis.url, { DRAIN_MS: '1000' });
    await Promise.all(ports.map((port, index) => cluster.start(index, port)));
    nginx = await startNginx(SITE, ports);
  });

  after(async () => {
    const codes = await cluster?.close();
    await nginx?.stop();
    await redis?.stop();
    if (codes) expect(codes).to.deep.equal([0, 0, 0]);
  });

  /** Opens tabs until each process holds some of them. */
  async function openTabs(count: number): Promise<TestClient[]> {
    const tokens = await Promise.all([...ADMINS, ...MEMBERS].map((name) => login(nginx.url, name)));
    const clients: TestClient[] = [];
    for (let tab = 0; tab < count; tab += 1) {
      clients.push(await cluster.tab(nginx.url, tokens[tab % tokens.length] ?? ''));
    }
    return clients;
  }

  it('spreads sockets over all processes, and a push through nginx reaches every one of them', async () => {
    const clients = await openTabs(9);
    const upstreams = new Set(nginx.accessLog().match(/127\.0\.0\.1:\d+/g));
    await pushByKey(nginx.url, { target: EVERYONE, type: 'hello', content: 1 }).expect(200);
    for (const client of clients) expect(await client.next('hello', { timeoutMs: 10_000 })).to.equal(1);
    expect(upstreams.size).to.equal(3);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('lets in a browser, whose Origin is the address of nginx, and no page of another site', async () => {
    const token = await login(nginx.url, 'mia');
    const from = (origin: string) => ({ token, path: '/ws', headers: { origin }, timeoutMs: 15_000 });
    await (await connect(nginx.url, from(nginx.url))).close();
    expect((await refusal(nginx.url, from('http://elsewhere.example'))).status).to.equal(403);
  });

  it('restarts a process under load: the users of the others lose nothing, its own are told 1012', async () => {
    const clients = await openTabs(12);
    const load = startLoad(nginx.url);
    await load.reached(20);
    const ended = cluster.end(0);
    // Those of the ended process are those that are told so.
    expect(await ended).to.equal(0);
    const sentWhileAway = load.accepted.length;
    await load.reached(sentWhileAway + 50);
    await cluster.start(0, ports[0]);
    await load.reached(load.accepted.length + 50);
    await load.stop();

    await pushByKey(nginx.url, { target: EVERYONE, type: 'marker', content: 1 }).expect(200);
    const tabs = await Promise.all(clients.map(sortOut));
    const gone = tabs.filter(({ isOnRestarted }) => isOnRestarted);
    const stayed = tabs.filter(({ isOnRestarted }) => !isOnRestarted);
    expect(gone.length).to.be.greaterThan(0);
    expect(stayed.length).to.be.greaterThan(0);
    for (const { client } of gone) expect((await client.closed).code).to.be.oneOf([1001, 1012]);
    for (const { client } of stayed) expect(await numbersOf(client, load.accepted)).to.deep.equal(load.accepted);
    // Though nginx repeats no POST: the page views beside them tell it in time which process leaves.
    expect(load.failed).to.deep.equal([]);

    // And the ended process's users are let in elsewhere.
    const back = await cluster.tab(nginx.url, await login(nginx.url, 'mia'));
    await pushByKey(nginx.url, { target: EVERYONE, type: 'welcome', content: 2 }).expect(200);
    expect(await back.next('welcome', { timeoutMs: 10_000 })).to.equal(2);
  });
});

describeWithServer('a process behind nginx', missingNginx(), () => {
  it('is told the Host that was asked for, the client’s address and its protocol, on both ways', async () => {
    const [port = 0] = await freePorts(1);
    const mirror = createServer((req, res) => res.end(JSON.stringify(req.headers)));
    await new Promise<void>((resolve) => mirror.listen(port, '127.0.0.1', resolve));
    const nginx = await startNginx(SITE, [port, port, port]);
    try {
      for (const path of ['/', '/ws']) {
        const { text } = await request(nginx.url).get(path).set('X-Forwarded-For', '192.0.2.1');
        expect(JSON.parse(text), path).to.include({
          host: new URL(nginx.url).host,
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-proto': 'http',
        });
      }
    } finally {
      await nginx.stop();
      mirror.closeAllConnections();
      mirror.close();
    }
  });
});

/** A tab that is still open gets the marker behind everything else. */
async function sortOut(client: TestClient): Promise<Tab> {
  const isOnRestarted = await Promise.race([
    client.closed.then(() => true),
    client.next('marker', { timeoutMs: 10_000 }).then(
      () => false,
      () => true,
    ),
  ]);
  return { client, isOnRestarted };
}

/**
 * The accepted numbers that a tab got, sorted: each came from whatever process nginx chose, and order is kept per process
 * only. For the same reason some may come behind the marker: the last of them are waited for.
 */
async function numbersOf(client: TestClient, accepted: readonly number[]): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < accepted.length) {
    const number = Number(await client.next('load', { timeoutMs: 10_000 }));
    if (accepted.includes(number)) numbers.push(number);
  }
  const more = client.unread.filter(({ type }) => type === 'load').map(({ content }) => Number(content));
  return [...numbers, ...more.filter((number) => accepted.includes(number))].sort((a, b) => a - b);
}

/** Pushes numbers one after the other through nginx, a page view before each, until it is stopped. */
interface Load {
  /** The numbers that were answered with 200, in order. */
  readonly accepted: number[];
  /** Answers other than 200, as `page|push number: status`. */
  readonly failed: string[];
  /** Resolves when so many were accepted. */
  reached(count: number): Promise<void>;
  stop(): Promise<void>;
}

function startLoad(url: string): Load {
  const accepted: number[] = [];
  const failed: string[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let isStopped = false;
  const run = async (): Promise<void> => {
    for (let number = 0; !isStopped; number += 1) {
      const page = await request(url).get('/');
      if (page.status !== 200) failed.push(`page ${number}: ${page.status}`);
      const { status } = await pushByKey(url, { target: EVERYONE, type: 'load', content: number });
      if (status === 200) accepted.push(number);
      else failed.push(`push ${number}: ${status}`);
      for (const { count, resolve } of waiting) if (accepted.length >= count) resolve();
    }
  };
  const ended = run();
  return {
    ...{ accepted, failed },
    reached: (count) =>
      new Promise((resolve, reject) => {
        waiting.push({ count, resolve });
        ended.catch(reject);
      }),
    stop: async () => {
      isStopped = true;
      await ended;
    },
  };
}
