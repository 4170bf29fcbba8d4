import type { WebSocket } from 'ws';
import type { Id, LoginUser } from '../model/login-user';
import type { Session } from './session';

/** A session, a raw socket, or nothing. */
export type SessionLike = Session<LoginUser | null> | WebSocket | null | undefined;

/** The LoginUser of a session or raw socket; `null` when there is none (seed §1.1). */
export function getLoginUser(session: SessionLike): LoginUser | null {
  return (session as { readonly loginUser?: LoginUser | null } | null | undefined)?.loginUser ?? null;
}

/** The user's id, or `null` (seed §1.1). */
export function getLoginUserId(session: SessionLike): Id | null {
  return getLoginUser(session)?.id ?? null;
}

/** The user's type, or `null` (seed §1.1). */
export function getLoginUserType(session: SessionLike): Id | null {
  return getLoginUser(session)?.userType ?? null;
}

/** The user's tenant, or `null` (seed §1.1). */
export function getTenantId(session: SessionLike): Id | null {
  return getLoginUser(session)?.tenantId ?? null;
}
