/**
 * Every code that a {@link RealtimeError} can carry. Codes are stable: a retired one is never used again.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_REALTIME_OPTION` | an option is unknown, missing, of the wrong type or out of range |
 * | `ERR_REALTIME_ATTACH` | nothing to attach to: no Express app found, path taken, nothing attached |
 * | `ERR_REALTIME_LOGIN_USER` | what the app gave as LoginUser has no usable id, type or tenant |
 * | `ERR_REALTIME_TARGET` | a target has no or several addresses, an unknown key, or a value that cannot be an id |
 * | `ERR_REALTIME_TENANT` | a tenant is missing where one is needed, or given where there are none |
 * | `ERR_REALTIME_TYPE` | a message type is no usable string, is reserved, or is registered twice |
 * | `ERR_REALTIME_CONTENT` | content cannot be written as JSON, or is larger than allowed |
 * | `ERR_REALTIME_CLOSE_CODE` | a close code or reason that may not stand in a close frame |
 * | `ERR_REALTIME_BROKER` | the broker did not take a frame in time: whether other nodes get it is unknown |
 * | `ERR_REALTIME_BROKER_SETUP` | the broker is set up wrongly: address, password, topic, exchange, group, missing driver |
 * | `ERR_REALTIME_GROUP_SHARED` | two live nodes use one consumer group or slot |
 * | `ERR_REALTIME_START_TIMEOUT` | the node was not ready within `startTimeoutMs` |
 * | `ERR_REALTIME_CLOSED` | the attach or sender has been closed |
 * | `ERR_REALTIME_TIMEOUT` | a request had no reply in time, or a handler overran `handlerTimeoutMs` |
 * | `ERR_REALTIME_HANDLER` | a message handler or hook of the app threw |
 * | `ERR_REALTIME_REFUSED` | a peer's message was refused: not JSON, unknown type, failed schema, not allowed, too many |
 * | `ERR_REALTIME_WIRE` | the client speaks a wire that cannot do this: the plain one has no requests |
 */
export type RealtimeErrorCode =
  | 'ERR_REALTIME_OPTION'
  | 'ERR_REALTIME_ATTACH'
  | 'ERR_REALTIME_LOGIN_USER'
  | 'ERR_REALTIME_TARGET'
  | 'ERR_REALTIME_TENANT'
  | 'ERR_REALTIME_TYPE'
  | 'ERR_REALTIME_CONTENT'
  | 'ERR_REALTIME_CLOSE_CODE'
  | 'ERR_REALTIME_BROKER'
  | 'ERR_REALTIME_BROKER_SETUP'
  | 'ERR_REALTIME_GROUP_SHARED'
  | 'ERR_REALTIME_START_TIMEOUT'
  | 'ERR_REALTIME_CLOSED'
  | 'ERR_REALTIME_TIMEOUT'
  | 'ERR_REALTIME_HANDLER'
  | 'ERR_REALTIME_REFUSED'
  | 'ERR_REALTIME_WIRE';

/** The one error class of this package; `code` says what happened, `message` what to do. Carries no token and no content. */
export class RealtimeError extends Error {
  override readonly name = 'RealtimeError';
  readonly code: RealtimeErrorCode;

  constructor(code: RealtimeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Describes a value for an error message: its type and, for short plain values, the value itself.
 * Never prints the inside of an object, so that no secret of the caller ends up in a log.
 */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'bigint') return 'a bigint';
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
