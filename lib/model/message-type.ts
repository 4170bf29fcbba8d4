import { RealtimeError, describeValue } from './errors';

/** The longest message type, in UTF-16 units. */
export const MAX_TYPE_LENGTH = 128;

/** Tells whether a value can be a message type: a non-empty string of at most {@link MAX_TYPE_LENGTH} units. */
export function isMessageType(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TYPE_LENGTH;
}

/**
 * Checks the type of a message that the application sends or registers.
 *
 * @throws RealtimeError `ERR_REALTIME_TYPE` for anything but a non-empty string of at most 128 UTF-16 units that does
 *   not begin with `$`: those types belong to the protocol.
 */
export function checkType(type: unknown): string {
  if (!isMessageType(type)) {
    throw new RealtimeError(
      'ERR_REALTIME_TYPE',
      `a message type must be a non-empty string of at most ${MAX_TYPE_LENGTH} characters, got ${describeValue(type)}`,
    );
  }
  if (type.startsWith('$')) {
    throw new RealtimeError('ERR_REALTIME_TYPE', 'message types that begin with $ belong to the protocol');
  }
  return type;
}
