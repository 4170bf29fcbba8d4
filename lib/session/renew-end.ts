import type { EndRenewal } from '../model/renewal';
import type { Hub } from './hub';
import type { LiveSession } from './live-session';
import type { Revocations } from './revocations';

/**
 * Gives an open session of this process a new end. What else is known of its user stays as it was.
 *
 * @returns false when there is no such session of this user, or the login was revoked.
 */
export function renewEnd(hub: Hub, revocations: Revocations, renewal: EndRenewal): boolean {
  const session = hub.get(renewal.sessionId);
  if (session === undefined || session.loginUser === null || !session.isOpen || !isOf(session, renewal)) return false;
  const { expiresAtMs, tokenId, issuedAtMs } = renewal;
  const loginUser = Object.freeze({
    ...{ ...session.loginUser, expiresAtMs },
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(issuedAtMs === undefined ? {} : { issuedAtMs }),
  });
  if (revocations.isRevoked(loginUser)) return false;
  session.renew(loginUser);
  return true;
}

function isOf({ loginUser, tenant }: LiveSession, renewal: EndRenewal): boolean {
  if (loginUser === null || tenant !== renewal.tenant) return false;
  return String(loginUser.id) === renewal.userId && String(loginUser.userType) === renewal.userType;
}
