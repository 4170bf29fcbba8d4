import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import request from 'supertest';
import { connect } from '../../lib/testing';
import type { TestClient } from '../../lib/testing';
import type { RedisServer } from '../servers/redis';
import { missingRedis, startRedis } from '../servers/redis';
import { ExampleProcess } from './example-process';

const MIA = 3;

describe('example app: two processes on one Redis', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'example-processes-'));
  const processes: ExampleProcess[] = [];
  const clients: TestClient[] = [];
  let redis: RedisServer | undefined;
  let urls: readonly [string, string];

  before(async function () {
    const missing = missingRedis();
    if (missing !== undefined) {
      if (process.env.CI) throw new Error(missing);
      console.warn(`      skipped: ${missing}`);
      this.skip();
    }
    redis = await startRedis();
    const env = { BROKER: redis.url, JWT_SECRET: 'one for both', DATABASE: join(folder, 'example.sqlite') };
    processes.push(new ExampleProcess(env), new ExampleProcess(env));
    const [first = '', second = ''] = await Promise.all(processes.map((each) => each.address()));
    await Promise.all(processes.map((each) => each.said(/are heard/)));
    urls = [first, second];
  });

  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    const codes = await Promise.all(processes.map((each) => each.end()));
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
    if (redis) expect(codes).to.deep.equal([0, 0]);
  });

  async function login(url: string, username: string): Promise<string> {
    const { body } = await request(url)
      .post('/api/login')
      .send({ username, password: `${username}-demo` })
      .expect(200);
    return body.token;
  }

  const post = (url: string, token: string, path: string, body: object) =>
    request(url).post(path).set('Authorization', `Bearer ${token}`).send(body);

  it('carries notices, chat and customer service from one to the other, and the history is the same', async () => {
    const [a, b] = urls;
    const [ada, mia, bea] = [await login(a, 'ada'), await login(b, 'mia'), await login(b, 'bea')];
    const [adaTab, miaTab, beaTab] = [
      await connect(a, { token: ada, path: '/ws', tokenIn: 'protocol' }),
      await connect(b, { token: mia, path: '/ws', tokenIn: 'protocol' }),
      await connect(b, { token: bea, path: '/ws', tokenIn: 'protocol' }),
    ];
    clients.push(adaTab, miaTab, beaTab);

    const { body: draft } = await post(a, ada, '/api/notices', { title: 'Everywhere', content: 'x' }).expect(201);
    const { body: pushed } = await post(a, ada, `/api/notices/${draft.id}/push`, {}).expect(200);
    expect(pushed.reached).to.equal(1);
    expect(await miaTab.next('notice-push')).to.deep.equal(pushed.notice);

    adaTab.send('demo-message-send', { text: 'hello over there', toUserId: MIA });
    expect(await miaTab.next('demo-message-receive')).to.include({ text: 'hello over there', single: true });

    const messages = `/api/customer-service/conversations/${MIA}/messages`;
    const message = { content: 'Is anybody there?', clientMessageId: randomUUID() };
    const { body: stored } = await post(b, mia, messages, message).expect(201);
    expect(await adaTab.next('kefu_message_type')).to.deep.equal(stored);
    const history = await request(a).get(messages).set('Authorization', `Bearer ${ada}`).expect(200);
    expect(history.body).to.deep.equal([stored]);

    beaTab.send('demo-message-send', { text: 'marker' });
    await beaTab.next('demo-message-receive');
    expect(beaTab.unread.map(({ type }) => type)).to.not.include.members(['notice-push']);
  });
});
