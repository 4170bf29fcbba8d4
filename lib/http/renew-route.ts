import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LoginUserInput } from '../model/login-user';
import type { RenewalResult } from '../model/renewal';
import { ApiRefusal } from './api-refusal';
import { RealtimeError, describeValue } from '../model/errors';
import { answerJson } from './json-answer';
import { checkRouteLogin, routeLoginError } from './route-login';
import { getRenewEnd } from './app';
import { readJson } from './read-json';
import { tenantOf } from '../model/audience';

/** Options of {@link renewRoute}. */
export interface RenewRouteOptions {
  /**
   * Says who asks, as a LoginUser with the new token's `expiresAtMs`, and its `issuedAtMs` and `tokenId` where tokens are
   * revoked; `null` or `undefined` refuses with 401. The app's login middleware runs before this route.
   */
  authorize(
    req: IncomingMessage & { readonly user?: unknown },
  ): LoginUserInput | null | undefined | Promise<LoginUserInput | null | undefined>;
  /** Under which name the sender stands on `app.locals`; default `sender`. */
  readonly localsKey?: string;
}

/** A Connect-style handler. */
export type RenewHandler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const MAX_BODY_BYTES = 1024;
const UNAUTHENTICATED: Answer = { status: 401, body: { error: { code: 'unauthenticated' } } };
const UNKNOWN: Answer = { status: 404, body: { error: { code: 'unknown_session' } } };
const UNAVAILABLE: Answer = { status: 503, body: { error: { code: 'relay' } } };

/**
 * Renews the login of an open session over HTTP, for clients that cannot send `$auth` (the plain wire):
 * `app.post('/realtime/renew', login, renewRoute({ authorize }))` with the body `{ sessionId }`. Answers 200 with
 * `{ expiresInMs }`; 202 when the session is another node's, which was told; 401; 404 when this user has no such session;
 * 503 when the broker did not take it, or the attach is closing. Only the end of the session changes, never its user.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION` for an option that is missing or cannot be used.
 */
export function renewRoute(options: RenewRouteOptions): RenewHandler {
  const { localsKey } = checkOptions(options);
  return (req, res, next) => {
    renew(options, localsKey, req)
      .catch(refusalOf)
      .then(({ status, body, headers }) => answerJson(res, status, body, headers))
      .catch(next);
  };
}

async function renew(options: RenewRouteOptions, localsKey: string, req: IncomingMessage): Promise<Answer> {
  const input = await options.authorize(req);
  if (input === null || input === undefined) return UNAUTHENTICATED;
  const loginUser = checkRouteLogin(input, 'renewRoute');
  const { id, userType, tokenId, issuedAtMs, expiresAtMs } = loginUser;
  // Without an end of its own the renewed session would never end.
  if (expiresAtMs === undefined) throw routeLoginError('LoginUser.expiresAtMs is missing', 'renewRoute');
  const sessionId = sessionIdOf(await readJson(req, MAX_BODY_BYTES));
  const result = await getRenewEnd(req, localsKey)(loginUser, {
    ...{ sessionId, tenant: tenantOf(loginUser), userType: String(userType), userId: String(id), expiresAtMs },
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(issuedAtMs === undefined ? {} : { issuedAtMs }),
  });
  return answerOf(result, expiresAtMs);
}

function answerOf(result: RenewalResult, expiresAtMs: number): Answer {
  if (result === 'revoked') return UNAUTHENTICATED;
  if (result === 'unknown') return UNKNOWN;
  return { status: result === 'sent' ? 202 : 200, body: { expiresInMs: Math.max(0, expiresAtMs - Date.now()) } };
}

function sessionIdOf(body: unknown): string {
  const sessionId = (body as { readonly sessionId?: unknown } | null | undefined)?.sessionId;
  if (typeof sessionId === 'string' && sessionId !== '') return sessionId;
  throw new ApiRefusal('bad_request', 'sessionId must be a non-empty string', 'sessionId');
}

/** What the caller did wrong, or a broker that is away; anything else is for the application's error handler. */
function refusalOf(error: unknown): Answer {
  if (error instanceof ApiRefusal) {
    const { status, code, message, headers } = error;
    return { status, headers, body: { error: { code, message } } };
  }
  if (error instanceof RealtimeError && /^ERR_REALTIME_(BROKER|CLOSED)$/.test(error.code)) return UNAVAILABLE;
  throw error;
}

function checkOptions({ authorize, localsKey = 'sender' }: RenewRouteOptions): { readonly localsKey: string } {
  if (typeof authorize !== 'function') fail(`authorize must be a function, got ${describeValue(authorize)}`);
  if (typeof localsKey !== 'string' || localsKey === '') {
    fail(`localsKey must be a non-empty string, got ${describeValue(localsKey)}`);
  }
  return { localsKey };
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', `renewRoute: ${message}`);
}
