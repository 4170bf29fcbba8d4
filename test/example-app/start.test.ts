import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import request from 'supertest';
import { Database } from '../../example-app/database';
import { ExampleProcess } from './example-process';

describe('example app: as a process', function () {
  this.timeout(30_000);
  const processes: ExampleProcess[] = [];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'example-start-'));
  });

  afterEach(() => {
    for (const { child } of processes.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  function start(env: NodeJS.ProcessEnv = {}): ExampleProcess {
    const started = new ExampleProcess({ DATABASE: join(folder, 'deep/example.sqlite'), ...env });
    processes.push(started);
    return started;
  }

  it('prints its address, listens on 127.0.0.1 only, serves the page, and ends on SIGTERM', async () => {
    const started = start();
    const url = await started.address();
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { text } = await request(url).get('/').expect(200);
    expect(text).to.contain('main.js');
    expect(await started.end()).to.equal(0);
  });

  it('says which port is taken and what to do, and ends with 1', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      const started = start({ PORT: String(port) });
      const exited = once(started.child, 'exit');
      expect(await started.said(/\n/))
        .to.contain(`Port ${port} is taken`)
        .and.contain('npm start')
        .and.not.contain('at ');
      expect((await exited)[0]).to.equal(1);
    } finally {
      holder.close();
    }
  });

  it('makes a new secret at each start: a login of one process is refused by another', async () => {
    const tokenOf = async (url: string) => {
      const credentials = { username: 'ada', password: 'ada-demo' };
      return (await request(url).post('/api/login').send(credentials)).body.token as string;
    };
    const statusOf = (url: string, token: string) =>
      request(url)
        .get('/api/me')
        .set('Authorization', `Bearer ${token}`)
        .then(({ status }) => status);
    const [a, b] = await Promise.all([start(), start()].map((started) => started.address()));
    const token = await tokenOf(a ?? '');
    expect(await statusOf(a ?? '', token)).to.equal(200);
    expect(await statusOf(b ?? '', token)).to.equal(401);
  });

  it('opens a database whose lock was left by a process that was killed', () => {
    const file = join(folder, 'killed.sqlite');
    new Database(file).close();
    mkdirSync(`${file}.lock`);
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(`${file}.lock`, longAgo, longAgo);
    const database = new Database(file);
    expect(database.all('SELECT * FROM notices')).to.deep.equal([]);
    database.close();
    expect(existsSync(`${file}.lock`)).to.equal(false);
  });
});
