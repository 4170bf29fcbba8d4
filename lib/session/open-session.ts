import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { LoginUser } from '../model/login-user';
import type { SessionHost } from './host';
import type { Wire } from '../wire/wire';
import { LiveSession } from './live-session';
import { plainWire } from '../wire/plain';

/** A socket that was let in. */
export interface OpenedSocket {
  readonly ws: WebSocket;
  readonly socket: Duplex;
  readonly loginUser: LoginUser | null;
}

/** Makes the session of a new socket; synchronous, since a frame may be glued to the handshake. */
export function openSession(host: SessionHost, { ws, socket, loginUser }: OpenedSocket): LiveSession {
  const session = new LiveSession(host, ws, socket, wireOf(ws), loginUser);
  host.hub.add(session);
  host.expiry.add(session);
  session.listen();
  const user = loginUser === null ? {} : { userId: loginUser.id, userType: loginUser.userType };
  host.onEvent({ name: 'session.opened', sessionId: session.id, ...user });
  return session;
}

/** Which wire a socket negotiated. */
function wireOf(_ws: WebSocket): Wire {
  return plainWire;
}
