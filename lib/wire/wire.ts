import type { MessageErrorBody } from '../model/message-errors';

/** What a peer calls a message that it wants an answer to: chosen by the asking side, unique among its open requests. */
export type RequestId = string | number;

/** A message of a peer, read from a text frame. */
export interface Incoming {
  readonly type: string;
  /** The parsed content; `null` when it is missing, null or empty. */
  readonly content: unknown;
  /** Present where the peer asks for a reply, and on answers (`v1` only). */
  readonly id?: RequestId;
}

/** Why a text frame is no message. */
export type DecodeFault = 'bad_json' | 'bad_message';

/**
 * How messages look on a socket. Stateless: one value serves every socket. Frames that a wire does not have are
 * `undefined`: the plain wire never sends anything but messages and `pong`.
 */
export interface Wire {
  readonly name: 'plain' | 'v1';
  /** Writes one message; `contentText` is JSON text and is not parsed. */
  encode(type: string, contentText: string): string;
  /** Writes a message that asks for a reply. */
  encodeRequest(type: string, contentText: string, id: RequestId): string | undefined;
  /** Writes the reply to a request. */
  encodeReply(id: RequestId, contentText: string): string | undefined;
  /** Writes why a message was refused; without an id when the message had none. */
  encodeError(id: RequestId | undefined, error: MessageErrorBody): string | undefined;
  /** Writes a frame of the protocol itself, `$hello` and its like. */
  encodeControl(type: ControlType, content: object): string | undefined;
  /** Reads one text frame; never throws. */
  decode(text: string): Incoming | DecodeFault;
}

/** The frames of the protocol that the server sends by itself. */
export type ControlType = '$hello' | '$expiring' | '$draining';

/** JSON has no `undefined`, so that value is free to mean "not JSON". */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
