import type { WebSocket } from 'ws';
import type { LoginUser } from '../model/login-user';
import type { CloseWhy } from '../model/close-why';
import type { OutboundContent, OutboundType } from '../model/messages';
import type { RequestOptions } from './requests';
import type { TenantSender } from '../model/sender';

/** The raw WebSocket of a session; `loginUser` is the same object as the session's. */
export type SessionSocket = WebSocket & { readonly loginUser: LoginUser | null };

/** How a session ended: the code and reason of the close frame, and who decided. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  readonly why: CloseWhy;
}

/**
 * One live socket with its LoginUser. `User` is `LoginUser | null` only in handlers that were registered for guests.
 */
export interface Session<User extends LoginUser | null = LoginUser> {
  /** `<node id>.<128 random bits>`; unguessable, unique over all nodes. */
  readonly id: string;
  readonly loginUser: User;
  /** Free for the application; starts empty, dies with the session. */
  readonly data: Record<string, unknown>;
  /** The raw WebSocket. Writing to it directly goes around the session's order and limits. */
  readonly socket: SessionSocket;
  /** The rooms that this session is in. */
  readonly rooms: ReadonlySet<string>;
  /** A sender bound to this session's tenant; a guest has none: where there are tenants, its sender reaches guests only. */
  readonly sender: TenantSender;
  /** False from the first step of closing on. */
  readonly isOpen: boolean;
  /**
   * Pushes a message to this socket.
   *
   * @returns false when nothing was queued: the session is closing, or its limit was reached.
   * @throws RealtimeError `ERR_REALTIME_TYPE`, `ERR_REALTIME_CONTENT`.
   */
  send<Type extends OutboundType>(type: Type, content: OutboundContent<Type>): boolean;
  /**
   * Asks the client and waits for its reply. Only clients that speak v1 can be asked.
   *
   * @returns what the client replied, unchecked.
   * @throws RealtimeError rejects: `ERR_REALTIME_WIRE`, `ERR_REALTIME_TIMEOUT`, `ERR_REALTIME_CLOSED`; throws at once
   *   `ERR_REALTIME_TYPE`, `ERR_REALTIME_CONTENT`.
   * @throws MessageError rejects with what the client refused with.
   */
  request<Type extends OutboundType>(
    type: Type,
    content: OutboundContent<Type>,
    options?: RequestOptions,
  ): Promise<unknown>;
  /**
   * Joins a room of this session's tenant; joining twice changes nothing.
   *
   * @throws RealtimeError `ERR_REALTIME_TARGET` when the room is no non-empty string.
   */
  join(room: string): void;
  /** Leaves a room; leaving one that it is not in changes nothing. */
  leave(room: string): void;
  /**
   * Writes what is queued, then closes. Code default 1000.
   *
   * @throws RealtimeError `ERR_REALTIME_CLOSE_CODE`; nothing has changed then.
   */
  close(code?: number, reason?: string): void;
}

/** How a peer's text reaches the handlers; made by the inbound room, one for each session that has sent anything. */
export interface Inbox {
  /** Takes one text frame. Never throws. */
  handleText(text: string, bytes: number): void;
  /** The session is over: drops what waits and aborts what runs. */
  close(): void;
}
