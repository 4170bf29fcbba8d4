/** A node of a system whose nodes reach each other's users through a broker. */
export interface Relay {
  /** WebSocket clients, and `POST /push/<user>`, which answers 200 when the push was handed over, `POST /nothing/<user>`. */
  readonly port: number;
  /** One message to a user, wherever the user is; resolves when the broker took it, where the system tells. */
  toUser(userId: number, content: object): unknown;
  /** For the fault table: ours alone. */
  readonly health?: () => { readonly isUp: boolean; readonly sinceMs: number };
}

/** How a node is started. */
export interface RelayOptions {
  /** The broker's URL. */
  readonly url: string;
  /** The application: nodes of another one are not heard. */
  readonly name: string;
}

export type RelayName = 'ours' | 'socket.io' | 'socket.io sharded' | 'ws + ioredis';
