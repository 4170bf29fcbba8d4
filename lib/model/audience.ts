import type { LoginUser } from './login-user';

/**
 * A target made canonical: whom a message reaches, as plain data that can also travel between nodes.
 * Ids, user types and tenants are strings here, since that is how they are compared.
 */
export type Audience =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'userType'; readonly userType: string }
  | { readonly kind: 'user'; readonly userType: string; readonly ids: readonly string[] }
  | { readonly kind: 'room'; readonly room: string }
  | { readonly kind: 'session'; readonly sessionId: string };

/** Which tenants an audience may touch: one, or, only when asked for by name, all. Without tenants the one is `''`. */
export type Scope = { readonly tenant: string } | 'all';

/** The tenant of a login as audiences name it; `''` without tenants and for guests. */
export function tenantOf(loginUser: Pick<LoginUser, 'tenantId'> | null): string {
  const tenantId = loginUser?.tenantId;
  return tenantId === undefined ? '' : String(tenantId);
}

/** Who is left out of an audience: sessions by id, users by key (tenant-free, see {@link userKey}). */
export interface Exception {
  readonly sessionIds: readonly string[];
  readonly users: readonly { readonly userType: string; readonly id: string }[];
}

/** An audience with its scope and exception: all that a node needs to find the sessions. */
export interface Addressed {
  readonly scope: Scope;
  readonly audience: Audience;
  readonly except?: Exception;
}

/**
 * One audience of one tenant, as the key of a map. Every part but the last is written with its length in front,
 * so that no id, type or room name can be chosen to collide with another key.
 */
export type AudienceKey = string;

/** The key of all sessions of a tenant. */
export function everyoneKey(tenant: string): AudienceKey {
  return `e${tenant}`;
}

/** The key of all sessions of one user type. */
export function userTypeKey(tenant: string, userType: string): AudienceKey {
  return `t${tenant.length}:${tenant}${userType}`;
}

/** The key of all sessions of one user. */
export function userKey(tenant: string, userType: string, id: string): AudienceKey {
  return `u${tenant.length}:${tenant}${userType.length}:${userType}${id}`;
}

/** The key of all sessions in one room. */
export function roomKey(tenant: string, room: string): AudienceKey {
  return `r${tenant.length}:${tenant}${room}`;
}
