import type { IncomingMessage } from 'node:http';
import type { Refusal } from './refuse';

const METHOD: Refusal = { status: 405, why: 'method', hint: 'a WebSocket handshake is a GET (RFC 6455 §4.1)' };
const HTTP_VERSION: Refusal = { status: 400, why: 'bad-request', hint: 'a WebSocket handshake needs HTTP/1.1' };
const VERSION: Refusal = { status: 426, why: 'version', hint: 'only WebSocket version 13 is spoken' };
const KEY: Refusal = { status: 400, why: 'bad-request', hint: 'Sec-WebSocket-Key is missing or malformed' };

const KEY_FORM = /^[+/0-9A-Za-z]{22}==$/;

/** Checks the form of a WebSocket handshake (RFC 6455 §4.2.1). */
export function checkForm(req: IncomingMessage): Refusal | undefined {
  if (req.method !== 'GET') return METHOD;
  if (req.httpVersionMajor < 1 || (req.httpVersionMajor === 1 && req.httpVersionMinor < 1)) return HTTP_VERSION;
  if (req.headers['sec-websocket-version'] !== '13') return VERSION;
  return KEY_FORM.test(req.headers['sec-websocket-key'] ?? '') ? undefined : KEY;
}
