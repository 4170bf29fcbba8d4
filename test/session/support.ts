import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import express from 'express';
import { WebSocket } from 'ws';
import { RealtimeError, attachRealtime } from '../../lib/index';
import type {
  CloseInfo,
  LoginUser,
  LoginUserInput,
  Realtime,
  RealtimeEvent,
  RealtimeOptions,
  Session,
} from '../../lib/index';
import { TLS_IDENTITY } from './tls-identity';

export type AnySession = Session<LoginUser | null>;

/** A message as the plain wire brings it, its content parsed. */
export interface Message {
  readonly type: string;
  readonly content: unknown;
}

export interface ClosedSession {
  readonly session: AnySession;
  readonly info: CloseInfo;
}

/** One attach on a server of its own, with everything that its hooks were told. */
export interface TestServer {
  readonly realtime: Realtime;
  readonly http: http.Server;
  readonly port: number;
  readonly opened: AnySession[];
  readonly closed: ClosedSession[];
  readonly events: RealtimeEvent[];
  readonly errors: Error[];
  /** The TCP (or TLS) sockets of the server, in the order in which they came. */
  readonly sockets: Socket[];
  url(user: LoginUserInput | null): string;
  connect(user: LoginUserInput): Promise<TestClient>;
  /** Resolves once the hook `onClose` has been called `count` times in all. */
  closings(count: number): Promise<void>;
  /** Resolves once `onEvent` was told `count` events of this name in all. */
  told(name: RealtimeEvent['name'], count?: number): Promise<void>;
  stop(): Promise<void>;
}

const running = new Set<TestServer>();
let connections = 0;

/** Starts a server whose sockets log in with a token that is the LoginUser itself. */
export async function startServer(
  options: Partial<RealtimeOptions> = {},
  { isTls = false, createApp = express }: { isTls?: boolean; createApp?: () => http.RequestListener } = {},
): Promise<TestServer> {
  const app = createApp();
  const server = isTls ? https.createServer(TLS_IDENTITY, app) : http.createServer(app);
  const sockets: Socket[] = [];
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const told = new Waiters();
  const opened: AnySession[] = [];
  const closed: ClosedSession[] = [];
  const events: RealtimeEvent[] = [];
  const errors: Error[] = [];
  const realtime = attachRealtime(server, {
    authenticate: (req) => readToken(req),
    ...options,
    onOpen: (session) => {
      opened.push(session);
      options.onOpen?.(session);
    },
    onClose: (session, info) => {
      closed.push({ session, info });
      options.onClose?.(session, info);
      told.look();
    },
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
      told.look();
    },
    onError: (error, origin) => {
      errors.push(error);
      options.onError?.(error, origin);
    },
  });
  const url = (user: LoginUserInput | null) => {
    const query = user === null ? '' : `?token=${tokenOf(user)}`;
    return `${isTls ? 'wss' : 'ws'}://127.0.0.1:${port}${options.path ?? '/ws'}${query}`;
  };
  const test: TestServer = {
    realtime,
    http: server,
    port,
    opened,
    closed,
    events,
    errors,
    sockets,
    url,
    connect: async (user) => {
      connections += 1;
      const nonce = connections;
      const client = new TestClient(
        new WebSocket(url({ ...user, nonce } as LoginUserInput), { rejectUnauthorized: false }),
      );
      await once(client.ws, 'open');
      const session = opened.find(({ loginUser }) => (loginUser as { nonce?: number } | null)?.nonce === nonce);
      if (session === undefined) throw new Error('the socket is open, but onOpen was not told');
      client.session = session;
      return client;
    },
    closings: (count) => told.until(() => closed.length >= count),
    told: (name, count = 1) => told.until(() => events.filter((event) => event.name === name).length >= count),
    stop: async () => {
      running.delete(test);
      await realtime.close();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  running.add(test);
  return test;
}

/** Stops what the test started: for `afterEach`. */
export async function stopServers(): Promise<void> {
  for (const client of clients) client.ws.terminate();
  clients.clear();
  await Promise.all([...running].map((server) => server.stop()));
}

const clients = new Set<TestClient>();

/** A `ws` client that keeps what it got, so that nothing is missed. */
export class TestClient {
  readonly ws: WebSocket;
  #session: AnySession | undefined;
  /** Everything that came, in order. */
  readonly texts: string[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #waiters = new Waiters();
  #read = 0;

  constructor(ws: WebSocket) {
    this.ws = ws;
    clients.add(this);
    ws.on('message', (data: Buffer) => {
      this.texts.push(data.toString('utf8'));
      this.#waiters.look();
    });
    ws.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        clients.delete(this);
        resolve({ code, reason: reason.toString('utf8') });
        this.#waiters.look();
      });
    });
  }

  /** The session on the server's side. */
  get session(): AnySession {
    if (this.#session === undefined) throw new Error('not connected by a test server');
    return this.#session;
  }

  set session(session: AnySession) {
    this.#session = session;
  }

  get messages(): Message[] {
    return this.texts.filter((text) => text !== 'pong').map(parseMessage);
  }

  /** The next text that was not read yet. */
  async nextText(): Promise<string> {
    await this.#until(() => this.texts.length > this.#read);
    const text = this.texts[this.#read] ?? '';
    this.#read += 1;
    return text;
  }

  async next(): Promise<Message> {
    return parseMessage(await this.nextText());
  }

  /** Resolves once `count` texts have come in all. */
  async got(count: number): Promise<void> {
    await this.#until(() => this.texts.length >= count);
  }

  /** Sends a text ping and waits for its pong: all that the server had queued before has come then. */
  async settle(): Promise<void> {
    const pongs = () => this.texts.filter((text) => text === 'pong').length;
    const before = pongs();
    this.ws.send('ping');
    await this.#until(() => pongs() > before);
  }

  /** Rejects when the socket closes before that. */
  async #until(isMet: () => boolean): Promise<void> {
    await this.#waiters.until(() => isMet() || this.ws.readyState === WebSocket.CLOSED);
    if (!isMet()) throw new Error(`the socket closed after ${this.texts.length} texts`);
  }

  send(type: string, content: unknown): void {
    this.ws.send(JSON.stringify({ type, content: JSON.stringify(content) }));
  }
}

/** Conditions that are looked at whenever something happened. */
export class Waiters {
  #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isMet, resolve }));
  }

  look(): void {
    for (const waiter of this.#waiting.filter(({ isMet }) => isMet())) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

/** The first text frame a receiver sees for a message of the plain wire. */
export function parseMessage(text: string): Message {
  const { type, content } = JSON.parse(text) as { type: string; content: string };
  return { type, content: JSON.parse(content) };
}

export function tokenOf(user: LoginUserInput): string {
  return Buffer.from(JSON.stringify(user)).toString('base64url');
}

function readToken(req: http.IncomingMessage): LoginUserInput | null {
  const query = new URL(req.url ?? '', 'http://localhost').searchParams.get('token');
  if (query === null) return null;
  return JSON.parse(Buffer.from(query, 'base64url').toString('utf8')) as LoginUserInput;
}

/** What the server's side of a target looks like: the ids of its sessions. */
export function idsOf(sessions: readonly AnySession[]): string[] {
  return sessions.map(({ id }) => id).sort();
}

/** The code of the RealtimeError that a call throws; `undefined` when it throws none. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof RealtimeError) return error.code;
    throw error;
  }
  return undefined;
}
