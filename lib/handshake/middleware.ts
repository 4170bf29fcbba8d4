import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { Middleware } from './handshake';
import type { ExpressRequests } from './express-requests';
import { isThenable } from '../model/thenable';
import { ignoreError } from './refuse';

type Run = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown;

/**
 * Makes a real response on the upgrade socket, as middleware expects it. A middleware that answers writes to the peer.
 */
export function openResponse(
  req: IncomingMessage,
  socket: Duplex,
  express: ExpressRequests | undefined,
): ServerResponse {
  const res = detachedResponse(req, express);
  res.shouldKeepAlive = false;
  // A middleware that writes after the end costs its own request, not the process.
  res.on('error', ignoreError);
  // An upgrade's socket is a net.Socket or a TLSSocket; the types say Duplex.
  res.assignSocket(socket as Socket);
  return res;
}

/** Makes a response that no byte leaves. */
export function detachedResponse(req: IncomingMessage, express: ExpressRequests | undefined): ServerResponse {
  const res: ServerResponse & { locals?: object } = new ServerResponse(req);
  express?.dressResponse(res);
  res.locals = Object.create(null) as object;
  return res;
}

/**
 * Runs middleware one after the other.
 *
 * @param onDone called once, when the last has called `next`, or with the error of the one that failed; never when a
 *   middleware answered or does not go on.
 */
export function runMiddleware(
  chain: readonly Middleware[],
  req: IncomingMessage,
  res: ServerResponse,
  onDone: (error?: unknown) => void,
): void {
  const step = (index: number): void => {
    const middleware = chain[index];
    if (middleware === undefined) {
      onDone();
      return;
    }
    let isOver = false;
    const next = (error?: unknown): void => {
      if (isOver) return;
      isOver = true;
      if (hasAnswered(res)) return;
      if (isError(error)) onDone(error);
      else step(index + 1);
    };
    callMiddleware(middleware, req, res, next);
  };
  step(0);
}

/** Tells whether a middleware answered; the answer may still be on its way. */
function hasAnswered(res: ServerResponse): boolean {
  return res.headersSent || res.writableEnded;
}

/** Tells whether a middleware began an answer on the socket. */
export function isAnsweringPeer(res: ServerResponse): boolean {
  return res.socket !== null && hasAnswered(res);
}

/**
 * Makes what is written to a response go nowhere: a strategy cannot answer an upgrade.
 *
 * @param onAnswer told when the response was to be ended.
 */
export function muteResponse(res: ServerResponse, onAnswer?: () => void): void {
  res.write = () => true;
  res.end = () => {
    onAnswer?.();
    return res;
  };
}

/** Takes a response off the socket: no byte of it reaches the peer from now on. */
export function detachResponse(res: ServerResponse, socket: Duplex): void {
  // As with assignSocket: the types say Duplex.
  if (res.socket !== null) res.detachSocket(socket as Socket);
}

/**
 * Writes the head of a detached response, so that hooks of middleware on it run: a cookie session sets its cookie
 * there, a logger takes its time.
 */
export function writeDetachedHead(res: ServerResponse, status: number): void {
  if (res.headersSent) return;
  res.statusCode = status;
  res.writeHead(status);
}

/** Tells loggers, limiters and sessions that a detached response is over: they wait for its events for ever otherwise. */
export function emitFinished(res: ServerResponse): void {
  // Read by `writableEnded`: a limiter takes a `close` without it for a peer that went away.
  (res as { finished: boolean }).finished = true;
  res.emit('finish');
  res.emit('close');
}

/** Tells observers that the peer went away before there was an answer. */
export function emitClosed(res: ServerResponse): void {
  res.emit('close');
}

/** Headers that belong to the message itself (RFC 9110 §7.6.1) or to the WebSocket handshake. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Gives the lines of what middleware set on a response (cookies, rate limits), for the 101. */
export function linesFor101(res: ServerResponse): readonly string[] {
  writeDetachedHead(res, 101);
  const lines: string[] = [];
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value === undefined || OWN_HEADERS.has(name) || name.startsWith('sec-websocket-')) continue;
    const values = Array.isArray(value) ? value : [value];
    for (const each of values) lines.push(`${name}: ${each}`);
  }
  return lines;
}

function callMiddleware(
  middleware: Middleware,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
): void {
  try {
    // Middleware is typed for Express's own request and response, which these now are.
    const result = (middleware as unknown as Run)(req, res, next);
    if (isThenable(result)) result.then(undefined, (error: unknown) => next(error ?? new Error('rejected')));
  } catch (error) {
    next(error ?? new Error('threw'));
  }
}

/** Express's `next('route')` and `next('router')` are no errors: they skip the rest of a router. */
function isError(error: unknown): boolean {
  return error !== undefined && error !== null && error !== 'route' && error !== 'router';
}
