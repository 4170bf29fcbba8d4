import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import request from 'supertest';
import { Database } from '../../example-app/database';

const MAIN = join(__dirname, '../../example-app/main.ts');

describe('example app: as a process', function () {
  this.timeout(30_000);
  const children: ChildProcess[] = [];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'example-start-'));
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts main.ts; `said` resolves with all that it printed, once that matches. */
  function start(env: NodeJS.ProcessEnv): { child: ChildProcess; said(pattern: RegExp): Promise<string> } {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
      env: { ...process.env, NODE_V8_COVERAGE: '', DATABASE: join(folder, 'deep/example.sqlite'), PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let output = '';
    const listeners = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        for (const listener of listeners) listener();
      });
    }
    const said = (pattern: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const check = () => pattern.test(output) && resolve(output);
        listeners.add(check);
        child.once('close', () => (check() ? undefined : reject(new Error(`it ended and said: ${output}`))));
        check();
      });
    return { child, said };
  }

  const addressIn = (text: string) => /http:\/\/[\d.:]+/.exec(text)?.[0] ?? '';

  it('prints its address, listens on 127.0.0.1 only, serves the page, and ends on SIGTERM', async () => {
    const { child, said } = start({});
    const url = addressIn(await said(/\n/));
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { text } = await request(url).get('/').expect(200);
    expect(text).to.contain('main.js');
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).to.equal(0);
  });

  it('says which port is taken and what to do, and ends with 1', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      const { child, said } = start({ PORT: String(port) });
      const exited = once(child, 'exit');
      expect(await said(/\n/))
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
    const [a, b] = await Promise.all([start({}), start({})].map(async ({ said }) => addressIn(await said(/http/))));
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
