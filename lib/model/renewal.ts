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
