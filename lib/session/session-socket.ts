import type { RawData, WebSocket } from 'ws';
import type { LoginUser } from '../model/login-user';
import type { SessionSocket } from './session';

/** What a session's socket tells it. */
export interface SocketOwner {
  readonly loginUser: LoginUser | null;
  /** One frame of the peer. */
  receive(data: Buffer, isBinary: boolean): void;
  /** A sign of life. */
  touch(): void;
  /** The peer broke the protocol, or the line failed; ws closes by itself. */
  fail(error: Error & { readonly code?: string }): void;
  /** The socket is done, whatever ended it. */
  finish(code: number, reason: string): void;
}

const OWNER = Symbol('express-realtime.session');

type OwnedSocket = SessionSocket & { [OWNER]?: SocketOwner };

/** Puts a session and its LoginUser on its raw socket; once more when the login was renewed. */
export function own(ws: WebSocket, owner: SocketOwner): SessionSocket {
  const socket = ws as OwnedSocket;
  socket[OWNER] = owner;
  // The one write to the readonly field: the socket carries the LoginUser from here on.
  (socket as { loginUser: LoginUser | null }).loginUser = owner.loginUser;
  return socket;
}

/** Passes what an owned socket tells to its session; called once, in the callback that made the WebSocket. */
export function listenTo(socket: SessionSocket): void {
  socket.on('message', handleMessage);
  socket.on('ping', handleSign);
  socket.on('pong', handleSign);
  socket.on('error', handleError);
  socket.on('close', handleClose);
}

// Listeners are functions of the module that find the session on the socket: no closure per socket.

function ownerOf(socket: WebSocket): SocketOwner | undefined {
  return (socket as OwnedSocket)[OWNER];
}

function handleMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  // ws gives one Buffer for each message while `binaryType` is its default.
  ownerOf(this)?.receive(data as Buffer, isBinary);
}

function handleSign(this: WebSocket): void {
  ownerOf(this)?.touch();
}

function handleError(this: WebSocket, error: Error): void {
  ownerOf(this)?.fail(error);
}

function handleClose(this: WebSocket, code: number, reason: Buffer): void {
  ownerOf(this)?.finish(code, reason.toString('utf8'));
}
