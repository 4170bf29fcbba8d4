import type { RawData } from 'ws';
import { WebSocket } from 'ws';
import type { LoginUser } from '../model/login-user';
import { CloseCode } from '../model/close-codes';

/** What a session's socket tells it. */
export interface SocketOwner {
  readonly loginUser: LoginUser | null;
  /** One frame of the peer. */
  receive(data: Buffer, isBinary: boolean): void;
  /** A ping of the peer, which wants its payload back. */
  receivePing(payload: Buffer): void;
  /** A sign of life. */
  touch(): void;
  /** The peer broke the protocol, or the line failed; ws closes by itself. */
  fail(error: Error & { readonly code?: string }): void;
  /** The socket is done, whatever ended it. */
  finish(code: number, reason: string): void;
}

/**
 * The WebSocket that ws makes for us. It tells its session directly instead of through five listeners, which would be
 * 250 bytes on each idle socket; listeners that an application adds are called after the session.
 */
export class SessionWebSocket extends WebSocket {
  #owner: SocketOwner | undefined = undefined;

  /** The LoginUser of the session, `null` for a guest. */
  get loginUser(): LoginUser | null {
    return this.#owner?.loginUser ?? null;
  }

  /** Called once, in the callback that made the WebSocket. */
  setOwner(owner: SocketOwner): void {
    this.#owner = owner;
    // The table of listeners, 184 bytes: EventEmitter makes a new one when somebody listens.
    if (this.eventNames().length === 0) (this as { _events?: object | undefined })._events = undefined;
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const owner = this.#owner;
    if (owner !== undefined) tell(owner, event, args);
    // EventEmitter throws an error that nobody listens to; the session did.
    return event === 'error' && this.listenerCount('error') === 0 ? owner !== undefined : super.emit(event, ...args);
  }
}

/** The arguments are those of ws's events. */
function tell(owner: SocketOwner, event: string | symbol, [first, second]: readonly unknown[]): void {
  switch (event) {
    case 'message':
      // ws gives one Buffer for each message while `binaryType` is its default.
      return owner.receive(first as RawData as Buffer, second as boolean);
    case 'ping':
      return owner.receivePing(first as Buffer);
    case 'pong':
      return owner.touch();
    case 'error':
      return owner.fail(first as Error);
    case 'close':
      return owner.finish(first as number, (second as Buffer).toString('utf8'));
    default:
  }
}

/** The close code with which ws ends a socket after an error of its own (`WS_ERR_…`). */
export function protocolCode(wsErrorCode: string): number {
  if (wsErrorCode === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return CloseCode.tooBig;
  return wsErrorCode === 'WS_ERR_INVALID_UTF8' ? 1007 : 1002;
}
