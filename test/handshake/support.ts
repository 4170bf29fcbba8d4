import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import type { Handshake, HandshakeHooks, HandshakeSettings } from '../../lib/handshake/handshake';
import { openHandshake } from '../../lib/handshake/open-handshake';
import type { RealtimeEvent } from '../../lib/model/events';
import type { LoginUser } from '../../lib/model/login-user';
import type { OpenedSocket } from '../../lib/session/open-session';

/** The headers of a good handshake, but for `Host`. */
export const UPGRADE_HEADERS: readonly string[] = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

const SETTINGS: HandshakeSettings = {
  path: '/ws',
  app: undefined,
  passport: undefined,
  strategy: 'jwt',
  authenticate: undefined,
  tickets: undefined,
  toLoginUser: undefined,
  multiTenant: false,
  middleware: [],
  origins: 'same',
  anonymous: false,
  authTimeoutMs: 5000,
  tokenFrom: ['header', 'protocol', 'query'],
  maxSessions: 0,
  maxSessionsPerUser: 0,
  maxSessionsPerUserPolicy: 'refuse',
  maxSessionsPerAddress: 0,
  maxPendingUpgrades: 0,
  maxPayloadBytes: 65536,
  protocols: ['express-realtime.v1'],
};

/** Who comes in when a test does not care: the token is the id. */
export function authenticateByToken(req: IncomingMessage): { id: string } | null {
  const [, id] = /^Bearer (\w+)$/.exec(req.headers.authorization ?? '') ?? [];
  return id === undefined || id === 'bad' ? null : { id };
}

/** A door with the smallest of sessions behind it: each echoes what it gets. */
export interface TestDoor {
  readonly handshake: Handshake;
  readonly sessions: Set<WebSocket>;
  readonly admitted: OpenedSocket[];
  readonly logins: (LoginUser | null)[];
  readonly events: RealtimeEvent[];
  readonly errors: Error[];
  /** The events' names and reasons: `401 unauthenticated`. */
  refusals(): string[];
  hints(): string[];
}

export type Overrides = { -readonly [K in keyof HandshakeSettings]?: HandshakeSettings[K] };

/** Opens a door on a server; `authenticate` is {@link authenticateByToken} when no passport is given. */
export function openDoor(server: Server, overrides: Overrides = {}, hooks: Partial<HandshakeHooks> = {}): TestDoor {
  const sessions = new Set<WebSocket>();
  const users = new Map<WebSocket, LoginUser | null>();
  const admitted: OpenedSocket[] = [];
  const events: RealtimeEvent[] = [];
  const errors: Error[] = [];
  const isOf = (ws: WebSocket, user: LoginUser): boolean => users.get(ws)?.id === user.id;
  const settings = { ...SETTINGS, ...overrides };
  if (settings.passport === undefined) settings.authenticate ??= authenticateByToken;
  const handshake = openHandshake(server, settings, {
    sessions: {
      total: () => sessions.size,
      ofUser: (user) => [...sessions].filter((ws) => isOf(ws, user)).length,
      replaceOldest: (user) => {
        const oldest = [...sessions].find((ws) => isOf(ws, user));
        if (oldest === undefined) return;
        sessions.delete(oldest);
        oldest.close(4409, 'replaced');
      },
    },
    onAdmitted: (admission) => {
      const { ws, loginUser } = admission;
      admitted.push(admission);
      sessions.add(ws);
      users.set(ws, loginUser);
      ws.on('error', () => undefined);
      ws.on('message', (data: Buffer) => ws.send(data.toString('utf8')));
      ws.on('close', () => sessions.delete(ws));
    },
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
    ...hooks,
  });
  return {
    handshake,
    sessions,
    admitted,
    events,
    errors,
    get logins() {
      return admitted.map(({ loginUser }) => loginUser);
    },
    refusals: () => refused(events).map(({ status, why }) => `${status} ${why}`),
    hints: () => refused(events).map(({ hint }) => hint),
  };
}

function refused(events: readonly RealtimeEvent[]): Extract<RealtimeEvent, { name: 'handshake.refused' }>[] {
  return events.filter((event) => event.name === 'handshake.refused');
}

const openServers = new Set<Server>();
const openClients = new Set<WebSocket>();
const openSockets = new Set<Socket>();

/** Starts a server on a free port; {@link closeAll} ends it. */
export async function listen(handler?: RequestListener): Promise<Server> {
  return started(createServer(handler ?? answerNothing));
}

/** The same with TLS. */
export async function listenTls(identity: { key: string; cert: string }, handler?: RequestListener): Promise<Server> {
  return started(createTlsServer(identity, handler ?? answerNothing));
}

