import { RealtimeError } from '../../model/errors';

/**
 * Encodes an application's name or a node's id as one part of a channel or routing key: injective, and free of
 * `:`, `{`, `}`, `/` and blanks, so that two applications never share a channel.
 *
 * @throws ERR_REALTIME_OPTION when it is empty or longer than 120 bytes once encoded.
 */
export function namePart(text: string): string {
  const part = encodeURIComponent(text);
  if (part === '' || part.length > 120) {
    throw new RealtimeError(
      'ERR_REALTIME_OPTION',
      `name must be 1 to 120 bytes once encoded for a URL, got ${part.length}`,
    );
  }
  return part;
}
