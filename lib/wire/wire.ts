/** A message of a peer, read from a text frame. */
export interface Incoming {
  readonly type: string;
  /** The parsed content; `null` when it is missing, null or empty. */
  readonly content: unknown;
  /** Present where the peer asks for a reply (`v1` only). */
  readonly id?: string | number;
}

/** Why a text frame is no message. */
export type DecodeFault = 'bad-json' | 'bad-message';

/** How messages look on a socket. Stateless: one value serves every socket. */
export interface Wire {
  readonly name: 'plain' | 'v1';
  /** Writes one message; `contentText` is JSON text and is not parsed. */
  encode(type: string, contentText: string): string;
  /** Reads one text frame; never throws. */
  decode(text: string): Incoming | DecodeFault;
}

/** The longest message type, in UTF-16 units. */
export const MAX_TYPE_LENGTH = 128;

/** Tells whether a value can be a message type: a non-empty string of at most {@link MAX_TYPE_LENGTH} units. */
export function isMessageType(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TYPE_LENGTH;
}
