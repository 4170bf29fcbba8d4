import { describeValue, RealtimeError } from '../../model/errors';
import { nearest } from '../../model/nearest';

/**
 * Refuses options that are no object or hold a key that the broker does not know.
 *
 * @throws ERR_REALTIME_OPTION naming the key, and the nearest known one for a typo.
 */
export function checkOptionKeys(factory: string, options: unknown, known: readonly string[]): void {
  if (options === null || typeof options !== 'object') {
    throw optionError(`${factory}: options must be an object, got ${describeValue(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
    throw optionError(`${factory}: unknown option ${JSON.stringify(key)}; ${hint}`);
  }
}

/**
 * Reads a time in milliseconds, 1 to 2^31 − 1.
 *
 * @throws ERR_REALTIME_OPTION when it is anything else.
 */
export function checkMs(factory: string, key: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) < 2 ** 31) return Number(value);
  throw optionError(
    `${factory}: ${key} must be a whole number of milliseconds, at least 1, got ${describeValue(value)}`,
  );
}

/** A mistake of the developer in a broker's options. */
export function optionError(message: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_OPTION', message);
}
