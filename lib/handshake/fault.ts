import { RealtimeError } from '../model/errors';

/** Codes of Node, undici and OpenSSL that say: the other end of a line was not reached. */
const NETWORK_CODE =
  /^(ECONN|ENOTFOUND$|ETIMEDOUT$|EAI_|EHOST|ENET|EPIPE$|UND_ERR_|ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_)/;
const INFRASTRUCTURE_NAMES: ReadonlySet<string> = new Set([
  'AbortError',
  'TimeoutError',
  'FetchError',
  'JwksError',
  'JwksRateLimitError',
]);

interface FaultLike {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
}

/**
 * Tells whether an error means that a service could not be reached (key server, user database), which says nothing
 * about the token: such a client may come back, while one that got 401 stops for ever.
 */
export function isInfrastructureFault(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 3) return false;
  const { code, name, cause, errors } = error as FaultLike;
  if (typeof code === 'string' && NETWORK_CODE.test(code)) return true;
  if (typeof name === 'string' && INFRASTRUCTURE_NAMES.has(name)) return true;
  if (statusOf(error) >= 500) return true;
  if (Array.isArray(errors) && errors.some((each) => isInfrastructureFault(each, depth + 1))) return true;
  return isInfrastructureFault(cause, depth + 1);
}

/** The HTTP status that an error asks for (http-errors), or 0. */
export function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 0;
  const { status, statusCode } = error as FaultLike;
  if (typeof status === 'number') return status;
  return typeof statusCode === 'number' ? statusCode : 0;
}

/** Makes an Error of whatever was thrown; the value of what is none is not repeated. */
export function asError(thrown: unknown, thrower: string): Error {
  if (thrown instanceof Error) return thrown;
  return new RealtimeError('ERR_REALTIME_HANDLER', `${thrower} threw a value that is no Error`);
}
