import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { connect } from '../../lib/testing';
import type { TestClient } from '../../lib/testing';
import { ExampleProcess } from '../example-app/example-process';

/** What other services show to the sender API of the processes. */
export const PUSH_KEY = 'the key of the tests';

/** Processes of the example app that share a database, a secret and a broker. */
export class ExampleCluster {
  readonly #folder = mkdtempSync(join(tmpdir(), 'example-cluster-'));
  readonly #processes = new Map<number, ExampleProcess>();
  readonly #clients: TestClient[] = [];
  readonly #brokerUrl: (index: number) => string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param brokerUrl the `BROKER` of each process. */
  constructor(brokerUrl: (index: number) => string, env: NodeJS.ProcessEnv = {}) {
    this.#brokerUrl = brokerUrl;
    this.#env = env;
  }

  /** Starts a process, or starts it again. @returns its address, once it hears the others. */
  async start(index: number, port = 0): Promise<string> {
    const started = new ExampleProcess({
      BROKER: this.#brokerUrl(index),
      DATABASE: join(this.#folder, 'example.sqlite'),
      JWT_SECRET: 'one for all',
      PORT: String(port),
      PUSH_KEY,
      ...this.#env,
    });
    this.#processes.set(index, started);
    const address = await started.address();
    await started.said(/are heard/);
    return address;
  }

  /** SIGTERM; resolves to the exit code once the process is gone. */
  async end(index: number): Promise<number | null | undefined> {
    return this.#processes.get(index)?.end();
  }

  /** Closes clients and processes. @returns the exit codes. */
  async close(): Promise<(number | null)[]> {
    await Promise.all(this.#clients.map((client) => client.close()));
    const codes = await Promise.all([...this.#processes.values()].map((each) => each.end()));
    rmSync(this.#folder, { recursive: true, force: true });
    return codes;
  }

  /** Opens a tab of a user. */
  async tab(url: string, token: string): Promise<TestClient> {
    const client = await connect(url, { token, path: '/ws', tokenIn: 'protocol', timeoutMs: 15_000 });
    this.#clients.push(client);
    return client;
  }
}

/** @returns the token of a demo user. */
export async function login(url: string, username: string): Promise<string> {
  const credentials = { username, password: `${username}-demo` };
  const { body } = await request(url).post('/api/login').send(credentials).expect(200);
  return body.token;
}

/** A request of a logged-in user. */
export function post(url: string, token: string, path: string, body: object): request.Test {
  return request(url).post(path).set('Authorization', `Bearer ${token}`).send(body);
}

/** A push through the sender API, as another service does it. */
export function pushByKey(url: string, body: object): request.Test {
  return request(url).post('/realtime/send').set('x-api-key', PUSH_KEY).send(body);
}
