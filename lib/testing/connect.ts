import type { ClientOptions } from 'ws';
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import { TestClient } from './test-client';
import { WebSocket } from 'ws';
import { addressOf } from './address';

/** How a test client connects. */
export interface ConnectOptions {
  /** The path of the attach, a query may follow; default `/ws`, or the path of the URL. */
  readonly path?: string;
  /** The login's token. */
  readonly token?: string;
  /**
   * Where the token stands: the `Authorization` header (default), the query parameter `token`, or a subprotocol
   * (which needs another one that the server can select: see `protocols`).
   */
  readonly tokenIn?: 'header' | 'query' | 'protocol';
  /** More headers, such as `cookie` or `origin`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Subprotocols to offer; default: none, or `express-realtime.v1` beside a token in a subprotocol. */
  readonly protocols?: readonly string[];
  /** How long the handshake may take; default 5,000 ms. */
  readonly timeoutMs?: number;
  /** More options of the `ws` client, such as `ca` or `maxPayload`. */
  readonly clientOptions?: ClientOptions;
}

/** The answer to a handshake that was refused. */
export interface Refusal {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Thrown by {@link connect} when the server refuses; the answer is in `refusal`. */
export class ConnectRefusedError extends Error {
  override readonly name = 'ConnectRefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`the handshake was refused: ${refusal.status} ${refusal.body}`.trimEnd());
    this.refusal = refusal;
  }
}

/**
 * Opens a WebSocket to a server under test; everything that arrives is queued, so that no message is missed between
 * two waits. Uses no test runner. A TLS server that is given as a value is trusted whatever its certificate says.
 *
 * @param to the HTTP server (once it listens, or is about to), or its URL (`ws:` or `http:`, with or without TLS).
 * @throws ConnectRefusedError when the server refuses, see {@link refusal}; Error when it cannot be reached.
 */
export async function connect(to: Server | string, options: ConnectOptions = {}): Promise<TestClient> {
  const outcome = await tryConnect(to, options);
  if (outcome instanceof TestClient) return outcome;
  throw new ConnectRefusedError(outcome);
}

/**
 * The answer to a handshake that is to be refused, for tests that look at it: `(await refusal(server)).status`.
 *
 * @throws Error when the server let the client in (which is closed then) or cannot be reached.
 */
export async function refusal(to: Server | string, options: ConnectOptions = {}): Promise<Refusal> {
  const outcome = await tryConnect(to, options);
  if (!(outcome instanceof TestClient)) return outcome;
  await outcome.close();
  throw new Error('the handshake was not refused: the client was let in');
}

/** Opens a WebSocket and resolves to a client, or to the server's refusal. */
export async function tryConnect(to: Server | string, options: ConnectOptions = {}): Promise<TestClient | Refusal> {
  const { timeoutMs = 5000, headers, token, tokenIn = 'header' } = options;
  const { url, isTrusted } = await addressOf(to, options.path, timeoutMs);
  if (token !== undefined && tokenIn === 'query') url.searchParams.set('token', token);
  const authorization = token !== undefined && tokenIn === 'header' ? { authorization: `Bearer ${token}` } : {};
  const socket = new WebSocket(url, protocolsOf(options), {
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
    ...(isTrusted ? { rejectUnauthorized: false } : {}),
    ...options.clientOptions,
    headers: { ...options.clientOptions?.headers, ...authorization, ...headers },
  });
  return outcomeOf(socket);
}

function protocolsOf({ token, tokenIn, protocols }: ConnectOptions): string[] {
  if (token === undefined || tokenIn !== 'protocol') return [...(protocols ?? [])];
  // A client that offers subprotocols fails when none is selected, and the one with the token never is.
  const offered = protocols ?? ['express-realtime.v1'];
  return [...offered, `bearer.${Buffer.from(token, 'utf8').toString('base64url')}`];
}

function outcomeOf(socket: WebSocket): Promise<TestClient | Refusal> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    socket.once('upgrade', (response: IncomingMessage) => {
      headers = response.headers;
      // Made before `open`, since a message may stand in the same packet as the handshake.
      const client = new TestClient(socket, headers);
      socket.once('open', () => {
        socket.off('error', reject);
        resolve(client);
      });
    });
    socket.once('unexpected-response', (request, response) => {
      readRefusal(response)
        .then(resolve, reject)
        .finally(() => request.destroy());
    });
    socket.on('error', reject);
  });
}

async function readRefusal(response: IncomingMessage): Promise<Refusal> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  // A response that a client received has a status.
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') };
}
