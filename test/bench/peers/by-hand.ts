import type { Peer } from './peer';

/** Sockets by user, as written by hand in every project. */
export class UserSockets<Socket> {
  readonly #users = new Map<number, Set<Socket>>();

  add(userId: number, socket: Socket): void {
    const sockets = this.#users.get(userId);
    if (sockets === undefined) this.#users.set(userId, new Set([socket]));
    else sockets.add(socket);
  }

  delete(userId: number, socket: Socket): void {
    const sockets = this.#users.get(userId);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.#users.delete(userId);
  }

  of(userId: number): Set<Socket> | undefined {
    return this.#users.get(userId);
  }

  forEach(visit: (socket: Socket) => void): void {
    for (const sockets of this.#users.values()) sockets.forEach(visit);
  }
}

/** The two pushes of a peer that has `ws` sockets by user. */
export function pushesTo(
  users: UserSockets<{ send(data: Buffer, options: { binary: boolean }): void }>,
): Pick<Peer, 'broadcast' | 'toUser'> {
  return {
    broadcast: (type, content) => {
      const data = encode(type, content);
      users.forEach((ws) => ws.send(data, { binary: false }));
    },
    toUser: (userId, type, content) => {
      const data = encode(type, content);
      users.of(userId)?.forEach((ws) => ws.send(data, { binary: false }));
    },
  };
}

/** {@link encodeText} as bytes, encoded once for many sockets. */
export function encode(type: string, content: object): Buffer {
  return Buffer.from(encodeText(type, content));
}

/** Answers an `echo` message with its content, and the text `ping`. */
export function answerEcho(text: string, send: (text: string) => void): void {
  if (text === 'ping') return send('pong');
  let message: { readonly type?: unknown; readonly content?: unknown };
  try {
    message = JSON.parse(text) as typeof message;
  } catch {
    return;
  }
  if (message.type !== 'echo' || typeof message.content !== 'string') return;
  // A handler wants the parsed content, and what it sends is an object.
  send(encodeText('echo', JSON.parse(message.content) as object));
}

/** The message that all WebSocket peers send. */
export function encodeText(type: string, content: object): string {
  return JSON.stringify({ type, content: JSON.stringify(content) });
}
