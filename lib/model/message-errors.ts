/**
 * Why a message of a peer was refused, one row a code: the text that the peer gets (`v1` only, constant) and whether
 * the same message may succeed later.
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
