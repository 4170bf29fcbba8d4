/** What the bench asks of a system that it measures. */
export interface Peer {
  readonly port: number;
  /** One message to all sockets. */
  broadcast(type: string, content: object): void;
  /** One message to all sockets of a user. */
  toUser(userId: number, type: string, content: object): void;
}

export type PeerName = 'ours' | 'ws' | 'preframed' | 'express-ws' | 'fastify' | 'socket.io';

/** Shared by all peers and the load: a key of this bench alone. */
export const JWT_SECRET = 'a key of the bench and of nothing else';

/** The path of every WebSocket peer. */
export const PATH = '/ws';

/** The claims that the load signs. */
export interface Claims {
  readonly sub: number;
}
