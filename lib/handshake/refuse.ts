import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RefusedWhy } from '../model/events';

/** Every status with which an upgrade request is refused. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 426 | 429 | 500 | 503;

/** Why a request is refused: the peer gets the status alone, the hint is told on our side. */
export interface Refusal {
  readonly status: RefusalStatus;
  readonly why: RefusedWhy;
  /** Which option decides, in words. Holds no token and no URL. */
  readonly hint: string;
}

/** How long a refused socket may take to read its answer and close, before it is destroyed. */
const LINGER_MS = 1000;

const EXTRA_HEADERS: Readonly<Partial<Record<RefusalStatus, string>>> = {
  401: 'WWW-Authenticate: Bearer\r\n',
  405: 'Allow: GET\r\n',
  426: 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
  429: 'Retry-After: 5\r\n',
  503: 'Retry-After: 5\r\n',
};

// Nothing of the request is ever part of an answer: no header injection, no difference to learn from.
const ANSWERS: ReadonlyMap<RefusalStatus, Buffer> = new Map(
  ([400, 401, 403, 404, 405, 426, 429, 500, 503] as const).map((status) => [status, answerOf(status)]),
);

/** Tells whether a number is a status that {@link refuse} can send. */
export function isRefusalStatus(status: number): status is RefusalStatus {
  return ANSWERS.has(status as RefusalStatus);
}

/** Tells a refusal from what a check gives else. */
export function isRefusal(given: object): given is Refusal {
  return 'status' in given && 'why' in given;
}

/** Tells whether an upgrade was pipelined behind a request whose answer is still to come: there is no place for ours. */
export function hasUnansweredRequest(socket: Duplex & { readonly _httpMessage?: unknown }): boolean {
  return socket._httpMessage !== undefined && socket._httpMessage !== null;
}

/**
 * Answers an upgrade request with constant bytes and closes its socket.
 *
 * The socket must have an `error` listener, and nothing may have been written to it.
 */
export function refuse(socket: Duplex, status: RefusalStatus): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(ANSWERS.get(status));
  closeSoon(socket);
}

/**
 * Closes a socket that was answered. What the peer still sends is read and dropped meanwhile: a socket that is
 * closed with unread bytes is reset, and the reset can overtake the answer (RFC 9112 §9.6).
 */
export function closeSoon(socket: Duplex): void {
  socket.resume();
  const timer = setTimeout(destroySocket, LINGER_MS, socket);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

/** An `error` listener without which a reset by the peer would end the process. */
export function ignoreError(): void {
  // The socket is closed by then, which is all that there is to know.
}

function destroySocket(socket: Duplex): void {
  socket.destroy();
}

function answerOf(status: RefusalStatus): Buffer {
  const body = `${STATUS_CODES[status] ?? ''}\n`;
  return Buffer.from(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
      'Connection: close\r\n' +
      'Content-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${body.length}\r\n` +
      `${EXTRA_HEADERS[status] ?? ''}\r\n${body}`,
    'latin1',
  );
}
