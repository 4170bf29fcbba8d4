import type { Duplex } from 'node:stream';
import type { LoginUser } from '../model/login-user';
import type { SessionHost } from './host';
import { LiveSession } from './live-session';
import { V1_PROTOCOL, v1Wire } from '../wire/v1';
import type { SessionWebSocket } from './session-socket';
import { plainWire } from '../wire/plain';

/** What this server can do beyond the frames of v1: grows by words. */
const FEATURES: readonly string[] = ['request', 'auth', 'expiring', 'draining'];

/** An upgrade that was let in. Handed over in the same synchronous callback in which ws made the WebSocket. */
export interface OpenedSocket {
  readonly ws: SessionWebSocket;
  /** The TCP or TLS socket under `ws`. */
  readonly socket: Duplex;
  /** `null` for a guest, only where `anonymous` is on. */
  readonly loginUser: LoginUser | null;
}

/** Makes the session of a new socket; synchronous, since a frame may be glued to the handshake. */
export function openSession(host: SessionHost, { ws, socket, loginUser }: OpenedSocket): LiveSession {
  const wire = ws.protocol === V1_PROTOCOL ? v1Wire : plainWire;
  const session = new LiveSession(host, ws, socket, wire, loginUser);
  host.hub.add(session);
  host.expiry.add(session);
  ws.setOwner(session);
  session.tell('$hello', {
    sessionId: session.id,
    pingIntervalMs: host.pingIntervalMs,
    expiresInMs: expiresInMs(loginUser),
    features: FEATURES,
  });
  const user = loginUser === null ? {} : { userId: loginUser.id, userType: loginUser.userType };
  host.onEvent({ name: 'session.opened', sessionId: session.id, ...user });
  return session;
}

/** Relative, since a client's clock may be wrong; `undefined` when the login does not end. */
function expiresInMs(loginUser: LoginUser | null): number | undefined {
  const expiresAtMs = loginUser?.expiresAtMs;
  return expiresAtMs === undefined ? undefined : Math.max(0, expiresAtMs - Date.now());
}
