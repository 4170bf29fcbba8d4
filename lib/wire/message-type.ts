import { MAX_TYPE_LENGTH, isMessageType } from './wire';
import { RealtimeError, describeValue } from '../model/errors';

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
