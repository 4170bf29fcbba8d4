import { RealtimeError, describeValue } from './errors';

/**
 * Close codes that this package sends. 44xx tells a client not to come back as it is, except 4408 and 4429;
 * these two, 45xx, 1001, 1011, 1012 and 1013 mean: reconnect with backoff.
 */
export const CloseCode = {
  /** Normal end, as asked for. RFC 6455 §7.4.1. */
  normal: 1000,
  /** The server goes away. RFC 6455 §7.4.1. */
  goingAway: 1001,
  /** A binary frame came; only text is spoken. RFC 6455 §7.4.1. */
  unsupportedData: 1003,
  /** No close frame was seen; only told to `onClose`, never sent. RFC 6455 §7.4.1. */
  abnormal: 1006,
  /** A message above `maxPayloadBytes`. RFC 6455 §7.4.1. */
  tooBig: 1009,
  /** The server failed. RFC 6455 §7.4.1. */
  internalError: 1011,
  /** The server restarts. */
  serviceRestart: 1012,
  /** The server is overloaded: try later. */
  tryAgainLater: 1013,
  /** The login has expired or was revoked. */
  loginExpired: 4401,
  /** The session was removed by the application. */
  removed: 4403,
  /** The peer read too slowly: more than `maxBufferedBytes` waited for it. */
  tooSlow: 4408,
  /** A newer session of the same user took this one's place. */
  replaced: 4409,
  /** The peer sent too many messages. */
  tooMany: 4429,
} as const;

/** What a close frame says. `reason` is cut to 123 bytes (RFC 6455 §5.5) on a character border. */
export interface CloseSpec {
  readonly code: number;
  readonly reason: string;
}

const MAX_REASON_BYTES = 123;

/**
 * Checks a close code and cuts the reason to what fits into a close frame.
 *
 * @param code 1000–1003, 1007–1014 or 3000–4999 (RFC 6455 §7.4).
 * @throws RealtimeError `ERR_REALTIME_CLOSE_CODE` for any other code or a reason that is no string.
 */
export function closeSpec(code: unknown, reason: unknown = ''): CloseSpec {
  if (typeof code !== 'number' || !isSendableCode(code)) {
    throw new RealtimeError(
      'ERR_REALTIME_CLOSE_CODE',
      `close code must be 1000–1003, 1007–1014 or 3000–4999, got ${describeValue(code)}`,
    );
  }
  if (typeof reason !== 'string') {
    throw new RealtimeError('ERR_REALTIME_CLOSE_CODE', `close reason must be a string, got ${describeValue(reason)}`);
  }
  return { code, reason: cutToBytes(reason, MAX_REASON_BYTES) };
}

function isSendableCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  // A UTF-8 continuation byte is 10xxxxxx: step back to the first byte of the character that does not fit.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
