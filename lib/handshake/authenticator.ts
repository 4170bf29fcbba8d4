import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authenticate } from './handshake';
import { isThenable } from '../model/thenable';

/** How a request's login ended. */
export type LoginOutcome =
  /** Somebody is there; not yet a LoginUser. */
  | { readonly kind: 'user'; readonly user: unknown; readonly info: unknown }
  /** The strategies let the request pass without a decision; `user` is what they or a middleware left on it. */
  | { readonly kind: 'passed'; readonly user: unknown; readonly hasBadCredentials: boolean }
  /** Nobody; `detail` is safe to log. */
  | { readonly kind: 'nobody'; readonly hasBadCredentials: boolean; readonly detail: string }
  | { readonly kind: 'fault'; readonly error: unknown };

/**
 * Finds out who a request is. Calls `onOutcome`, now or later; further calls after the first are to be ignored, and
 * a throw is a `fault`.
 */
export type Authenticator = (
  req: IncomingMessage,
  res: ServerResponse,
  onOutcome: (outcome: LoginOutcome) => void,
) => void;

/** Makes the authenticator of an application without Passport. */
export function functionAuthenticator(authenticate: Authenticate): Authenticator {
  return (req, _res, onOutcome) => {
    const result: unknown = authenticate(req);
    if (!isThenable(result)) {
      onOutcome(outcomeOf(result));
      return;
    }
    result.then(
      (user) => onOutcome(outcomeOf(user)),
      (error: unknown) => onOutcome({ kind: 'fault', error }),
    );
  };
}

function outcomeOf(user: unknown): LoginOutcome {
  if (user !== null && user !== undefined) return { kind: 'user', user, info: undefined };
  return { kind: 'nobody', hasBadCredentials: false, detail: 'authenticate gave no user' };
}
