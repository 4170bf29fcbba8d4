import type { LoginUser } from './login-user';

/** How a login with a new token on an open connection ended. */
export type RenewalOutcome =
  | { readonly kind: 'user'; readonly loginUser: LoginUser }
  /** The token is not good for a login. */
  | { readonly kind: 'refused' }
  /** Nobody can say: a service that the login needs was not reached, or failed. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** Runs the login of the handshake once more with a new token; never rejects. */
export type RenewLogin = (token: string) => Promise<RenewalOutcome>;

/** A new end for an open session, as it also travels between nodes: the user may be no other than before. */
export interface EndRenewal {
  readonly sessionId: string;
  /** `''` without tenants. */
  readonly tenant: string;
  readonly userType: string;
  readonly userId: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** Of the new token; the old one's stays when absent, here and below. */
  readonly tokenId?: string;
  readonly issuedAtMs?: number;
}

/** What became of a renewal; `sent`: the session is another node's, which was told. */
export type RenewalResult = 'renewed' | 'sent' | 'unknown' | 'revoked';

/** Renews the end of a session; rejects with `ERR_REALTIME_BROKER` when its node could not be told. */
export type RenewEnd = (loginUser: LoginUser, renewal: EndRenewal) => Promise<RenewalResult>;
