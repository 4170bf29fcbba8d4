import { randomUUID } from 'node:crypto';
import request from 'supertest';
import { connect } from '../../lib/testing';
import type { TestClient } from '../../lib/testing';
import { ExampleServer } from '../e2e/example-server';

/** The example app as its pages see it: requests and sockets of users. */
export class Desk {
  readonly #clients: TestClient[] = [];
  #server: ExampleServer | undefined;

  get server(): ExampleServer {
    if (!this.#server) throw new Error('the server starts before each test');
    return this.#server;
  }

  async open(): Promise<void> {
    this.#server = await new ExampleServer().start();
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    await this.#server?.remove();
  }

  /** @returns the token of a demo user. */
  async login(username: string): Promise<string> {
    const credentials = { username, password: `${username}-demo` };
    const { body } = await request(this.server.url).post('/api/login').send(credentials).expect(200);
    return body.token;
  }

  async connect(token: string): Promise<TestClient> {
    const client = await connect(this.server.app.server, { token, tokenIn: 'protocol' });
    this.#clients.push(client);
    return client;
  }

  get(token: string, path: string): request.Test {
    return request(this.server.url).get(path).set('Authorization', `Bearer ${token}`);
  }

  post(token: string, path: string, body: object): request.Test {
    return request(this.server.url).post(path).set('Authorization', `Bearer ${token}`).send(body);
  }

  /** Writes in a conversation of customer service. */
  say(token: string, conversationId: number, content: string, clientMessageId: string = randomUUID()): request.Test {
    const path = `/api/customer-service/conversations/${conversationId}/messages`;
    return this.post(token, path, { content, clientMessageId });
  }

  /** Asks the chat handler. @returns its answer. */
  async chat(client: TestClient, content: object): Promise<unknown> {
    client.socket.send(JSON.stringify({ type: 'demo-message-send', id: 1, content }));
    return client.next('$reply');
  }
}

/** A desk for the tests of the describe block that calls it, new for each. */
export function openDesk(): Desk {
  const desk = new Desk();
  beforeEach(() => desk.open());
  afterEach(() => desk.close());
  return desk;
}

/** The types of what a client got and nobody has looked at. */
export function unreadTypes(client: TestClient): string[] {
  return client.unread.map(({ type }) => String(type));
}
