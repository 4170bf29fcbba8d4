import type { LiveSession } from '../session/live-session';
import type { LoginUser } from '../model/login-user';
import type { MessageErrorBody } from '../model/message-errors';
import type { RenewLogin } from '../model/renewal';
import type { Report } from '../session/report';
import { CloseCode } from '../model/close-codes';
import { messageErrorBody } from '../model/message-errors';
import { tenantOf, userKey } from '../model/audience';

/** What `$auth` is answered with; `undefined` when the session was closed instead. */
export type RenewalAnswer = { readonly expiresInMs?: number } | { readonly error: MessageErrorBody } | undefined;

/** What a renewal needs of its surroundings. */
export interface RenewalHost {
  readonly renewLogin: RenewLogin;
  readonly isRevoked: (loginUser: LoginUser) => boolean;
  readonly report: Report;
}

/**
 * Renews the login of an open session. A wrong token, or one of another user or tenant, ends the session (4401); a login
 * that failed on our side changes nothing: the old login still counts until its end.
 */
export async function renewSession(
  session: LiveSession,
  content: unknown,
  { renewLogin, isRevoked, report }: RenewalHost,
): Promise<RenewalAnswer> {
  const token = (content as { readonly token?: unknown } | null)?.token;
  if (typeof token !== 'string' || token === '') return { error: messageErrorBody('bad_message') };
  const outcome = await renewLogin(token);
  if (outcome.kind === 'failed') {
    report(outcome.error, { session });
    return { error: messageErrorBody('internal') };
  }
  if (outcome.kind === 'refused' || !isSameUser(session.loginUser, outcome.loginUser)) {
    session.end('expired', CloseCode.loginExpired, 'login refused');
    return undefined;
  }
  // Closed while the login ran: nothing of it may be kept alive.
  if (!session.isOpen) return undefined;
  if (isRevoked(outcome.loginUser)) {
    session.end('revoked', CloseCode.loginExpired, 'login revoked');
    return undefined;
  }
  session.renew(outcome.loginUser);
  const { expiresAtMs } = outcome.loginUser;
  return expiresAtMs === undefined ? {} : { expiresInMs: Math.max(0, expiresAtMs - Date.now()) };
}

/** A session never changes hands: its rooms, data and audiences belong to one user. */
function isSameUser(before: LoginUser | null, after: LoginUser): boolean {
  if (before === null) return false;
  return identity(before) === identity(after);
}

function identity(loginUser: LoginUser): string {
  return userKey(tenantOf(loginUser), String(loginUser.userType), String(loginUser.id));
}
