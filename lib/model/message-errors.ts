/** What a peer is told of a refused message (`v1` only). */
export interface MessageErrorBody {
  /** A key of {@link MESSAGE_ERRORS}, or a code of the application's own. */
  readonly code: string;
  readonly message: string;
  /** Whether the same message may succeed later. */
  readonly retryable: boolean;
}

/**
 * Why a message of a peer was refused, one row a code: the text that the peer gets (constant) and whether the same
 * message may succeed later. Server, client and PROTOCOL.md share this table.
 */
export const MESSAGE_ERRORS = {
  bad_json: { message: 'not valid JSON', retryable: false },
  bad_message: { message: 'not a message: an object with a string type is wanted', retryable: false },
  unknown_type: { message: 'no handler for this type', retryable: false },
  invalid_content: { message: 'content does not fit the schema of this type', retryable: false },
  forbidden: { message: 'not allowed', retryable: false },
  busy: { message: 'too many messages are waiting', retryable: true },
  rate_limited: { message: 'too many messages', retryable: true },
  timeout: { message: 'the handler took too long', retryable: true },
  internal: { message: 'internal error', retryable: true },
} as const;

/** A key of {@link MESSAGE_ERRORS}. */
export type MessageErrorCode = keyof typeof MESSAGE_ERRORS;

/** What the peer is told for a code of the table. */
export function messageErrorBody(code: MessageErrorCode): MessageErrorBody {
  return { code, ...MESSAGE_ERRORS[code] };
}

/**
 * Thrown by a handler to refuse a request with a code and text of the application's own; whatever else a handler
 * throws reaches the client as `internal`, without its text. Also what {@link Session.request} rejects with when the
 * client refused.
 */
export class MessageError extends Error {
  override readonly name = 'MessageError';
  readonly code: string;
  readonly retryable: boolean;

  /** @param code a short word for programs; @param message a text that the client may see. */
  constructor(code: string, message: string, options: { readonly retryable?: boolean } = {}) {
    super(message);
    // Plain JavaScript may give a number; a bigint could not even be written.
    this.code = String(code);
    this.retryable = options.retryable === true;
  }

  /** The body of the error frame. */
  toBody(): MessageErrorBody {
    return { code: this.code, message: this.message, retryable: this.retryable };
  }
}
