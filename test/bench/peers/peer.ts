import type { KeyObject } from 'node:crypto';
import { createSecretKey } from 'node:crypto';

/** What the bench asks of a system that it measures. */
export interface Peer {
  readonly port: number;
  /** One message to all sockets. */
  broadcast(type: string, content: object): void;
  /** One message to all sockets of a user. */
  toUser(userId: number, type: string, content: object): void;
}

export type PeerName = 'ours' | 'ws' | 'preframed' | 'express-ws' | 'fastify' | 'socket.io';

const SECRET = 'a key of the bench and of nothing else';

/** Which form of the secret a server is given. */
export type SecretForm = 'text' | 'key';

/** Names the form to a peer's process. */
export const SECRET_FORM = 'BENCH_SECRET_FORM';

/**
 * Shared by all peers and the load. As a KeyObject, unless the environment says otherwise: a secret that is text is
 * tried as PEM first by jsonwebtoken, at each call, which takes 50 times as long as the check itself.
 */
export const JWT_SECRET: string | KeyObject =
  process.env[SECRET_FORM] === ('text' satisfies SecretForm) ? SECRET : createSecretKey(Buffer.from(SECRET));

/** The same for `passport-jwt`, which takes a KeyObject; its types do not say so. */
export const PASSPORT_SECRET = JWT_SECRET as string;

/** The path of every WebSocket peer. */
export const PATH = '/ws';

/** The claims that the load signs. */
export interface Claims {
  readonly sub: number;
}
