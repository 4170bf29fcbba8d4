import * as http from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Tells whether an upgrade request asks for WebSocket. Others (`h2c` of Java clients and curl, `TLS/1.0`) are plain
 * requests that merely offer to speak something else; the application answers them (RFC 9110 §7.8).
 */
export function isWebSocketOffer(req: IncomingMessage): boolean {
  // The header is missing when there were more headers than Node keeps (`maxHeadersCount`).
  return req.headers.upgrade?.toLowerCase() === 'websocket';
}

/** What the dispatcher knows about the others on the server. */
export interface OfferRules {
  /** Other `upgrade` listeners exist: they may want offers that we do not. */
  hasOthers(): boolean;
}

type ShouldUpgrade = (this: Server, req: IncomingMessage) => boolean;

interface UpgradingServer {
  /** Node ≥ 22.21 and ≥ 24.9. */
  shouldUpgradeCallback?: ShouldUpgrade;
}

/**
 * Makes a server treat offers other than WebSocket as it would without us: merely having an `upgrade` listener
 * makes Node hand all of them over as upgrades.
 *
 * @returns a function that takes it back.
 */
export function leaveOtherOffers(server: Server, rules: OfferRules): () => void {
  // Not in the types of Node 20, and absent there.
  const upgrading = server as unknown as UpgradingServer;
  if (typeof upgrading.shouldUpgradeCallback === 'function') return decideByCallback(server, upgrading, rules);
  return decideByMessage(server, rules);
}

function decideByCallback(server: Server, upgrading: UpgradingServer, rules: OfferRules): () => void {
  const previous = upgrading.shouldUpgradeCallback;
  const decide: ShouldUpgrade = (req) =>
    isWebSocketOffer(req) || (rules.hasOthers() && previous?.call(server, req) === true);
  upgrading.shouldUpgradeCallback = decide;
  return () => {
    if (upgrading.shouldUpgradeCallback === decide && previous !== undefined) {
      upgrading.shouldUpgradeCallback = previous;
    }
  };
}

/** The request as Node's parser fills it; these two members are not in the types. */
type ParsedMessage = IncomingMessage & {
  upgrade: boolean | null;
  _addHeaderLines(lines: string[], count: number): void;
};
type MessageClass = new (socket: Socket) => ParsedMessage;

/**
 * Before `shouldUpgradeCallback` Node looks at `req.upgrade` alone, right after the headers were added: it is cleared
 * there. It is an own property of the request, so it stays when Express replaces the prototype.
 */
function decideByMessage(server: Server, rules: OfferRules): () => void {
  const key = Object.getOwnPropertySymbols(server).find((symbol) => symbol.description === 'IncomingMessage');
  // The class that the server makes requests of (its option `IncomingMessage`) lies under a private symbol.
  const slots = server as unknown as Record<symbol, unknown>;
  const previous = key === undefined ? undefined : slots[key];
  if (key === undefined || typeof previous !== 'function') return () => undefined;

  class OfferedMessage extends (previous as MessageClass) {
    override _addHeaderLines(lines: string[], count: number): void {
      super._addHeaderLines(lines, count);
      // CONNECT sets `upgrade` too and has no such header.
      if (this.upgrade !== true || this.headers.upgrade === undefined) return;
      if (!isWebSocketOffer(this) && !rules.hasOthers()) this.upgrade = false;
    }
  }
  slots[key] = OfferedMessage;
  return () => {
    if (slots[key] === OfferedMessage) slots[key] = previous;
  };
}

type ConnectionListener = (this: Server, socket: Duplex) => void;

/**
 * Gives an upgrade request back to the server as a plain request: for a Node that knows neither of the ways above.
 *
 * @returns false when this Node cannot do it; nothing was touched then.
 */
export function answerAsPlainRequest(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
  // Exported by node:http, not in the types.
  const listener = (http as unknown as { readonly _connectionListener?: ConnectionListener })._connectionListener;
  if (typeof listener !== 'function') return false;
  socket.unshift(Buffer.concat([Buffer.from(requestHead(req), 'latin1'), head]));
  listener.call(server, socket);
  return true;
}

/** The request's first lines again, without the `Upgrade` header. */
function requestHead(req: IncomingMessage): string {
  let text = `${req.method ?? 'GET'} ${req.url ?? '/'} HTTP/${req.httpVersion}\r\n`;
  for (let index = 0; index + 1 < req.rawHeaders.length; index += 2) {
    const name = req.rawHeaders[index] ?? '';
    if (name.toLowerCase() !== 'upgrade') text += `${name}: ${req.rawHeaders[index + 1] ?? ''}\r\n`;
  }
  return `${text}\r\n`;
}