/** Makes a server listen on a free port of 127.0.0.1. */
export async function started(server: Server): Promise<Server> {
  openServers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function answerNothing(_req: IncomingMessage, res: { statusCode: number; end(text: string): unknown }): void {
  res.statusCode = 404;
  res.end('nothing here');
}

export function portOf(server: Server): number {
  // A listening TCP server has an AddressInfo.
  return (server.address() as AddressInfo).port;
}

/** Starts a server with a door on it. */
export async function startDoor(
  overrides: Overrides = {},
  handler?: RequestListener,
): Promise<{ server: Server; door: TestDoor }> {
  const server = await listen(handler);
  return { server, door: openDoor(server, overrides) };
}

/** How a client's handshake ended. */
export type Attempt =
  | { readonly status: 101; readonly client: WebSocket; readonly headers: IncomingMessage['headers'] }
  | { readonly status: number; readonly client: undefined; readonly headers: IncomingMessage['headers'] };

export interface AttemptOptions extends ClientOptions {
  readonly path?: string;
  readonly protocols?: string[];
  readonly token?: string;
}

/** Tries to open a WebSocket; a refusal is a value. */
export async function attempt(server: Server, options: AttemptOptions = {}): Promise<Attempt> {
  const { path = '/ws', protocols = [], token, ...rest } = options;
  const scheme = 'setSecureContext' in server ? 'wss' : 'ws';
  const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...rest.headers };
  const client = new WebSocket(`${scheme}://127.0.0.1:${portOf(server)}${path}`, protocols, {
    rejectUnauthorized: false,
    ...rest,
    headers,
  });
  openClients.add(client);
  return new Promise((resolve, reject) => {
    let upgradeHeaders: IncomingMessage['headers'] = {};
    client.on('upgrade', (response) => (upgradeHeaders = response.headers));
    client.on('open', () => resolve({ status: 101, client, headers: upgradeHeaders }));
    client.on('unexpected-response', (_request, response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, client: undefined, headers: response.headers }),
      );
    });
    client.on('error', reject);
  });
}

/** Opens a WebSocket that must be let in. */
export async function open(server: Server, options: AttemptOptions = {}): Promise<WebSocket> {
  const { client, status } = await attempt(server, options);
  if (client === undefined) throw new Error(`refused with ${status}`);
  return client;
}

/** Sends a text and waits for its echo. */
export async function echo(client: WebSocket, text: string): Promise<string> {
  const answer = once(client, 'message') as Promise<[Buffer]>;
  client.send(text);
  return (await answer)[0].toString('utf8');
}

/** Proves that a door still works: a good socket comes in and is served. */
export async function expectServed(server: Server, options: AttemptOptions = {}): Promise<void> {
  const client = await open(server, { token: 'good', ...options });
  const answer = await echo(client, 'still here');
  if (answer !== 'still here') throw new Error(`echo was ${answer}`);
  client.close();
  await once(client, 'close');
}

/** Opens a raw TCP connection. */
export async function rawConnect(server: Server, options: { allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const socket = connect({ port: portOf(server), host: '127.0.0.1', ...options });
  openSockets.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Resets a connection, as a peer that was pulled off: `resetAndDestroy` would end it in order first. */
export function resetNow(socket: Socket): void {
  // Node gives no other way to send RST alone.
  const { _handle: handle } = socket as unknown as { _handle: { reset(onReset: () => void): void } };
  handle.reset(() => socket.destroy());
}

/** Writes the text of a handshake for a path. */
export function handshakeText(path: string, headers: readonly string[] = UPGRADE_HEADERS, method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

/** Sends bytes and gives all that comes back until the server closes. */
export async function exchange(server: Server, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = await rawConnect(server);
  for (const part of parts) socket.write(part);
  return readAll(socket);
}

/** Collects what a socket gets until it is closed. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** Collects until a text has come. */
export async function readUntil(socket: Socket, text: string): Promise<string> {
  let got = '';
  return new Promise((resolve, reject) => {
    const handleData = (chunk: Buffer): void => {
      got += chunk.toString('latin1');
      if (!got.includes(text)) return;
      socket.off('data', handleData);
      resolve(got);
    };
    socket.on('data', handleData);
    socket.once('close', () => reject(new Error(`closed; got ${got}`)));
  });
}

/** The status of an answer, as a number. */
export function statusOfAnswer(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}

/** Closes all that the helpers opened. */
export async function closeAll(): Promise<void> {
  for (const client of openClients) client.terminate();
  for (const socket of openSockets) socket.destroy();
  openClients.clear();
  openSockets.clear();
  await Promise.all([...openServers].map(closeServer));
  openServers.clear();
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** A promise that a test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}

export function deferred<T = void>(): Deferred<T> {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (settle = resolve));
  return { promise, resolve: (value) => settle(value) };
}
