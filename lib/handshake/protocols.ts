import type { IncomingMessage } from 'node:http';

const NONE: readonly string[] = [];
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;

/**
 * Reads the offered subprotocols (RFC 6455 §4.1).
 *
 * @returns undefined when the header is malformed or names one twice.
 */
export function offeredProtocols(req: IncomingMessage): readonly string[] | undefined {
  const header = req.headers['sec-websocket-protocol'];
  if (header === undefined) return NONE;
  const offered = header.split(',').map((protocol) => protocol.trim());
  const isValid = offered.every((protocol) => TOKEN.test(protocol)) && new Set(offered).size === offered.length;
  return isValid ? offered : undefined;
}
