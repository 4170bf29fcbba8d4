import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import request from 'supertest';
import type { AppOptions, ExampleApp } from '../../example-app/app';
import { createApp } from '../../example-app/app';
import { connect, memoryBus, refusal } from '../../lib/testing';

describe('example app: when something goes away', () => {
  let folder: string;
  let app: ExampleApp;
  let closed: Promise<void> | undefined;
  let url: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'example-leaving-'));
    closed = undefined;
  });

  afterEach(async () => {
    await (closed ?? app.close());
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(options: Partial<AppOptions>): Promise<void> {
    app = createApp({ databaseFile: join(folder, 'example.sqlite'), jwtSecret: 'a secret', ...options });
    app.server.listen(0, '127.0.0.1');
    await once(app.server, 'listening');
    url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    await app.realtime.ready;
  }

  async function login(username: string): Promise<string> {
    const { body } = await request(url)
      .post('/api/login')
      .send({ username, password: `${username}-demo` })
      .expect(200);
    return body.token;
  }

  const post = (token: string, path: string, body: object) =>
    request(url).post(path).set('Authorization', `Bearer ${token}`).send(body);

  it('keeps a read mark, and tells the tabs of this process, while the broker is away', async () => {
    const bus = memoryBus();
    await start({ broker: bus.broker() });
    const [ada, mia] = [await login('ada'), await login('mia')];
    const tab = await connect(url, { token: mia, tokenIn: 'protocol' });
    const { body: notice } = await post(ada, '/api/notices', { title: 'a', content: 'b' }).expect(201);
    bus.down();
    await post(ada, `/api/notices/${notice.id}/push`, {}).expect(200);
    await post(mia, '/api/notices/read', { upTo: 1 }).expect(200, { readUpTo: 1 });
    expect(await tab.next('notice-read')).to.deep.equal({ readUpTo: 1 });
    await tab.close();
  });

  it('lets no new socket in while the process leaves: 503, so that a gateway asks another one', async () => {
    await start({ drainMs: 1000 });
    const token = await login('mia');
    const tab = await connect(url, { token, tokenIn: 'protocol' });
    closed = app.close();
    expect((await refusal(url, { token, tokenIn: 'protocol' })).status).to.equal(503);
    expect(tab.socket.readyState).to.equal(tab.socket.OPEN);
    expect((await tab.closed).code).to.equal(1012);
  });
});
