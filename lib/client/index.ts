import type { ClientOptions } from './options';
import type { RealtimeClient } from './realtime-client';
import type { RegisteredMessages } from '../model/messages';
import { Client } from './client';

export { ClientError } from './errors';
export { uniSocket } from './uni-socket';
export type { ClientOptions } from './options';
export type { ClientRequestOptions } from './requests';
export type { ClientStatus, RealtimeClient, StatusChange } from './realtime-client';
export type { CreateSocket, SocketLike } from './socket';
export type { LineEnd } from './line';
export type { MessageContract } from '../model/messages';

/**
 * Connects to an express-realtime server and stays connected: reconnects with backoff, renews the token, notices a dead
 * line. Opens the socket in a later step, so nothing happens when `close` is called at once.
 *
 * @typeParam Contract the type of what `defineMessages` gave; default: the one in `Register`, where there is one.
 * @param url `ws://` or `wss://`; in a page also a path such as `/ws`.
 */
export function connect<Contract = RegisteredMessages>(
  url: string,
  options: ClientOptions = {},
): RealtimeClient<Contract> {
  // One class for all contracts: the contract only narrows what the methods take and give.
  return new Client(absolute(url), options) as RealtimeClient<Contract>;
}

function absolute(url: string): string {
  const { location } = globalThis as { location?: { href: string } };
  if (location === undefined || !/^\/|^https?:/.test(url)) return url;
  return new URL(url, location.href).href.replace(/^http/, 'ws');
}
